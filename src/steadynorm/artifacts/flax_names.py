"""How Flax lays out a state: which tensors are statistics, and which one counts the steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.errors import UnusableInputError

_STEP = re.compile(r"(?:.*/)?step")
_COUNT = re.compile(r"(?:.*/)?opt_state/(?:.*/)?count")
_VALUE = re.compile(r"/(?:value|raw_value)$")
_STATISTICS, _PARAMETERS = "batch_stats", "params"


def contents(kind: str, path: str, tensors: Mapping[str, Tensor], numbers: Mapping[str, int]) -> Contents:
    """What a state of Flax holds.

    Arguments:
        kind: the format, in words.
        path: the file or folder.
        tensors: by their places in the tree, as `batch_stats/bn/mean`.
        numbers: plain numbers in the tree, likewise.

    Raises:
        UnusableInputError: the step count is not a number of steps.
    """
    found = _unified(tensors)
    counts = {name: number for name, number in numbers.items() if not isinstance(number, bool)}
    scalars = {name: tensor for name, tensor in found.items() if not tensor.shape and "int" in tensor.dtype}
    named = next((name for form in (_STEP, _COUNT) for name in [*counts, *scalars] if form.fullmatch(name)), None)
    steps = None
    if named is not None:
        steps = counts[named] if named in counts else int(np.asarray(scalars[named].load(), np.int64))
        if steps < 0:
            raise UnusableInputError(f"{path}: {named} says {steps} steps; the file is damaged")
    return Contents(kind, "flax", found, steps=steps, steps_from=named)


def _unified(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names as Linen has them: NNX keeps a layer's statistics beside its parameters, and wraps each value."""
    plain = {_VALUE.sub("", name): tensor for name, tensor in tensors.items()}
    if len(plain) < len(tensors):
        plain = dict(tensors)
    layers = {
        name.rpartition("/")[0]
        for name in plain
        if name.endswith("/mean")
        and f"{name[:-4]}var" in plain
        and not {_STATISTICS, "opt_state"} & set(name.split("/"))
    }
    renamed = {}
    for name, tensor in plain.items():
        layer, _, last = name.rpartition("/")
        if layer in layers and last in ("mean", "var"):
            name = f"{_STATISTICS}/{name}"
        elif layer in layers and last in ("scale", "bias"):
            name = f"{_PARAMETERS}/{name}"
        renamed[name] = replace(tensor, name=name)
    return renamed
