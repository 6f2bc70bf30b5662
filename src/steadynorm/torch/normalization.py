"""The one map per group and channel that every option of batch normalization comes down to.

y = x̂·r·γ + d·γ + β, where x̂ is normalized by the moments of its group, and r and d (of batch renormalization) are
constants. Nothing of the size of the input is kept for the gradient but the input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from steadynorm.torch.blocks import affine, blocks, dense, grouped, is_cut, of_groups, part
from steadynorm.torch.gradient import Terms, differentiable_gradient, gradient


def normalize(x: Tensor, gamma: Tensor, beta: Tensor, terms: Terms) -> Tensor:
    """Normalize a batch.

    Args:
        x: (N, C, ...), dense in one of PyTorch's memory formats.
        gamma: (C,), in the type of the statistics.
        beta: (C,), the same.
        terms: what normalizes it.

    Returns:
        The output, in shape, type and memory format of `x`.
    """
    y: Tensor = _Normalize.apply(x, gamma, beta, *terms)  # type: ignore[no-untyped-call]
    return y


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, *parts: Any) -> Tensor:
        terms = Terms(*parts)
        *tensors, ctx.epsilon, ctx.processes = terms
        ctx.save_for_backward(x, gamma, *tensors)
        offset = beta if terms.d is None else torch.addcmul(beta, gamma, terms.d)
        return _map(x, _slope(gamma, terms), offset, terms)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (dy,) = gradients
        x, gamma, *tensors = ctx.saved_tensors
        terms = Terms._make((*tensors, ctx.epsilon, ctx.processes))
        groups = terms.mean.shape[0]
        # Only a second derivative needs the gradient itself to be differentiable.
        find = differentiable_gradient if torch.is_grad_enabled() else gradient
        dy = dense(dy, like=x)  # given one with gaps, PyTorch's kernel overflows in half precision
        dx, inner, outer = find(grouped(dy, groups), grouped(x, groups), _slope(gamma, terms), terms)
        inner, outer = (each[0] if groups == 1 else each.sum(0) for each in (inner, outer))
        if terms.r is not None and terms.d is not None:
            inner = torch.addcmul(terms.r * inner, terms.d, outer)
        return dx.view_as(x), inner, outer, *[None] * len(terms)


def _slope(gamma: Tensor, terms: Terms) -> Tensor:
    return gamma if terms.r is None else gamma * terms.r


def _map(x: Tensor, slope: Tensor, offset: Tensor, terms: Terms) -> Tensor:
    if x.numel() == 0:
        return x.clone()
    whole = grouped(x, terms.mean.shape[0])
    scale = slope * terms.inverse
    shift = torch.addcmul(offset, terms.mean, scale, value=-1)
    if not is_cut(whole):
        return affine(whole, scale, shift).to(x.dtype).view_as(x)
    y = torch.empty_like(x)
    results = grouped(y, whole.shape[0])
    for block in blocks(whole, in_place=x.dtype == scale.dtype):
        affine(part(whole, block), of_groups(scale, block), of_groups(shift, block), out=part(results, block))
    return y
