"""Weights of samples and masks of positions, as they are given to a layer."""

from __future__ import annotations

import torch
from torch import Tensor


def aligned_weights(weight: Tensor, x: Tensor, kind: torch.dtype) -> Tensor:
    """Return weights with as many axes as the input, (N, 1, ...), so that they broadcast.

    Args:
        weight: bool or number; per sample (N,), per position (N, ...) without the channel axis, or with as many axes
            as the input and one channel.
        x: the input (N, C, ...).
        kind: type of the result.

    Raises:
        ValueError: the shape fits none of these, or a weight is negative or not finite. The values are looked at on
            the CPU only: anywhere else the program would have to wait for them.
    """
    given = tuple(weight.shape)
    if weight.dim() == 1:
        weight = weight.reshape(-1, *[1] * (x.dim() - 1))
    elif weight.dim() == x.dim() - 1:
        weight = weight.unsqueeze(1)
    expected = (x.shape[0], 1, *x.shape[2:])
    fits = weight.dim() == x.dim() and weight.shape[:2] == expected[:2]
    if not fits or any(size not in (1, full) for size, full in zip(weight.shape, expected, strict=True)):
        raise ValueError(
            f"weight has shape {given}, the input {tuple(x.shape)}; expected one weight per sample, "
            f"{(x.shape[0],)}, or per position, {(x.shape[0], *x.shape[2:])}: drop the channel axis or transpose it"
        )
    weight = weight.detach().to(device=x.device, dtype=kind)
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    if weight.device.type == "cpu" and not traced and not _is_valid(weight):
        raise ValueError(
            "weight has a negative or non-finite value; expected finite numbers of at least 0, or bools: "
            "give 0 to what is to be left out"
        )
    return weight


def _is_valid(weight: Tensor) -> bool:
    if weight.numel() == 0:
        return True
    low, high = torch.aminmax(weight)
    return bool(low >= 0) and bool(high < torch.inf)
