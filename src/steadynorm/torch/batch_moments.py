"""Mean and variance of each group and channel of a batch, by PyTorch's kernel or in blocks, with or without weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, has_channels_last, is_large, joined, part, reduced, stacked, takes_calls
from steadynorm.torch.summed_moments import summed_moments
from steadynorm.torch.weighted_moments import merged, one_by_one, weighted_moments


class BatchMoments(NamedTuple):
    """Moments of the groups of a batch, or of a whole batch, which have no axis of groups.

    Attributes:
        mean: (G, C).
        variance: biased (G, C).
        weight: total weight of the values per channel (G, 1), which may be zero; or a number above zero, where it is
            known and the same for all groups.
    """

    mean: Tensor
    variance: Tensor
    weight: Tensor | float

    def whole(self) -> BatchMoments:
        """Return the moments of all groups together."""
        if isinstance(self.weight, Tensor):
            own = (self.mean, self.variance, self.weight)
            found = own if self.mean.shape[0] == 1 else merged(*(each[None] for each in own))
            return BatchMoments(*(each[0] for each in found))
        groups = self.mean.shape[0]
        if groups == 1:
            return BatchMoments(self.mean[0], self.variance[0], self.weight)
        mean = self.mean.mean(0)
        # torch.var_mean would take a hundred times as long over any axis but the innermost.
        between = (self.mean - mean).square_().mean(0)
        return BatchMoments(mean, self.variance.mean(0).add_(between), self.weight * groups)


def statistics_type(x: Tensor) -> torch.dtype:
    """The type that statistics of a batch are computed in: float64 for float64, float32 for all others."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def batch_moments(x: Tensor, weights: Tensor | None) -> BatchMoments:
    """Return the moments of a grouped batch; an empty one has zeros.

    Args:
        x: (G, samples, C, positions...).
        weights: broadcasts to `x`, one value for all channels; None for equal ones.
    """
    if x.numel() == 0:
        nothing = x.new_zeros(x.shape[0], x.shape[2], dtype=statistics_type(x))
        return BatchMoments(nothing, nothing, nothing[:, :1])
    if weights is not None:
        return BatchMoments(*weighted_moments(x, weights))
    if not is_large(x):
        found = joined([_one_by_one(part(x, block)) for block in blocks(x)])
    elif x.dtype == statistics_type(x) and not is_best_by_kernel(x):
        found = stacked([summed_moments(each, None)[:2] for each in x.unbind()])
    else:
        found = _by_kernel(x)
    mean, variance = found
    return BatchMoments(mean, variance, _values(x))


def is_best_by_kernel(x: Tensor) -> bool:
    """Whether nothing is faster than PyTorch's kernels: but for large groups whose channels are not innermost.

    In half precision they overflow where they are given a gradient with gaps.
    """
    return x.dtype == statistics_type(x) and (has_channels_last(x) or not takes_calls(x))


def plain_moments(x: Tensor, weights: Tensor | None) -> BatchMoments:
    """Return the same by differentiable operations that go over the whole of `x` one after the other."""
    if weights is not None:
        return BatchMoments(*one_by_one(x, weights))
    return BatchMoments(*_one_by_one(x), _values(x))


def _values(x: Tensor) -> int:
    return x.numel() // (x.shape[0] * x.shape[2])


def _by_kernel(x: Tensor) -> tuple[Tensor, ...]:
    # The kernel insists on moving averages; these are nobody's.
    mean, variance = torch.zeros(2, x.shape[2], dtype=statistics_type(x), device=x.device).unbind()
    return stacked([torch.batch_norm_update_stats(each, mean, variance, 0.0) for each in x.unbind()])


def _one_by_one(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance by operations that go over the values one after the other."""
    x, axes = x.to(statistics_type(x)), reduced(x)
    mean = x.mean(axes, keepdim=True)
    return mean.flatten(1), (x - mean).square().mean(axes)
