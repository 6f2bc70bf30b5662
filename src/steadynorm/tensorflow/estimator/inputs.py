"""Names of tf.estimator.inputs: an input_fn from arrays in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """An input_fn that gives arrays in batches, the last one smaller where they do not come out even.

    Source: tf.estimator.inputs.numpy_input_fn, here by tf.data.

    Arguments:
        x: features: an array, or name → array, the examples along axis 0.
        y: labels, likewise; None for none.
        batch_size: examples per batch.
        num_epochs: passes over the data; None without end.
        shuffle: whether the order is random, anew in each pass; must be said.
        queue_capacity: from how many examples the next one is drawn when shuffled, if fewer than there are.
        num_threads: nothing depends on it: arrays in memory need no threads.

    Raises:
        ValueError: shuffle is not said, or the arrays differ in length.
    """
    del num_threads
    if not isinstance(shuffle, bool):
        raise ValueError(f"shuffle is {shuffle!r}; expected True (to train) or False (to evaluate and predict)")
    data = _arrays(x) if y is None else (_arrays(x), _arrays(y))
    lengths = {len(array) for array in tf.nest.flatten(data)}
    if len(lengths) != 1:
        raise ValueError(f"the arrays have {sorted(lengths)} examples; expected as many in each, along axis 0")
    length = lengths.pop()

    def input_fn() -> Any:
        dataset = tf.data.Dataset.from_tensor_slices(data)
        if shuffle:
            dataset = dataset.shuffle(min(max(queue_capacity, batch_size), max(length, 1)))
        return dataset.repeat(num_epochs).batch(batch_size)

    return input_fn


def _arrays(values: Any) -> Any:
    return {name: np.asarray(v) for name, v in values.items()} if isinstance(values, Mapping) else np.asarray(values)
