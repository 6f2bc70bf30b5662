"""The gradient of the map that normalizes a batch, through the moments of its groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import affine, blocks, is_large, reduced, spread
from steadynorm.torch.synchronization import total

Found = tuple[Tensor, Tensor, Tensor]
"""dx, and per group and channel Σ dy·x̂ and Σ dy."""


class Terms(NamedTuple):
    """What normalizes a batch, all of it constant for the gradient but for the way through the moments.

    Attributes:
        mean: of each group (G, C).
        variance: biased (G, C).
        per_weight: 1 / total weight of each group (G, 1); zero where mean and variance are not those of the group.
        r: of batch renormalization (C,); None for one.
        d: of batch renormalization (C,); None for zero.
        weights: of the values, as they broadcast to the grouped batch; None for equal ones.
        epsilon: added to the variance.
        processes: whose batches are one group together; None for this process alone.
    """

    mean: Tensor
    variance: Tensor
    per_weight: Tensor
    r: Tensor | None
    d: Tensor | None
    weights: Tensor | None
    epsilon: float
    processes: Any = None

    def total(self, *sums: Tensor) -> tuple[Tensor, ...]:
        """Return sums over the values of a group, (G, C) each, over the group's values in all processes."""
        if self.processes is None:
            return sums
        return total(torch.cat(sums), self.processes).chunk(len(sums))


def gradient(dy: Tensor, x: Tensor, slope: Tensor, terms: Terms) -> Found:
    """Return the gradient with respect to the input, and what those of gamma and beta are made of.

    Args:
        dy: with respect to the output, (G, samples, C, positions...).
        x: the input, the same.
        slope: r·γ (C,).
        terms: what normalized it.
    """
    inverse = torch.rsqrt(terms.variance + terms.epsilon)
    if x.numel() == 0:
        own = [torch.zeros_like(inverse) for _ in range(2)]
        terms.total(*own)  # the other processes wait for it
        return torch.empty_like(x), own[0], own[1]
    if not is_large(x):
        return _in_blocks(dy, x, slope, inverse, terms, None)
    if terms.weights is None and terms.processes is None:
        return _by_kernel(dy, x, slope, inverse, terms)
    each = zip(dy, x, terms.mean, inverse, strict=True)
    sums = [_kernel(*group, torch.ones_like(slope), with_dx=False)[1:] for group in each]
    inner, outer = (torch.stack(part) for part in zip(*sums, strict=True))
    dx = _in_blocks(dy, x, slope, inverse, terms, terms.total(inner, outer))[0]
    return dx, inner, outer


def differentiable_gradient(dy: Tensor, x: Tensor, slope: Tensor, terms: Terms) -> Found:
    """Return the same by operations that PyTorch can differentiate again, with the moments as functions of `x`."""
    axes = reduced(x)
    share = spread(terms.per_weight, x) * (1.0 if terms.weights is None else terms.weights)
    # From the known mean, so that a large one costs no digits, and what the sum is over need not be known.
    centred = x - spread(terms.mean, x)
    centred = centred - spread(terms.total((share * centred).sum(axes))[0], x)
    (squares,) = terms.total((share * centred.square()).sum(axes))
    inverse = torch.rsqrt(torch.where(terms.per_weight > 0, squares, terms.variance) + terms.epsilon)
    normalized = centred * spread(inverse, x)
    inner, outer = (dy * normalized).sum(axes), dy.sum(axes)
    all_inner, all_outer = terms.total(inner, outer)
    through_moments = share * (spread(all_outer, x) + normalized * spread(all_inner, x))
    dx = spread(slope * inverse, x) * (dy - through_moments)
    return dx.to(x.dtype), inner, outer


def _by_kernel(dy: Tensor, x: Tensor, slope: Tensor, inverse: Tensor, terms: Terms) -> Found:
    found, dx = [], x if len(x) == 1 else torch.empty_like(x)
    for index, each in enumerate(zip(dy, x, terms.mean, inverse, strict=True)):
        part, *sums = _kernel(*each, slope, with_dx=True)
        found.append(sums)
        if len(x) == 1:
            dx = part[None]
        else:
            dx[index] = part
    inner, outer = (torch.stack(each) for each in zip(*found, strict=True))
    return dx, inner, outer


def _kernel(dy: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, slope: Tensor, *, with_dx: bool) -> Any:
    return torch.ops.aten.native_batch_norm_backward(
        dy, x, slope, None, None, mean, inverse, True, 0.0, [with_dx, True, True]
    )


def _in_blocks(
    dy: Tensor, x: Tensor, slope: Tensor, inverse: Tensor, terms: Terms, sums: tuple[Tensor, ...] | None
) -> Found:
    """Return it for weights, or for groups too small for a kernel each, whose sums are then not known yet."""
    dx, weights, found = torch.empty_like(x), terms.weights, []
    if sums is not None:
        scales = _scales(slope, inverse, terms.mean, terms.per_weight, *sums)
    for block in blocks(x):
        groups, values, outputs = block[0], x[block], dy[block]
        if sums is None:
            mean, stddev = terms.mean[groups], inverse[groups]
            axes, centred = reduced(values), values - spread(mean, values)
            inner, outer = (centred.mul_(outputs)).sum(axes).mul_(stddev), outputs.sum(axes, dtype=stddev.dtype)
            found.append((inner, outer))
            own = _scales(slope, stddev, mean, terms.per_weight[groups], inner, outer)
        else:
            own = scales if len(x) == 1 else [each[groups] for each in scales]
        through_moments = affine(values, own[1], own[2])
        if weights is not None:
            through_moments.mul_(weights[block])
        torch.addcmul(through_moments, outputs, spread(own[0], values), out=dx[block])
    inner, outer = (torch.cat(each) for each in zip(*found, strict=True)) if sums is None else sums
    return dx, inner, outer


def _scales(
    slope: Tensor, inverse: Tensor, mean: Tensor, per_weight: Tensor, inner: Tensor, outer: Tensor
) -> list[Tensor]:
    """Return p, q and s (G, C), with which dx = p·dy + weight·(q·x + s)."""
    scale = slope * inverse
    share = scale * per_weight
    through_inner = (share * inverse).mul_(inner).neg_()
    return [scale, through_inner, -torch.addcmul(share * outer, through_inner, mean)]
