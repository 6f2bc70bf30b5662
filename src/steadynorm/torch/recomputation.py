"""Tells the forward pass that activation checkpointing runs again from the first one, and repeats what that did."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor

_KEPT = 32
"""Calls of one layer between a forward pass and its repetition; each is a few values per channel."""


class Pass(NamedTuple):
    """What depended on the running statistics of the moment in one training pass.

    Attributes:
        moments: the batch's own means (G, C), by which it is known again: the same data give the same bits.
        mean: that the groups were normalized by (G, C).
        inverse: 1 / √(variance + epsilon) (G, C), the same.
        r: of batch renormalization (C,), or None.
        d: of batch renormalization (C,), or None.
    """

    moments: Tensor
    mean: Tensor
    inverse: Tensor
    r: Tensor | None
    d: Tensor | None


def is_recomputed() -> bool:
    """Whether this runs inside a backward pass, where a forward pass is taken for one that is run again."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def is_repeatable() -> bool:
    """Whether activation checkpointing may run this again: it keeps no graph, or hooks into what the graph keeps."""
    if torch.compiler.is_compiling():
        return False
    return not torch.is_grad_enabled() or torch._C._autograd._top_saved_tensors_default_hooks(False) is not None


def remember(passes: deque[Pass] | None, made: Pass) -> deque[Pass]:
    """Add a pass, in place if there were others."""
    passes = deque(maxlen=_KEPT) if passes is None else passes
    passes.append(made)
    return passes


def repeated(passes: deque[Pass] | None, moments: Tensor) -> Pass:
    """Return the latest pass over the same batch.

    Raises:
        RuntimeError: there was none.
    """
    for made in reversed(passes or ()):
        if made.moments.shape == moments.shape and torch.equal(made.moments, moments):
            return made
    raise RuntimeError(
        "a layer with renorm or weights ran in a backward pass on a batch that it has not seen in the last "
        f"{_KEPT} forward passes, so that it cannot repeat its output; expected activation checkpointing of a "
        "deterministic part of the model: leave this part out of the checkpoint"
    )
