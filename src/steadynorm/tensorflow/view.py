"""Values of any rank and channel axes in the form that the fused kernels take, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

# Beyond this number of virtual batches, so many small operations cost more than moving the data twice.
_MANY = 16


@dataclass(frozen=True)
class View:
    """How a tensor becomes four axes with all channels in the last, which the fused kernels need.

    Several channel axes are flattened to one, in their order. Virtual batches become tensors of their own as long as
    their number is known and small; otherwise they become further channels, (groups · C,) with the groups first, since
    arithmetic per channel is then arithmetic per channel and virtual batch.

    Attributes:
        sizes: of the tensor's axes as far as they are known; those of the channels are.
        kept: the channel axes, sorted and non-negative.
        group_size: samples in a virtual batch; sample n of N goes to batch n mod (N / group_size), as in TensorFlow.
    """

    sizes: tuple[int | None, ...]
    kept: tuple[int, ...]
    group_size: int | None = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.sizes)

    @property
    def channels(self) -> int:
        """Number of channels, those of all channel axes together."""
        return math.prod(self.per_channel)

    @property
    def per_channel(self) -> list[int]:
        """Shape of one value per channel that broadcasts to the tensor: 1 along all axes but those of the channels."""
        return [size if axis in self.kept and size is not None else 1 for axis, size in enumerate(self.sizes)]

    @property
    def _order(self) -> tuple[int, ...]:
        reduced = tuple(a for a in range(self.rank) if a not in self.kept)
        return reduced + self.kept

    @property
    def _last(self) -> bool:
        return self._order == tuple(range(self.rank))

    def to_kernels(self, x: Any) -> list[Any]:
        """Return the values of a tensor of the view's shape as tensors (…, …, …, channels), usually a single one."""
        ordered = x if self._last else tf.transpose(x, self._order)
        if self.group_size is None:
            whole = len(self.kept) == 1 and self.rank == 4
            return [ordered if whole else tf.reshape(ordered, [-1, 1, 1, self.channels])]
        grouped = tf.reshape(ordered, [self.group_size, self._groups(x), -1, self.channels])
        if self._separate:
            return [tf.expand_dims(part, 2) for part in tf.unstack(grouped, axis=1)]
        return [tf.reshape(tf.transpose(grouped, [0, 2, 1, 3]), [-1, 1, 1, self._groups(x) * self.channels])]

    def from_kernels(self, values: list[Any], like: Any) -> Any:
        """Return what `to_kernels` made in the shape of the tensor `like`, from which it was made."""
        order = self._order
        if self.group_size is None:
            result = values[0]
            if len(self.kept) == 1 and self.rank == 4 and self._last:
                return result
        elif self._separate:
            result = tf.stack([tf.squeeze(part, 2) for part in values], 1)
        else:
            grouped = tf.reshape(values[0], [self.group_size, -1, self._groups(like), self.channels])
            result = tf.transpose(grouped, [0, 2, 1, 3])
        sizes = tf.shape(like)
        result = tf.reshape(result, sizes if self._last else tf.gather(sizes, order))
        result = result if self._last else tf.transpose(result, [order.index(a) for a in range(len(order))])
        result.set_shape(self.sizes)
        return result

    def folded(self, x: Any) -> Any:
        """Return how many virtual batches each tensor of `to_kernels` holds as channels."""
        return 1 if self._separate else self.groups(x)

    @property
    def _separate(self) -> bool:
        samples = self.sizes[0]
        return self.group_size is not None and samples is not None and samples // self.group_size <= _MANY

    def groups(self, x: Any) -> Any:
        """Return the number of virtual batches, an int if it is known; 1 without them."""
        return 1 if self.group_size is None else self._groups(x)

    def count(self, x: Any) -> Any:
        """Return the number of values per channel and virtual batch, a float if it is known."""
        sizes = [self.sizes[a] for a in range(self.rank) if a not in self.kept]
        known = [size for size in sizes if size is not None]
        if len(known) == len(sizes):
            return float(math.prod(known)) / self.groups(x)
        values = tf.cast(tf.size(x, out_type=tf.int64), tf.float32)
        return values / tf.cast(self.channels * self.groups(x), tf.float32)

    def _groups(self, x: Any) -> Any:
        samples = self.sizes[0]
        if samples is not None and self.group_size is not None:
            return samples // self.group_size
        return tf.shape(x)[0] // self.group_size
