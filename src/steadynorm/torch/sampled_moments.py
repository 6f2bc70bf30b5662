"""Mean and variance of a batch from sums of deviations from an origin, which a few of the samples give."""

from __future__ import annotations

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, part, spread

_SAMPLED = 16
"""Of so many samples one is looked at first, for an origin that is near the mean."""

_FEW_VARIANCES = 16.0
"""Square of the distance of an origin from the mean, up to which a variance keeps all but the last of its digits."""


def sampled_moments(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, float]:
    """Return mean and biased variance (C,) of a batch on the CPU, and its weight.

    The kernel for the gradient of batch normalization sums products and deviations in one pass, and faster than the
    kernel for moments where the channels are not innermost.

    Args:
        x: (samples, C, positions...), float32 or float64; any type of floats where there are weights.
        weights: in the type of the statistics; broadcasts to `x`, one value for all channels. None for equal ones.
    """
    weight = _total(weights, x)
    mean, variance, is_exact = _about(_nearby(x, weights), x, weights, weight)
    if not is_exact:
        mean, variance, _ = _about(mean, x, weights, weight)
    return mean, variance, weight


def _nearby(x: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean (C,) of some of the samples."""
    axes, x = (0, *range(2, x.dim())), x[::_SAMPLED]
    if weights is None:
        return x.mean(axes)
    weights = weights[::_SAMPLED]
    return (x * weights).sum(axes).mul_(_reciprocal(_total(weights, x)))


def _about(origin: Tensor, x: Tensor, weights: Tensor | None, weight: float) -> tuple[Tensor, Tensor, bool]:
    """Return mean and variance (C,), and whether they lost no digits.

    The variance is a difference, and exact where the origin is within a few standard deviations of the mean.
    """
    whole, ones, workspace, found = x[None], torch.ones_like(origin), None, []
    for block in blocks(whole):
        values = part(whole, block)[0].to(origin.dtype)
        workspace = torch.empty_like(values) if workspace is None else workspace[: values.shape[0]]
        torch.sub(values, spread(origin, whole)[0], out=workspace)
        if weights is not None:
            workspace.mul_(part(weights[None], block)[0])
        _, *sums = torch.ops.aten.native_batch_norm_backward(
            workspace, values, ones, None, None, origin, ones, True, 0.0, [False, True, True]
        )
        found.append(sums)
    squares, rest = found[0] if len(found) == 1 else (torch.stack(each).sum(0) for each in zip(*found, strict=True))
    share = _reciprocal(weight)
    rest = rest * share
    between = rest.square()
    variance = (squares * share).sub_(between).clamp_min_(0.0)
    return origin + rest, variance, not bool((between > _FEW_VARIANCES * variance).any())


def _total(weights: Tensor | None, x: Tensor) -> float:
    values = x.numel() // x.shape[1]
    return values if weights is None else weights.sum().item() * (values // weights.numel())


def _reciprocal(weight: float) -> float:
    return 1 / weight if weight > 0 else 0.0
