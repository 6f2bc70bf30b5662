"""Runs a model's metrics over the evaluation data and writes them where TensorBoard looks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.tensorflow.estimator.spec import GLOBAL_STEP, LOSS, EstimatorSpec

_log = logging.getLogger("steadynorm")


def run_evaluation(spec: EstimatorSpec, session_creator: Any, hooks: list[Any], steps: int | None) -> dict[str, Any]:
    """The metrics of the default graph over `steps` batches, or over all for None.

    Returns:
        Name → value of every metric, `loss` (mean over the batches) and `global_step` (of the checkpoint).

    Raises:
        ValueError: the inputs end before the first batch.
    """
    metrics = {**spec.eval_metric_ops, LOSS: tf.compat.v1.metrics.mean(spec.loss)}
    update = tf.group(*(update for _, update in metrics.values()), name="update_metrics")
    values = {name: value for name, (value, _) in metrics.items()}
    values[GLOBAL_STEP] = tf.compat.v1.train.get_global_step()
    # The inputs end by an error, after which the session lets only hooks run.
    final = tf.compat.v1.train.FinalOpsHook(values)
    done = 0
    with tf.compat.v1.train.MonitoredSession(session_creator, hooks=[*hooks, *spec.evaluation_hooks, final]) as session:
        while not session.should_stop() and (steps is None or done < steps):
            session.run(update)
            done += 1
    if not done:
        raise ValueError(
            "the inputs of the evaluation end before the first batch; expected data: look at what input_fn reads"
        )
    return dict(final.final_ops_values)


def write_metrics(folder: str, metrics: Mapping[str, Any], checkpoint: str | None) -> None:
    """Writes metrics as summaries at their global step, beside the checkpoint that they belong to."""
    step = int(metrics[GLOBAL_STEP])
    summary = tf.compat.v1.Summary()
    for name, value in sorted(metrics.items()):
        if name != GLOBAL_STEP:
            _add(summary, name, value)
    if checkpoint is not None:
        _add_text(summary, "checkpoint_path", checkpoint)
    with tf.Graph().as_default():  # A FileWriter of TensorFlow 1 refuses to be made outside of a graph.
        writer = tf.compat.v1.summary.FileWriterCache.get(folder)
    writer.add_summary(summary, step)
    writer.flush()
    shown = ", ".join(f"{name} = {value}" for name, value in sorted(metrics.items()) if not isinstance(value, bytes))
    _log.info("evaluation at step %d: %s", step, shown)


def _add(summary: Any, name: str, value: Any) -> None:
    if isinstance(value, (bytes, np.bytes_)):
        _add_serialized(summary, name, bytes(value))
    elif np.ndim(value) == 0 and np.issubdtype(np.asarray(value).dtype, np.number):
        summary.value.add(tag=name, simple_value=float(value))
    elif isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.number):
        summary.value.add(tag=name, tensor=tf.make_tensor_proto(value))
    else:
        _log.warning("metric %s is a %s, which no summary can hold; it is left out of them", name, type(value).__name__)


def _add_serialized(summary: Any, name: str, value: bytes) -> None:
    """A metric that is itself a summary, such as of images."""
    try:
        inner = tf.compat.v1.Summary.FromString(value)
    except ValueError:  # the error of a damaged message is one
        _log.warning("metric %s is a string and no serialized summary; it is left out of the summaries", name)
        return
    for index, part in enumerate(inner.value):
        part.tag = f"{name}/{index}"
        summary.value.append(part)


def _add_text(summary: Any, name: str, text: str) -> None:
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="text"))
    summary.value.add(tag=name, metadata=metadata, tensor=tf.make_tensor_proto(text, dtype=tf.string))
