"""Whether files are the ranks of one run: the same weights in each, whatever their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.evidence import weights_of
from steadynorm.artifacts.naming import named_layers
from steadynorm.errors import UnusableInputError

COMPARED = 6
"""Weights that are compared, the largest ones: small ones may be equal by their initialization."""

MOST_VALUES = 1 << 20
"""Larger weights are left alone, where there are others."""

TOLERANCE = 1e-6
"""Relative difference up to which weights are the same; a reduction over ranks rounds."""


def are_ranks(contents: Sequence[Contents]) -> bool:
    """Whether each is the whole of one model: the same tensors in all, and the same weights."""
    first, *others = contents
    shapes = {name: tensor.shape for name, tensor in first.tensors.items()}
    if any({name: tensor.shape for name, tensor in each.tensors.items()} != shapes for each in others):
        return False
    names = [tensor.name for tensor in _compared(first)]
    try:
        return all(_same(first.tensors[name], each.tensors[name]) for name in names for each in others)
    except UnusableInputError:
        # Each by itself is read again, and says what is wrong with it.
        return False


def _compared(contents: Contents) -> list[Tensor]:
    """The weights that belong to no normalization layer, or, without any, gamma and beta."""
    weights = list(weights_of(contents))
    if not weights:
        complete, without = named_layers(contents.tensors, contents.framework)
        weights = [
            tensor
            for layer in (*complete, *without)
            for role, tensor in layer.tensors.items()
            if role in ("gamma", "beta")
        ]
    weights.sort(key=lambda tensor: (prod(tensor.shape) > MOST_VALUES, -prod(tensor.shape)))
    small = [tensor for tensor in weights if prod(tensor.shape) <= MOST_VALUES]
    return (small or weights[-1:])[:COMPARED]


def _same(one: Tensor, other: Tensor) -> bool:
    first, second = (np.asarray(each.load(), np.float64) for each in (one, other))
    if first.shape != second.shape:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.max(np.abs(first), initial=0.0, where=np.isfinite(first))
        near = np.abs(first - second) <= TOLERANCE * size
    return bool(np.all(near | (first == second) | (np.isnan(first) & np.isnan(second))))
