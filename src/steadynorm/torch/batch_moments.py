"""Mean and variance of each group and channel of a batch, by PyTorch's kernel or in blocks, with or without weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, is_cut, is_large, joined, part, reduced, spread, stacked

_SAMPLED = 16
"""Of so many samples one is looked at first, for an origin that is near the mean."""

_FEW_VARIANCES = 16.0
"""Square of the distance of an origin from the mean, up to which a variance keeps all but the last of its digits."""


class BatchMoments(NamedTuple):
    """Moments of the groups of a batch, or of a whole batch, which have no axis of groups.

    Attributes:
        mean: (G, C).
        variance: biased (G, C).
        weight: total weight of the values per channel (G, 1), which may be zero; a number where all count equally.
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
    if is_large(x) and is_cut(x):
        return BatchMoments(*joined([_weighted_by_kernel(*each) for each in zip(x, weights, strict=True)]))
    found = [_weighted_one_by_one(part(x, block), part(weights, block)) for block in blocks(x)]
    return BatchMoments(*joined(found))


def _by_kernel(x: Tensor) -> tuple[Tensor, ...]:
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


def _weighted_one_by_one(x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight by operations that go over the values one after the other."""
    x, axes = x.to(statistics_type(x)), reduced(x)
    count = weights.expand(*x.shape[:2], 1, *x.shape[3:]).sum(axes, keepdim=True)
    total = torch.where(count > 0, count, 1.0)
    mean = (x * weights).sum(axes, keepdim=True) / total
    centred = x - mean
    weighted = centred * weights
    rest = weighted.sum(axes, keepdim=True) / total
    squares = weighted.mul_(centred).sum(axes, keepdim=True) / total
    variance = (squares - rest.square()).clamp_min(0.0)
    return (mean + rest).flatten(1), variance.flatten(1), count.flatten(1)


def _weighted_by_kernel(x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return the same for one group; the kernel for the gradient sums products and deviations in one pass."""
    positions = x[0, 0].numel() // weights[0].numel()
    cut = [samples for _, samples in blocks(x[None])]
    workspace = torch.empty_like(x[cut[0]], dtype=statistics_type(x))
    parts = []
    for samples in cut:
        values, own = x[samples].to(workspace.dtype), weights[samples]
        count = own.sum() * positions
        share = 1 / count.item() if count > 0 else 0.0
        mean, variance, is_exact = _about(_nearby(values, own), values, own, share, workspace[: values.shape[0]])
        if not is_exact:
            mean, variance, _ = _about(mean, values, own, share, workspace[: values.shape[0]])
        parts.append((mean[None], variance[None], count.view(1, 1)))
    return parts[0] if len(parts) == 1 else merged(*(torch.stack(each, 1) for each in zip(*parts, strict=True)))


def _nearby(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean (C,) of some of the samples."""
    values, weights = values[::_SAMPLED], weights[::_SAMPLED]
    count = weights.sum() * (values[0, 0].numel() // weights[0].numel())
    return (values * weights).sum((0, *range(2, values.dim()))).div_(torch.where(count > 0, count, 1.0))


def _about(
    origin: Tensor, values: Tensor, weights: Tensor, share: float, workspace: Tensor
) -> tuple[Tensor, Tensor, bool]:
    """Return mean and variance (C,) from the sums of deviations from an origin, and whether they lost no digits.

    The variance is a difference, and exact where the origin is within a few standard deviations of the mean.
    """
    weighted = torch.sub(values, spread(origin, values[None])[0], out=workspace).mul_(weights)
    ones = torch.ones_like(origin)
    _, squares, rest = torch.ops.aten.native_batch_norm_backward(
        weighted, values, ones, None, None, origin, ones, True, 0.0, [False, True, True]
    )
    rest = rest.mul_(share)
    between = rest.square()
    variance = squares.mul_(share).sub_(between).clamp_min_(0.0)
    return origin + rest, variance, not bool((between > _FEW_VARIANCES * variance).any())


def merged(mean: Tensor, variance: Tensor, count: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight of groups from those of their parts, (G, parts, C) each (Chan et al., 1983)."""
    total = count.sum(1)
    share = count / torch.where(total > 0, total, 1.0)[:, None]
    joint = (share * mean).sum(1)
    between = (share * (mean - joint[:, None]).square()).sum(1)
    return joint, (share * variance).sum(1) + between, total
