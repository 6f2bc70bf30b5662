"""Training or inference: a Python bool, or a tensor that chooses each time the graph runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def resolve_mode(value: Any, argument: str, layer: str) -> Any:
    """Return the mode as a Python bool if the graph fixes it, otherwise as a boolean scalar tensor.

    Args:
        value: a bool, 0 or 1, a boolean scalar tensor, placeholder or variable.
        argument: name of the argument that it came by, for the error.
        layer: name of the layer, for the error.

    Raises:
        TypeError: it is none of these.
    """
    advice = (
        f"{argument} of batch normalization {layer!r} is {value!r}; expected True, False, or a boolean scalar tensor, "
        "placeholder or variable"
    )
    if isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    if not (tf.is_tensor(value) or isinstance(value, tf.Variable)):
        raise TypeError(f"{advice}: compare the mode that you have, as in mode == 'train'")
    if not value.dtype.is_bool:
        raise TypeError(f"{advice}: cast it with tf.cast(…, tf.bool)")
    if not value.shape.is_compatible_with([]):
        raise TypeError(f"{advice}, and this has shape {value.shape}: reduce it to one value")
    tensor = tf.convert_to_tensor(value)
    static = tf.get_static_value(tensor)
    return tensor if static is None else bool(static)


def choose(mode: Any, training: Callable[[], Any], inference: Callable[[], Any]) -> Any:
    """Return what the function for the mode returns; for a tensor, both become branches of the graph.

    Args:
        mode: from `resolve_mode`.
        training: makes a structure of tensors.
        inference: makes tensors of the same structure and types.
    """
    if isinstance(mode, bool):
        return training() if mode else inference()
    return tf.cond(mode, training, inference)
