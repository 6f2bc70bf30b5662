"""Parts of a batch that stay in a processor's cache while several operations go over them.

Everything here sees a batch as (groups, samples per group, channels, positions...): a virtual batch is a group, and a
batch without virtual batches is one. Operations that PyTorch has no one kernel for are then as many passes over the
cache instead of over the memory, and none of their intermediate results is of the size of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BLOCK_BYTES = 1 << 22
"""An eighth of a third-level cache; half as much costs more calls, and twice as much falls out of the cache."""

SMALL_GROUP = 16
"""A group of less than this share of a block is worth no call of a kernel by itself."""

_IN_PLACE = 4
"""So much larger are blocks without a workspace."""

Block = tuple[slice, slice]

_EVERYTHING = (slice(None), slice(None))


def grouped(x: Tensor, groups: int) -> Tensor:
    """Return a view (N, C, ...) → (groups, N / groups, C, ...)."""
    return x.view(groups, x.shape[0] // groups, *x.shape[1:])


def dense(x: Tensor, like: Tensor | None = None) -> Tensor:
    """Return a batch (N, C, ...) without gaps, its channels innermost if they are in another, or are already."""
    like = x if like is None else like
    if like.dim() > 2 and like.stride(1) == 1:
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    return x.contiguous()


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
    """Whether a group of a grouped batch is so large that a few calls for each group cost nothing; or the only one."""
    return x.shape[0] == 1 or takes_calls(x)


def takes_calls(x: Tensor) -> bool:
    """Whether a group of a grouped batch is so large that a few calls more cost nothing beside what they save."""
    return is_cut(x) and _group_bytes(x) * SMALL_GROUP > BLOCK_BYTES


def blocks(x: Tensor, *, in_place: bool = False) -> list[Block]:
    """Cut a grouped batch into blocks, given as the groups and the samples in them.

    The samples of a large group are in blocks of their own, those of small groups together; also those of large groups
    that are worked on in place with the channels innermost, where no kernel wants them apart.

    Args:
        x: the batch.
        in_place: whether nothing more of a block's size is needed than what it is read from and written to.
    """
    (groups, samples), size = x.shape[:2], BLOCK_BYTES * (_IN_PLACE if in_place else 1)
    together = groups == 1 or not is_large(x) or (in_place and has_channels_last(x))
    if not is_cut(x) or (together and x.numel() * x.element_size() <= size):
        return [_EVERYTHING]
    if together and groups > 1:
        step = max(1, size // _group_bytes(x))
        return [(slice(start, start + step), slice(None)) for start in range(0, groups, step)]
    step = max(1, size * samples // _group_bytes(x))
    starts = range(0, samples, step)
    return [(slice(g, g + 1), slice(start, start + step)) for g in range(groups) for start in starts]


def part(x: Tensor, block: Block) -> Tensor:
    """Return a block of a grouped batch."""
    return x if block is _EVERYTHING else x[block]


def of_groups(channels: Tensor, block: Block) -> Tensor:
    """Return values per group and channel (G, C) for the groups in a block."""
    return channels if block is _EVERYTHING else channels[block[0]]


def joined(blocks: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Return several results per group, found for each block, for all groups."""
    return blocks[0] if len(blocks) == 1 else tuple(map(torch.cat, zip(*blocks, strict=True)))


def stacked(groups: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Return several results per channel (C,), found for each group, as (G, C)."""
    return (
        tuple(each[None] for each in groups[0])
        if len(groups) == 1
        else tuple(map(torch.stack, zip(*groups, strict=True)))
    )


def affine(x: Tensor, scale: Tensor, shift: Tensor, out: Tensor | None = None) -> Tensor:
    """Return x · scale + shift of a grouped batch, where scale and shift are (G, C), in their type or that of `out`."""
    if out is not None and is_cut(x) and x.shape[0] == 1 and x.dtype == out.dtype and not has_channels_last(x):
        return _by_kernel(x, scale, shift, out)
    scale, shift = spread(scale, x), spread(shift, x)
    if out is not None and out.dtype != scale.dtype:
        return out.copy_(torch.addcmul(shift, x, scale))  # rounded once, at the end
    if has_channels_last(x):
        return torch.addcmul(shift, x, scale, out=out)
    return torch.mul(x, scale, out=out).add_(shift)  # several times faster where the channels are not innermost


def has_channels_last(x: Tensor) -> bool:
    """Whether the channels of a grouped batch are innermost in memory."""
    return x.stride(2) == 1


def _by_kernel(x: Tensor, scale: Tensor, shift: Tensor, out: Tensor) -> Tensor:
    """Return it for one group, by the kernel for inference: one pass, where no other operation takes channels so."""
    outputs = (out[0], scale.new_empty(0), scale.new_empty(0))
    mean, variance = torch.zeros_like(scale[0]), torch.ones_like(scale[0])
    torch.native_batch_norm(x[0], scale[0], shift[0], mean, variance, False, 0.0, 0.0, out=outputs)
    return out


def _group_bytes(x: Tensor) -> int:
    return x.numel() // x.shape[0] * x.element_size()
