"""The arithmetic: a normalization in inference is one affine map per channel, and so part of a linear layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd


class Affine(NamedTuple):
    """y = scale·x + shift per channel, (C,) each, float64.

    The result is rounded once, to the type of the layer that takes it.
    """

    scale: Tensor
    shift: Tensor


def affine_of(norm: _BatchNorm) -> Affine:
    """Return what a layer with running statistics computes in inference."""
    mean, variance = (_exact(each) for each in (norm.running_mean, norm.running_var))
    scale = torch.rsqrt(variance + norm.eps)
    if norm.weight is not None:
        scale = scale * _exact(norm.weight)
    shift = -mean * scale
    return Affine(scale, shift if norm.bias is None else shift + _exact(norm.bias))


def follow(layer: nn.Module, map: Affine) -> None:
    """Change a convolution or linear layer, in place, so that it does what the map does after it."""
    weight, bias = _parts(layer)
    shape = _spread(weight, map.scale, layer, outputs=True)
    _set(layer, weight * shape, bias * map.scale + map.shift)


def precede(layer: nn.Module, map: Affine) -> None:
    """Change a convolution or linear layer, in place, so that it does what the map does before it.

    The shift arrives at every output through all taps of the kernel, so that none may read padding of zeros.
    """
    weight, bias = _parts(layer)
    through = weight * _spread(weight, map.shift, layer, outputs=False)
    if isinstance(layer, _ConvTransposeNd):  # (inputs, outputs of a group, ...)
        groups = through.reshape(layer.groups, -1, *through.shape[1:])
        arriving = groups.sum((1, *range(3, groups.dim()))).flatten()
    else:
        arriving = through.flatten(1).sum(1)
    _set(layer, weight * _spread(weight, map.scale, layer, outputs=False), bias + arriving)


def _spread(weight: Tensor, values: Tensor, layer: Any, *, outputs: bool) -> Tensor:
    """Return one value per channel such that it broadcasts to the weight."""
    kernel = [1] * (weight.dim() - 2)
    groups = getattr(layer, "groups", 1)
    transposed = isinstance(layer, _ConvTransposeNd)
    if outputs is not transposed:  # the first axis has all these channels
        return values.view(-1, 1, *kernel)
    # The second axis has those of one group; which group it is the first axis tells.
    each = values.view(groups, 1, -1).expand(-1, weight.shape[0] // groups, -1)
    return each.reshape(weight.shape[0], -1, *kernel)


def _parts(layer: Any) -> tuple[Tensor, Tensor]:
    weight = _exact(layer.weight)
    channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    return weight, weight.new_zeros(channels) if layer.bias is None else _exact(layer.bias)


def _set(layer: Any, weight: Tensor, bias: Tensor) -> None:
    old = layer.weight
    for name, value in (("weight", weight), ("bias", bias)):
        setattr(layer, name, nn.Parameter(value.to(old.dtype), requires_grad=old.requires_grad))


def _exact(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor.detach().double()
