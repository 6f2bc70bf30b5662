"""What a train_op should do besides updating moving statistics, said before the training starts."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.fetches import to_operation
from steadynorm.tensorflow.inference_mode import fixed_in_inference
from steadynorm.tensorflow.step_reading import StepReading
from steadynorm.tensorflow.watch import UnsafeLayerWarning, remember_fixed

_log = logging.getLogger("steadynorm")


def check_counts_steps(train_op: Any, reading: StepReading, strict: bool) -> None:
    """Says where a run of `train_op` leaves the global step as it is: then no training by steps ends.

    Raises:
        ValueError: strict, and nothing on the way of the train_op writes the global step.
    """
    step = tf.compat.v1.train.get_global_step()
    if step.op.name in reading.reached.writes:
        return
    message = (
        f"train_op {to_operation(train_op).name} does not increment the global step {step.op.name}, so steps and "
        "max_steps end no training, and checkpoints and summaries by steps are not written: pass "
        "global_step=tf.compat.v1.train.get_global_step() to minimize or apply_gradients"
    )
    if strict:
        raise ValueError(message)
    _log.warning("%s", message)


def check_trained_layers(reading: StepReading, strict: bool, except_for: tuple[str, ...] = ()) -> None:
    """Says which layers a train step trains although the graph applies them in inference mode only.

    Layers that are frozen, gamma and beta included, are not meant.

    Arguments:
        reading: of the train_op, in the default graph.
        strict: raise instead of warning.
        except_for: beginnings of the names of layers' scopes that are to stay so.

    Raises:
        ValueError: strict, and there are such layers.
    """
    trained = fixed_in_inference(reading)
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
