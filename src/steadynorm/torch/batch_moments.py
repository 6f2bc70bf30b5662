"""Mean and variance of each group and channel of a batch, by PyTorch's kernel or in blocks, with or without weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, is_cut, is_large, reduced


class BatchMoments(NamedTuple):
    """Moments of the groups of a batch.

    Attributes:
        mean: (G, C).
        variance: biased (G, C).
        weight: total weight of the values per channel (G, 1).
    """

    mean: Tensor
    variance: Tensor
    weight: Tensor

    def whole(self, *, weighted: bool) -> BatchMoments:
        """Return the moments of all groups together, as one group; without weights all groups count the same."""
        if self.mean.shape[0] == 1:
            return self
        if weighted:
            return merged(*(part[None] for part in self))
        between, mean = torch.var_mean(self.mean, 0, correction=0, keepdim=True)
        return BatchMoments(mean, self.variance.mean(0, keepdim=True) + between, self.weight.sum(0, keepdim=True))


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
    if weights is None and is_large(x):
        return _by_kernel(x)
    if weights is not None and is_large(x) and is_cut(x):
        each = [_weighted_by_kernel(*pair) for pair in zip(x, weights, strict=True)]
        return BatchMoments(*(torch.cat(part) for part in zip(*each, strict=True)))
    parts = [plain_moments(x[block], None if weights is None else weights[block]) for block in blocks(x)]
    return parts[0] if len(parts) == 1 else BatchMoments(*(torch.cat(each) for each in zip(*parts, strict=True)))


def plain_moments(x: Tensor, weights: Tensor | None) -> BatchMoments:
    """Return the same by differentiable operations that go over the whole of `x` one after the other."""
    x, axes, channels = x.to(statistics_type(x)), reduced(x), x.shape[2]
    if weights is None:
        mean = x.mean(axes, keepdim=True)
        variance = (x - mean).square().mean(axes)
        count = torch.full((x.shape[0], 1), x[0].numel() // channels, dtype=x.dtype, device=x.device)
        return BatchMoments(mean.flatten(1), variance, count)
    count = weights.expand(*x.shape[:2], 1, *x.shape[3:]).sum(axes, keepdim=True)
    total = torch.where(count > 0, count, 1.0)
    mean = (x * weights).sum(axes, keepdim=True) / total
    centred = x - mean
    weighted = centred * weights
    rest = weighted.sum(axes, keepdim=True) / total
    squares = (weighted * centred).sum(axes, keepdim=True) / total
    variance = (squares - rest.square()).clamp_min(0.0)
    return BatchMoments((mean + rest).flatten(1), variance.flatten(1), count.flatten(1))


def _by_kernel(x: Tensor) -> BatchMoments:
    groups, channels, kind = x.shape[0], x.shape[2], statistics_type(x)
    # The kernel insists on moving averages; these are nobody's.
    averages = torch.zeros(2, channels, dtype=kind, device=x.device)
    found = (torch.batch_norm_update_stats(each, averages[0], averages[1], 0.0) for each in x)
    mean, variance = zip(*found, strict=True)
    count = torch.full((groups, 1), x[0].numel() // channels, dtype=kind, device=x.device)
    if groups == 1:
        return BatchMoments(mean[0][None], variance[0][None], count)
    return BatchMoments(torch.stack(mean), torch.stack(variance), count)


def _weighted_by_kernel(x: Tensor, weights: Tensor) -> BatchMoments:
    """Return the moments of one group; the kernel for the gradient sums products and deviations in one pass."""
    kind, axes, positions = statistics_type(x), (0, *range(2, x.dim())), x[0, 0].numel() // weights[0].numel()
    cut = [samples for _, samples in blocks(x[None])]
    count = torch.stack([weights[samples].sum() for samples in cut]) * positions
    per_weight = 1 / torch.where(count > 0, count, 1.0)
    ones, parts = torch.ones(x.shape[1], dtype=kind, device=x.device), []
    for samples, share in zip(cut, per_weight, strict=True):
        values, own = x[samples].to(kind), weights[samples]
        mean = (values * own).sum(axes, keepdim=True).mul_(share)
        weighted = (values - mean).mul_(own)
        flat = mean.flatten()
        _, squares, rest = torch.ops.aten.native_batch_norm_backward(
            weighted, values, ones, None, None, flat, ones, True, 0.0, [False, True, True]
        )
        parts.append((flat, squares, rest))
    mean, squares, rest = (torch.stack(each) for each in zip(*parts, strict=True))
    per_weight = per_weight[:, None]
    # What rounding left of the deviations' mean; without it a large mean would lose digits that the kernel keeps.
    rest = rest * per_weight
    variance = (squares * per_weight - rest.square()).clamp_min(0.0)
    return merged(*(each[None] for each in (mean + rest, variance, count[:, None])))


def merged(mean: Tensor, variance: Tensor, count: Tensor) -> BatchMoments:
    """Merge the moments of parts, (G, parts, C) each, into those of the groups (Chan et al., 1983)."""
    total = count.sum(1)
    share = count / torch.where(total > 0, total, 1.0)[:, None]
    joint = (share * mean).sum(1)
    between = (share * (mean - joint[:, None]).square()).sum(1)
    return BatchMoments(joint, (share * variance).sum(1) + between, total)
