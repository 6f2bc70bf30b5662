"""How one batch moves the moving averages, with the names of TensorFlow's operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def move(variable: Any, value: Any, decay: Any) -> Any:
    """Return what moves an average towards a value: variable ← decay · variable + (1 − decay) · value.

    Args:
        variable: the average.
        value: of the same shape.
        decay: fraction of the old value that is kept, a number or a tensor.

    Returns:
        The new value as a tensor for reference variables, the operation for resource variables.
    """
    with tf.name_scope("AssignMovingAvg") as scope:
        rate = tf.cast(1.0 - decay, variable.dtype.base_dtype)
        return _assign_sub(variable, (read_after(variable, value) - value) * rate, scope)


def move_debiased(variable: Any, biased: Any, local_step: Any, value: Any, decay: Any, seen: Any = None) -> Any:
    """Return what moves an average that is divided by 1 − decayᵗ after t updates (Kingma & Ba, 2015, section 3).

    Args:
        variable: the average without bias.
        biased: the average that started from zero.
        local_step: the number of updates.
        value: of the same shape as the averages.
        decay: fraction of the old value that is kept.
        seen: scalar boolean, whether there is a value; None if there always is.
    """
    dtype = variable.dtype.base_dtype
    with tf.name_scope("AssignMovingAvg") as scope:
        rate = tf.cast(1.0 - decay, dtype)
        step = tf.ones([], dtype) if seen is None else tf.cast(seen, dtype)
        old = read_after(biased, value)
        # A batch without values must leave all three as they are, also at step 0 where the factor is zero.
        value = value if seen is None else tf.where(seen, value, old)
        new = old - (old - value) * rate
        steps = read_after(local_step, value) + step
        factor = 1 - tf.pow(1 - rate, tf.maximum(steps, 1))
        average = new / factor
        if seen is not None:
            average = tf.where(seen, average, read_after(variable, value))
        # All three are computed before any is assigned: a reference variable is read in place.
        with tf.control_dependencies([new, steps, average]):
            shadows = [assign(biased, new), assign(local_step, steps)]
        with tf.control_dependencies(shadows):
            return assign(variable, average, scope)


def assign(variable: Any, value: Any, name: str | None = None) -> Any:
    """Return what assigns a value: a tensor for a reference variable, the operation for a resource variable."""
    if is_resource(variable):
        return variable.assign(value, read_value=False, name=name)
    return tf.compat.v1.assign(variable, value, name=name)


def read_after(variable: Any, operation: Any) -> Any:
    """Return the value that a variable has once an operation has run.

    In a loop, a read that depends on nothing of the iteration is taken out by TensorFlow's optimizer, and every
    iteration would see the value from before the loop.
    """
    with tf.control_dependencies([operation]):
        return variable.read_value()


def _assign_sub(variable: Any, delta: Any, name: str) -> Any:
    if is_resource(variable):
        return variable.assign_sub(delta, read_value=False, name=name)
    return tf.compat.v1.assign_sub(variable, delta, name=name)


def is_resource(variable: Any) -> bool:
    """Tell resource variables from reference variables, the ones of TensorFlow 1."""
    handle = getattr(variable, "handle", None)
    return handle is not None and handle.dtype == tf.resource
