"""Mean and variance of a batch from sums of its values and their squares, or of deviations where these lose digits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from steadynorm.torch.blocks import blocks, part, spread

_FEW_VARIANCES = 16.0
"""Square of the distance of an origin from the mean, up to which a variance keeps all but the last of its digits."""


def summed_moments(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, float]:
    """Return mean and biased variance (C,) of a batch on the CPU, and its weight.

    The kernel for the gradient of batch normalization sums products and deviations in one pass, and faster than the
    kernel for moments where the channels are not innermost.

    Args:
        x: (samples, C, positions...), float32 or float64; any type of floats where there are weights.
        weights: in the type of the statistics; broadcasts to `x`, one value for all channels. None for equal ones.
    """
    weight = _total(weights, x)
    mean, variance, is_exact = _about(None, x, weights, weight)
    if not is_exact:
        mean, variance, _ = _about(mean, x, weights, weight)
    return mean, variance, weight


def _about(origin: Tensor | None, x: Tensor, weights: Tensor | None, weight: float) -> tuple[Tensor, Tensor, bool]:
    """Return mean and variance (C,) from deviations from an origin, None for zero, and whether they lost no digits.

    The variance is a difference, and exact where the origin is within a few standard deviations of the mean.
    """
    kind = x.dtype if weights is None else weights.dtype
    start = torch.zeros(x.shape[1], dtype=kind) if origin is None else origin
    ones, found = torch.ones_like(start), []
    for values, weighted in _weighted(origin, x, weights, kind):
        _, *sums = torch.ops.aten.native_batch_norm_backward(
            weighted, values, ones, None, None, start, ones, True, 0.0, [False, True, True]
        )
        found.append(sums)
    squares, rest = found[0] if len(found) == 1 else (torch.stack(each).sum(0) for each in zip(*found, strict=True))
    share = 1 / weight if weight > 0 else 0.0
    rest = rest * share
    between = rest.square()
    variance = (squares * share).sub_(between).clamp_min_(0.0)
    return start + rest, variance, bool((between <= _FEW_VARIANCES * variance).all())


def _weighted(
    origin: Tensor | None, x: Tensor, weights: Tensor | None, kind: torch.dtype
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield parts of the values, and what they are multiplied by: their deviations, weighted; valid until the next."""
    if origin is None and weights is None:
        yield x, x
        return
    whole, workspace = x[None], None
    for block in blocks(whole):
        values = part(whole, block)[0].to(kind)
        workspace = torch.empty_like(values) if workspace is None else workspace[: values.shape[0]]
        deviations = values if origin is None else torch.sub(values, spread(origin, whole)[0], out=workspace)
        if weights is not None:
            deviations = torch.mul(deviations, part(weights[None], block)[0], out=workspace)
        yield values, deviations


def _total(weights: Tensor | None, x: Tensor) -> float:
    values = x.numel() // x.shape[1]
    return values if weights is None else weights.sum().item() * (values // weights.numel())
