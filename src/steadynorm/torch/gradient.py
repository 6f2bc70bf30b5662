"""The gradient of the map that normalizes a batch, through the moments of its groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from steadynorm.torch.blocks import (
    Block,
    affine,
    blocks,
    is_large,
    joined,
    of_groups,
    part,
    reduced,
    spread,
    stacked,
)
from steadynorm.torch.synchronization import total

Found = tuple[Tensor, Tensor, Tensor]
"""dx, and per group and channel Σ dy·x̂ and Σ dy."""


class Terms(NamedTuple):
    """What normalizes a batch, all of it constant for the gradient but for the way through the moments.

    Attributes:
        mean: of each group (G, C).
        inverse: 1 / √(variance + epsilon) (G, C), of the biased variance.
        per_weight: 1 / total weight of each group (G, 1); zero where mean and variance are not those of the group.
        r: of batch renormalization (C,); None for one.
        d: of batch renormalization (C,); None for zero.
        weights: of the values, as they broadcast to the grouped batch; None for equal ones.
        epsilon: added to the variance.
        processes: whose batches are one group together; None for this process alone.
    """

    mean: Tensor
    inverse: Tensor
    per_weight: Tensor
    r: Tensor | None
    d: Tensor | None
    weights: Tensor | None
    epsilon: float
    processes: Any = None

    def of(self, block: Block) -> Terms:
        """Return those of the groups in a block."""
        return self._replace(
            mean=of_groups(self.mean, block),
            inverse=of_groups(self.inverse, block),
            per_weight=of_groups(self.per_weight, block),
            weights=None if self.weights is None else part(self.weights, block),
        )

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
    if x.numel() == 0:
        own = [torch.zeros_like(terms.inverse) for _ in range(2)]
        terms.total(*own)  # the other processes wait for it
        return torch.empty_like(x), own[0], own[1]
    if not is_large(x):
        return _of_small_groups(dy, x, slope, terms)
    with_dx = x.shape[0] == 1 and terms.weights is None and terms.processes is None
    groups = zip(dy.unbind(), x.unbind(), terms.mean.unbind(), terms.inverse.unbind(), strict=True)
    found = [_by_kernel(*each, slope, with_dx=with_dx) for each in groups]
    inner, outer = stacked([sums for _, *sums in found])
    if with_dx:
        return found[0][0][None], inner, outer
    dx, scales = torch.empty_like(x), _scales(slope, terms, *terms.total(inner, outer))
    for block in blocks(x, in_place=x.dtype == slope.dtype):
        own = [of_groups(each, block) for each in scales]
        _combine(part(dy, block), part(x, block), terms.of(block).weights, own, part(dx, block))
    return dx, inner, outer


def differentiable_gradient(dy: Tensor, x: Tensor, slope: Tensor, terms: Terms) -> Found:
    """Return the same by operations that PyTorch can differentiate again, with the moments as functions of `x`."""
    axes = reduced(x)
    share = spread(terms.per_weight, x) * (1.0 if terms.weights is None else terms.weights)
    # From the known mean, so that a large one costs no digits, and what the sum is over need not be known.
    centred = x - spread(terms.mean, x)
    centred = centred - spread(terms.total((share * centred).sum(axes))[0], x)
    (squares,) = terms.total((share * centred.square()).sum(axes))
    inverse = torch.where(terms.per_weight > 0, torch.rsqrt(squares + terms.epsilon), terms.inverse)
    normalized = centred * spread(inverse, x)
    inner, outer = (dy * normalized).sum(axes), dy.sum(axes)
    all_inner, all_outer = terms.total(inner, outer)
    through_moments = share * (spread(all_outer, x) + normalized * spread(all_inner, x))
    dx = spread(slope * inverse, x) * (dy - through_moments)
    return dx.to(x.dtype), inner, outer


def _by_kernel(dy: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, slope: Tensor, *, with_dx: bool) -> Any:
    return torch.ops.aten.native_batch_norm_backward(
        dy, x, slope, None, None, mean, inverse, True, 0.0, [with_dx, True, True]
    )


def _of_small_groups(dy: Tensor, x: Tensor, slope: Tensor, terms: Terms) -> Found:
    dx, axes, found = torch.empty_like(x), reduced(x), []
    for block in blocks(x):
        values, outputs, result = part(x, block), part(dy, block), part(dx, block)
        own = terms.of(block)
        work = _workspace(result, slope)
        inner = torch.sub(values, spread(own.mean, values), out=work).mul_(outputs).sum(axes).mul_(own.inverse)
        outer = outputs.sum(axes, dtype=slope.dtype)
        found.append((inner, outer))
        _combine(outputs, values, own.weights, _scales(slope, own, inner, outer), result)
    inner, outer = joined(found)
    return dx, inner, outer


def _scales(slope: Tensor, terms: Terms, inner: Tensor, outer: Tensor) -> list[Tensor]:
    """Return p, q and s (G, C), with which dx = p·dy + weight·(q·x + s)."""
    scale = slope * terms.inverse
    share = scale * terms.per_weight
    through_inner = (share * terms.inverse).mul_(inner).neg_()
    return [scale, through_inner, torch.addcmul(share.mul_(outer), through_inner, terms.mean).neg_()]


def _combine(dy: Tensor, x: Tensor, weights: Tensor | None, scales: list[Tensor], dx: Tensor) -> None:
    """Write dx = p·dy + weight·(q·x + s) in place, so that nothing else of its size is needed."""
    p, q, s = scales
    work = affine(x, q, s, out=_workspace(dx, p))
    if weights is not None:
        work.mul_(weights)
    work.addcmul_(dy, spread(p, x))
    if work is not dx:
        dx.copy_(work)


def _workspace(dx: Tensor, like: Tensor) -> Tensor:
    """Return a place of the shape of `dx` for values in the type of `like`, which are rounded once, at the end."""
    return dx if dx.dtype == like.dtype else torch.empty_like(dx, dtype=like.dtype)
