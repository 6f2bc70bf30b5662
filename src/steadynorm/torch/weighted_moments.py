"""Mean and variance of each group and channel of a batch whose values have weights."""

from __future__ import annotations

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, is_cut, is_large, joined, part, reduced, stacked
from steadynorm.torch.summed_moments import summed_moments


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
        mean, variance, weight = joined([one_by_one(part(x, block), part(weights, block)) for block in blocks(x)])
        return mean, variance, weight
    found = [summed_moments(*each) for each in zip(x.unbind(), weights.unbind(), strict=True)]
    mean, variance = stacked([(mean, variance) for mean, variance, _ in found])
    known = [weight for *_, weight in found]
    if len(known) == 1 and known[0] > 0:
        return mean, variance, known[0]
    return mean, variance, mean.new_tensor(known)[:, None]


def one_by_one(x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight by operations that go over the values one after the other."""
    x, axes = x.to(weights.dtype), reduced(x)
    count = weights.expand(*x.shape[:2], 1, *x.shape[3:]).sum(axes, keepdim=True)
    total = torch.where(count > 0, count, 1.0)
    mean = (x * weights).sum(axes, keepdim=True) / total
    centred = x - mean
    weighted = centred * weights
    rest = weighted.sum(axes, keepdim=True) / total
    squares = (weighted * centred).sum(axes, keepdim=True) / total
    variance = (squares - rest.square()).clamp_min(0.0)
    return (mean + rest).flatten(1), variance.flatten(1), count.flatten(1)


def merged(mean: Tensor, variance: Tensor, count: Tensor) -> tuple[Tensor, ...]:
    """Return mean, variance and weight of groups from those of their parts, (G, parts, C) each (Chan et al., 1983)."""
    total = count.sum(1)
    share = count / torch.where(total > 0, total, 1.0)[:, None]
    joint = (share * mean).sum(1)
    between = (share * (mean - joint[:, None]).square()).sum(1)
    return joint, (share * variance).sum(1) + between, total
