"""What a train_op should do besides updating moving statistics, said before the training starts."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.layer_variables import read_graph
from steadynorm.tensorflow.reachability import Reachability

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
