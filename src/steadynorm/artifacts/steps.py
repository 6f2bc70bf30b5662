"""How many optimizer steps a file says that its weights have seen."""

from __future__ import annotations

import re

import numpy as np

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.naming import OBJECT_KEY
from steadynorm.errors import UnusableInputError

_NAMES = (
    re.compile(r"(?:.*/)?global_step(?:_\d+)?"),
    re.compile(r"(?:.*/)?optimizer/(?:iter|iterations|_iterations)"),
    re.compile(r"(?:.*/)?iterations?"),
    re.compile(r"(?:state/|train_state/)?step"),
    re.compile(r"step"),
)
"""From the surest on."""

MOST_STEPS = 1 << 53


def steps_of(contents: Contents) -> tuple[int | None, str | None]:
    """The number of steps, and the tensor or entry that tells it; `None` where nothing does."""
    if contents.steps is not None:
        return contents.steps, contents.steps_from
    single = [each for each in contents.tensors.values() if each.shape in ((), (1,))]
    for pattern in _NAMES:
        for tensor in single:
            name = tensor.name.removesuffix(OBJECT_KEY).removesuffix(":0").replace(".", "/")
            if pattern.fullmatch(name) and (count := _count(tensor)) is not None:
                return count, tensor.name
    return None, None


def _count(tensor: Tensor) -> int | None:
    try:
        value = float(np.asarray(tensor.load(), np.float64).reshape(()))
    except (UnusableInputError, ValueError, TypeError):
        return None
    return int(value) if 0 <= value < MOST_STEPS and value == int(value) else None
