"""Mean and variance of each group and channel of a batch whose values have weights."""

from __future__ import annotations

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, is_cut, is_large, joined, part, reduced, spread, stacked

_SAMPLED = 16
"""Of so many samples one is looked at first, for an origin that is near the mean."""

_FEW_VARIANCES = 16.0
"""Square of the distance of an origin from the mean, up to which a variance keeps all but the last of its digits."""


def weighted_moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor | float]:
    """Return mean and variance (G, C) of a grouped batch and the weight of each group.

    Args:
        x: (G, samples, C, positions...).
        weights: in the type of the statistics; broadcasts to `x`, one value for all channels.

    Returns:
        Mean, biased variance, and (G, 1); or a number in place of that where it is known, above zero and the same for
        all groups.
    """
    if not (is_large(x) and is_cut(x)):
        mean, variance, weight = joined([_one_by_one(part(x, block), part(weights, block)) for block in blocks(x)])
        return mean, variance, weight
    found, known = zip(*(_by_kernel(*each) for each in zip(x.unbind(), weights.unbind(), strict=True)), strict=True)
    mean, variance = stacked(found)
    if len(known) == 1 and known[0] > 0:
        return mean, variance, known[0]
    return mean, variance, mean.new_tensor(known)[:, None]


def _one_by_one(x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight by operations that go over the values one after the other."""
    x, axes = x.to(weights.dtype), reduced(x)
    count = weights.expand(*x.shape[:2], 1, *x.shape[3:]).sum(axes, keepdim=True)
    total = torch.where(count > 0, count, 1.0)
    mean = (x * weights).sum(axes, keepdim=True) / total
    centred = x - mean
    weighted = centred * weights
    rest = weighted.sum(axes, keepdim=True) / total
    squares = weighted.mul_(centred).sum(axes, keepdim=True) / total
    variance = (squares - rest.square()).clamp_min(0.0)
    return (mean + rest).flatten(1), variance.flatten(1), count.flatten(1)


def _by_kernel(x: Tensor, weights: Tensor) -> tuple[tuple[Tensor, Tensor], float]:
    """Return mean and variance (C,) of one group, and its weight; it is on the CPU, where a weight may be looked at."""
    weight = _total(weights, x)
    *moments, is_exact = _about(_nearby(x, weights), x, weights, weight)
    if not is_exact:
        *moments, _ = _about(moments[0], x, weights, weight)
    return (moments[0], moments[1]), weight


def _nearby(x: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean (C,) of some of the samples."""
    x, weights = x[::_SAMPLED], weights[::_SAMPLED]
    return (x * weights).sum((0, *range(2, x.dim()))).mul_(_reciprocal(_total(weights, x)))


def _about(origin: Tensor, x: Tensor, weights: Tensor, weight: float) -> tuple[Tensor, Tensor, bool]:
    """Return mean and variance (C,) from the sums of deviations from an origin, and whether they lost no digits.

    The variance is a difference, and exact where the origin is within a few standard deviations of the mean. The kernel
    for the gradient sums products and deviations in one pass.
    """
    whole, ones, workspace, found = x[None], torch.ones_like(origin), None, []
    for block in blocks(whole):
        values, own = part(whole, block)[0].to(weights.dtype), part(weights[None], block)[0]
        workspace = torch.empty_like(values) if workspace is None else workspace[: values.shape[0]]
        weighted = torch.sub(values, spread(origin, whole)[0], out=workspace).mul_(own)
        _, *sums = torch.ops.aten.native_batch_norm_backward(
            weighted, values, ones, None, None, origin, ones, True, 0.0, [False, True, True]
        )
        found.append(sums)
    squares, rest = found[0] if len(found) == 1 else (torch.stack(each).sum(0) for each in zip(*found, strict=True))
    share = _reciprocal(weight)
    rest = rest * share
    between = rest.square()
    variance = (squares * share).sub_(between).clamp_min_(0.0)
    return origin + rest, variance, not bool((between > _FEW_VARIANCES * variance).any())


def _total(weights: Tensor, x: Tensor) -> float:
    return weights.sum().item() * (x[0, 0].numel() // weights[0].numel())


def _reciprocal(weight: float) -> float:
    return 1 / weight if weight > 0 else 0.0


def merged(mean: Tensor, variance: Tensor, count: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight of groups from those of their parts, (G, parts, C) each (Chan et al., 1983)."""
    total = count.sum(1)
    share = count / torch.where(total > 0, total, 1.0)[:, None]
    joint = (share * mean).sum(1)
    between = (share * (mean - joint[:, None]).square()).sum(1)
    return joint, (share * variance).sum(1) + between, total
