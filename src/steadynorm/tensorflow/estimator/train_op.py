"""What a train_op should do besides updating moving statistics, said before the training starts."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import tensorflow as tf

from steadynorm.graphs.reachability import Reachability
from steadynorm.tensorflow.inference_mode import layers_fixed_in_inference
from steadynorm.tensorflow.layer_variables import read_graph
from steadynorm.tensorflow.watch import UnsafeLayerWarning, remember_fixed

_log = logging.getLogger("steadynorm")


def check_counts_steps(train_op: Any, strict: bool) -> None:
    """Says where a run of `train_op` leaves the global step as it is: then no training by steps ends.

    Raises:
        ValueError: strict, and nothing on the way of the train_op writes the global step.
    """
    step = tf.compat.v1.train.get_global_step()
    operation = train_op if isinstance(train_op, tf.Operation) else train_op.op
    if step.op.name in Reachability(read_graph()).reach([operation.name]).writes:
        return
    message = (
        f"train_op {operation.name} does not increment the global step {step.op.name}, so steps and max_steps end no "
        "training, and checkpoints and summaries by steps are not written: pass "
        "global_step=tf.compat.v1.train.get_global_step() to minimize or apply_gradients"
    )
    if strict:
        raise ValueError(message)
    _log.warning("%s", message)


def check_trained_layers(train_op: Any, strict: bool, except_for: tuple[str, ...] = ()) -> None:
    """Says which layers a run of `train_op` trains although the graph applies them in inference mode only.

    Layers that are frozen, gamma and beta included, are not meant.

    Arguments:
        train_op: of the default graph.
        strict: raise instead of warning.
        except_for: beginnings of the names of layers' scopes that are to stay so.

    Raises:
        ValueError: strict, and there are such layers.
    """
    trained = layers_fixed_in_inference(train_op)
    excepted = [name for name in trained if f"{name}/".startswith(except_for)]
    named = [name for name in trained if name not in excepted]
    remember_fixed(trained)
    if not named:
        return
    message = (
        f"{', '.join(map(repr, named))} {'is' if len(named) == 1 else 'are'} trained, but fixed in inference mode, "
        "normalizing by moving statistics that never move: pass training=(mode == ModeKeys.TRAIN), or is_training; to "
        "keep layers frozen, leave their gamma and beta out of the variables to train"
    )
    if strict:
        raise ValueError(message)
    warnings.warn(message, UnsafeLayerWarning, stacklevel=3)
