"""Mean and variance of each group and channel of a batch, by PyTorch's kernel or in blocks, with or without weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, has_channels_last, is_large, joined, part, reduced, stacked, takes_calls
from steadynorm.torch.sampled_moments import sampled_moments
from steadynorm.torch.weighted_moments import merged, weighted_moments


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
    if weights is None:
        mean, variance = _by_kernel(x) if is_large(x) else _one_by_one(x)
        return BatchMoments(mean, variance, x.numel() // (x.shape[0] * x.shape[2]))
    return BatchMoments(*weighted_moments(x, weights))


def _by_kernel(x: Tensor) -> tuple[Tensor, ...]:
    if takes_calls(x) and not has_channels_last(x) and x.dtype == statistics_type(x):
        return stacked([sampled_moments(each, None)[:2] for each in x.unbind()])
    # The kernel insists on moving averages; these are nobody's.
    mean, variance = torch.zeros(2, x.shape[2], dtype=statistics_type(x), device=x.device).unbind()
    return stacked([torch.batch_norm_update_stats(each, mean, variance, 0.0) for each in x.unbind()])


def _one_by_one(x: Tensor) -> tuple[Tensor, ...]:
    """Return mean and variance by operations that go over the values one after the other."""
    found = []
    for block in blocks(x):
        values = part(x, block).to(statistics_type(x))
        mean = values.mean(reduced(x), keepdim=True)
        found.append((mean.flatten(1), (values - mean).square_().mean(reduced(x))))
    return joined(found)
