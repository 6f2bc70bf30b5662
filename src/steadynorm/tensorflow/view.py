"""Values of any rank and channel axes in the form that the fused kernels take, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class View:
    """How a tensor becomes four axes with all channels in the last, which the fused kernels need.

    Several channel axes are flattened to one, in their order. A virtual batch becomes further channels: all
    arithmetic per channel is then arithmetic per channel and virtual batch, (groups · C,) with the groups first.

    Attributes:
        shape: static shape of the tensor; the channel axes are known.
        kept: the channel axes, sorted and non-negative.
        group_size: samples in a virtual batch; sample n of N goes to batch n mod (N / group_size), as in TensorFlow.
    """

    shape: tf.TensorShape
    kept: tuple[int, ...]
    group_size: int | None = None

    @property
    def channels(self) -> int:
        """Number of channels, those of all channel axes together."""
        return math.prod(self.shape[a] for a in self.kept)

    @property
    def _order(self) -> tuple[int, ...]:
        reduced = tuple(a for a in range(self.shape.rank) if a not in self.kept)
        return reduced + self.kept

    @property
    def _last(self) -> bool:
        return self._order == tuple(range(self.shape.rank))

    def to_kernel(self, x: Any) -> Any:
        """Return the values of a tensor of the view's shape as (…, …, …, channels)."""
        ordered = x if self._last else tf.transpose(x, self._order)
        if self.group_size is not None:
            grouped = tf.reshape(ordered, [self.group_size, self._groups(x), -1, self.channels])
            return tf.reshape(tf.transpose(grouped, [0, 2, 1, 3]), self._folded(x))
        if len(self.kept) == 1 and self.shape.rank == 4:
            return ordered
        return tf.reshape(ordered, [-1, 1, 1, self.channels])

    def from_kernel(self, values: Any, like: Any) -> Any:
        """Return what `to_kernel` made in the shape of the tensor `like`, from which it was made."""
        order = self._order
        if self.group_size is not None:
            grouped = tf.reshape(values, [self.group_size, -1, self._groups(like), self.channels])
            values = tf.transpose(grouped, [0, 2, 1, 3])
        elif len(self.kept) == 1 and self.shape.rank == 4 and self._last:
            return values
        sizes = tf.shape(like)
        ordered = tf.reshape(values, sizes if self._last else tf.gather(sizes, order))
        result = ordered if self._last else tf.transpose(ordered, [order.index(a) for a in range(len(order))])
        result.set_shape(self.shape)
        return result

    def groups(self, x: Any) -> Any:
        """Return the number of virtual batches, an int if it is known; 1 without them."""
        return 1 if self.group_size is None else self._groups(x)

    def count(self, x: Any) -> Any:
        """Return the number of values per channel and virtual batch, a float if it is known."""
        sizes = [self.shape[a] for a in range(self.shape.rank) if a not in self.kept]
        if all(size is not None for size in sizes):
            return float(math.prod(sizes)) / self.groups(x)
        values = tf.cast(tf.size(x, out_type=tf.int64), tf.float32)
        return values / tf.cast(self.channels * self.groups(x), tf.float32)

    def _groups(self, x: Any) -> Any:
        samples = self.shape[0]
        if samples is not None and self.group_size is not None:
            return samples // self.group_size
        return tf.shape(x)[0] // self.group_size

    def _folded(self, x: Any) -> list[Any]:
        return [-1, 1, 1, self._groups(x) * self.channels]
