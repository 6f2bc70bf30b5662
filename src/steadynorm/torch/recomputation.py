"""Tells the forward pass that activation checkpointing runs again from the first one, and repeats what that did."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import torch
from torch import Tensor

_KEPT = 32
"""Calls of one layer between a forward pass and its repetition; each is a few values per channel."""

CANNOT_COMPILE = (
    "renorm or weights in a checkpointed part under torch.compile: the backward pass would read averages that have "
    "moved since; expected the layer in one of both: leave it out of the checkpoint, or out of the compilation by "
    "layer.forward = torch.compiler.disable(layer.forward)"
)


class Pass(NamedTuple):
    """What depended on the running statistics of the moment in one training pass.

    Attributes:
        moments: the batch's own means (G, C), by which it is known again: the same data give the same bits.
        used: whatever else depended on them.
    """

    moments: Tensor
    used: tuple[Tensor | None, ...]


def is_recomputed() -> bool:
    """Whether this runs inside a backward pass, where a forward pass is taken for one that is run again."""
    return not torch.compiler.is_compiling() and _is_in_backward()


def is_first(average: Tensor) -> Tensor | None:
    """Whether compiled code runs for the first time rather than again; None where `is_recomputed` tells.

    The same compiled code runs in both, so that this is a scalar on the device, found anew in each run. An exported
    program has no checkpoint around it.

    Args:
        average: any tensor of the layer.
    """
    if not torch.compiler.is_compiling() or is_exporting():
        return None
    first: Tensor = torch.ops.steadynorm.is_first(average)
    return first


# A quarter of the time that a call of a torch.library.custom_op takes; it needs none of what that adds.
_OPERATIONS = torch.library.Library("steadynorm", "FRAGMENT")  # type: ignore[no-untyped-call]
_OPERATIONS.define("is_first(Tensor average) -> Tensor")  # type: ignore[no-untyped-call]


@torch.library.impl(_OPERATIONS, "is_first", "CompositeExplicitAutograd")
def _is_first(average: Tensor) -> Tensor:
    again = _is_in_backward()
    if again and average.is_cuda and torch.cuda.is_current_stream_capturing():
        raise RuntimeError(
            "a checkpointed part is being recorded as a CUDA graph in the backward pass, and would not know in later "
            "forward passes that they are first ones; expected torch.compile without CUDA graphs in a checkpoint: "
            "leave out mode='reduce-overhead'"
        )
    return torch.full((), not again, device=average.device)


@torch.library.register_fake("steadynorm::is_first", lib=_OPERATIONS)  # type: ignore[untyped-decorator]
def _(average: Tensor) -> Tensor:
    return average.new_empty((), dtype=torch.bool)


def _is_in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1


def is_exporting() -> bool:
    """Whether torch.export writes this down; never before PyTorch 2.7, which does not tell."""
    known = getattr(torch.compiler, "is_exporting", None)
    return known is not None and known()


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


def repeated(passes: deque[Pass] | None, moments: Tensor) -> tuple[Any, ...]:
    """Return what the latest pass over the same batch used.

    Raises:
        RuntimeError: there was none.
    """
    for made in reversed(passes or ()):
        if made.moments.shape == moments.shape and torch.equal(made.moments, moments):
            return made.used
    raise RuntimeError(
        "a layer with renorm or weights ran in a backward pass on a batch that it has not seen in the last "
        f"{_KEPT} forward passes, so that it cannot repeat its output; expected activation checkpointing of a "
        "deterministic part of the model: leave this part out of the checkpoint"
    )
