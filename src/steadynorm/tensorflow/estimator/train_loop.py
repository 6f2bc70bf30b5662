"""Runs the train op until it is time to stop, saving, logging and summarizing on the way."""

from __future__ import annotations

import logging
import math
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.config import RunConfig
from steadynorm.tensorflow.estimator.saving import add_saver, saving
from steadynorm.tensorflow.estimator.spec import LOSS, EstimatorSpec

_log = logging.getLogger("steadynorm")


class NanLossError(tf.compat.v1.train.NanLossDuringTrainingError):  # type: ignore[misc]
    """The loss became NaN; says when and what to look at."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step

    def __str__(self) -> str:
        return (
            f"the loss is NaN after {self.step} steps; expected a number: look for NaN in the inputs, log or division "
            "by zero, or lower the learning rate; the last checkpoint is from before"
        )


class _StopOnNan(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]
    """Raises in the step in which the loss is NaN, before that step is saved."""

    def __init__(self, loss: Any, global_step: Any) -> None:
        self._fetches = [loss, global_step]

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._fetches)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        del run_context
        loss, step = run_values.results
        if math.isnan(loss):
            raise NanLossError(int(step))


def run_training(
    spec: EstimatorSpec,
    train_op: Any,
    model_dir: str,
    config: RunConfig,
    hooks: list[Any],
    saving_listeners: list[Any],
) -> float | None:
    """Trains the default graph from its last checkpoint in `model_dir`, or from its initial values.

    Arguments:
        spec: what the model_fn returned.
        train_op: the step, with all updates.
        model_dir: folder of checkpoints and summaries.
        config: how often to save, log and summarize.
        hooks: the inputs' and the user's; one of them may be a CheckpointSaverHook, which then saves alone.
        saving_listeners: CheckpointSaverListeners.

    Returns:
        The loss of the last step; None if the inputs were at their end before the first.

    Raises:
        NanLossError: the loss became NaN.
        ValueError: there are saving listeners, and nothing saves.
    """
    _summarize_loss(spec.loss)
    scaffold = spec.scaffold or tf.compat.v1.train.Scaffold()
    add_saver(scaffold, config)
    hooks = [_StopOnNan(spec.loss, tf.compat.v1.train.get_global_step()), *hooks, *spec.training_hooks]
    if config.log_step_count_steps is not None:
        shown = {LOSS: spec.loss, "step": tf.compat.v1.train.get_global_step()}
        hooks.append(tf.compat.v1.train.LoggingTensorHook(shown, every_n_iter=config.log_step_count_steps))
    hooks.extend(spec.training_chief_hooks)

    loss = None
    with (
        saving(hooks, scaffold, model_dir, config, saving_listeners) as savers,
        tf.compat.v1.train.MonitoredTrainingSession(
            checkpoint_dir=model_dir,
            scaffold=scaffold,
            # Savers come last and are not among the chief's hooks, which run first: a NaN must stop before it is saved.
            hooks=[*hooks, *savers],
            save_checkpoint_secs=None,
            save_checkpoint_steps=None,
            save_summaries_steps=config.save_summary_steps or None,
            save_summaries_secs=None,
            config=config.session_config,
            max_wait_secs=config.session_creation_timeout_secs,
            log_step_count_steps=config.log_step_count_steps,
            save_graph_def=config.checkpoint_save_graph_def,
        ) as session,
    ):
        while not session.should_stop():
            _, loss = session.run([train_op, spec.loss])
    if loss is None:
        _log.warning("training made no step: the inputs ended before the first; look at what input_fn reads")
        return None
    _log.info("loss of the last step: %s", loss)
    return float(loss)


def _summarize_loss(loss: Any) -> None:
    """Adds the loss to the summaries, unless the model has a summary of that name or of the loss itself."""
    for summary in tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SUMMARIES):
        if summary.op.type == "ScalarSummary":
            tag, value = summary.op.inputs
            if tf.get_static_value(tag) == LOSS.encode() or value is loss:
                return
    tf.compat.v1.summary.scalar(LOSS, loss)
