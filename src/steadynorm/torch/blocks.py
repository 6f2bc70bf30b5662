"""Parts of a batch that stay in a processor's cache while several operations go over them.

Everything here sees a batch as (groups, samples per group, channels, positions...): a virtual batch is a group, and a
batch without virtual batches is one. Operations that PyTorch has no one kernel for are then as many passes over the
cache instead of over the memory, and none of their intermediate results is of the size of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK_BYTES = 1 << 20
"""About half of what two cores hold in their second-level caches; half and twice as much were slower."""

Block = tuple[slice, slice]


def grouped(x: Tensor, groups: int) -> Tensor:
    """Return a view (N, C, ...) → (groups, N / groups, C, ...)."""
    return x.view(groups, x.shape[0] // groups, *x.shape[1:])


def spread(channels: Tensor, x: Tensor) -> Tensor:
    """Return values per group and channel (G, C), or per channel (C,), so that they broadcast to a grouped batch."""
    groups = channels.shape[0] if channels.dim() == 2 else 1
    return channels.reshape(groups, 1, -1, *[1] * (x.dim() - 3))


def reduced(x: Tensor) -> tuple[int, ...]:
    """Return the axes of a grouped batch that moments are taken over."""
    return 1, *range(3, x.dim())


def is_cut(x: Tensor) -> bool:
    """Whether it pays to go over a grouped batch in blocks: a compiler fuses the operations itself."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def is_large(x: Tensor) -> bool:
    """Whether a group of a grouped batch is so large that one call of a kernel for each group costs nothing."""
    return x.shape[0] == 1 or (is_cut(x) and _group_bytes(x) * 4 > BLOCK_BYTES)


def blocks(x: Tensor) -> list[Block]:
    """Cut a grouped batch into blocks, given as the groups and the samples in them.

    The samples of a group are in blocks of their own or together with those of other groups, the same way for all.
    """
    everything = slice(None)
    if not is_cut(x):
        return [(everything, everything)]
    groups, samples = x.shape[:2]
    if _group_bytes(x) <= BLOCK_BYTES:
        step = BLOCK_BYTES // _group_bytes(x)
        return [(slice(start, start + step), everything) for start in range(0, groups, step)]
    step = max(1, BLOCK_BYTES * samples // _group_bytes(x))
    starts = range(0, samples, step)
    return [(slice(g, g + 1), slice(start, start + step)) for g in range(groups) for start in starts]


def affine(x: Tensor, scale: Tensor, shift: Tensor, out: Tensor | None = None) -> Tensor:
    """Return x · scale + shift of a grouped batch, where scale and shift are (G, C), in their type or that of `out`."""
    scale, shift = spread(scale, x), spread(shift, x)
    if out is not None and out.dtype != scale.dtype:
        return out.copy_(torch.addcmul(shift, x, scale))  # rounded once, at the end
    if has_channels_last(x):
        return torch.addcmul(shift, x, scale, out=out)
    return torch.mul(x, scale, out=out).add_(shift)  # several times faster where the channels are not innermost


def has_channels_last(x: Tensor) -> bool:
    """Whether the channels of a grouped batch are innermost in memory."""
    return x.stride(2) == 1


def _group_bytes(x: Tensor) -> int:
    return x[0].numel() * x.element_size()
