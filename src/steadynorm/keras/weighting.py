"""Sample weights and masks as they are given to a layer, lined up with its input."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def joint_weights(x: Any, axis: int, mask: Any, sample_weight: Any) -> Any:
    """Return the product of mask and weights with as many axes as the input, a constant for the gradient.

    Args:
        x: the input.
        axis: its channel axis, from 0.
        mask: bool or number, or None; shapes as those of `sample_weight`.
        sample_weight: per sample (N,) or per position, the shape of the input without the channel axis; or None.

    Returns:
        Weights that broadcast to the input, in float32 or wider; None for neither.

    Raises:
        ValueError: a shape fits none of these.
    """
    given = {"mask": mask, "sample_weight": sample_weight}
    aligned = [_aligned(name, each, x, axis) for name, each in given.items() if each is not None]
    if not aligned:
        return None
    return ops.stop_gradient(aligned[0] if len(aligned) == 1 else aligned[0] * aligned[1])


def _aligned(name: str, weight: Any, x: Any, axis: int) -> Any:
    weight = ops.cast(ops.convert_to_tensor(weight), keras.backend.result_type(x.dtype, "float32"))
    given, rank = tuple(weight.shape), len(x.shape)
    if len(given) == 1:
        first = 1 if axis == 0 else 0
        weight = ops.reshape(weight, [-1 if each == first else 1 for each in range(rank)])
    elif len(given) == rank - 1:
        weight = ops.expand_dims(weight, axis)
    expected = [1 if each == axis else size for each, size in enumerate(x.shape)]
    fits = len(weight.shape) == rank and all(
        size in (1, full) or size is None or full is None for size, full in zip(weight.shape, expected, strict=True)
    )
    if not fits:
        positions = tuple(size for each, size in enumerate(x.shape) if each != axis)
        raise ValueError(
            f"{name} has shape {given}, the input {tuple(x.shape)} with channels on axis {axis}; expected one number "
            f"per sample, {positions[:1]}, or per position, {positions}: drop the channel axis or transpose it"
        )
    return weight
