"""A batch normalized by operations that torch.func and torch.export can differentiate, batch and write down.

They see the operations and not the gradient that comes with them: torch.export would leave a program whose gradient
takes the moments for constants.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

from steadynorm.torch.batch_moments import plain_moments
from steadynorm.torch.blocks import grouped, spread
from steadynorm.torch.gradient import Terms
from steadynorm.torch.recomputation import is_exporting


def is_transformed() -> bool:
    """Whether torch.export writes this down, torch.func transforms it, or forward-mode derivatives go through it."""
    if torch.compiler.is_compiling():
        return is_exporting()
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def check_own_averages(input: Tensor, average: Tensor) -> None:
    """Refuse several batches under torch.vmap for one set of running statistics.

    Raises:
        ValueError: each of them would move it.
    """
    if torch.compiler.is_compiling() or not torch._C._are_functorch_transforms_active():
        return
    batched = torch._C._functorch.is_batchedtensor
    if batched(input) and not batched(average):
        raise ValueError(
            "a layer in training under torch.vmap: each batch would move the same running statistics; expected "
            "statistics for each (torch.func.stack_module_state, functional_call), eval(), or "
            "track_running_stats=False"
        )


def composed(x: Tensor, gamma: Tensor, beta: Tensor, terms: Terms) -> Tensor:
    """Normalize as `normalize` does, for all transformations, with several results of the size of the batch.

    Args:
        x: (N, C, ...), dense.
        gamma: (C,), in the type of the statistics.
        beta: (C,), the same.
        terms: what normalizes it, in this process alone.
    """
    whole = grouped(x, terms.mean.shape[0])
    own, seen = plain_moments(whole, terms.weights), terms.per_weight > 0
    mean = torch.where(seen, own.mean, terms.mean)
    inverse = torch.where(seen, torch.rsqrt(own.variance + terms.epsilon), terms.inverse)
    slope, offset = gamma, beta
    if terms.r is not None and terms.d is not None:
        slope, offset = gamma * terms.r, beta + gamma * terms.d
    y = (whole - spread(mean, whole)) * spread(slope * inverse, whole) + spread(offset, whole)
    return y.to(x.dtype).view_as(x)
