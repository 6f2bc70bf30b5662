"""A graph of its own for each training, evaluation, prediction and export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.config import RunConfig


@contextmanager
def new_graph(config: RunConfig) -> Iterator[Any]:
    """An empty default graph with the configuration's seed and devices, and a global step."""
    with tf.Graph().as_default() as graph, tf.compat.v1.device(config.device_fn):
        tf.compat.v1.set_random_seed(config.tf_random_seed)
        tf.compat.v1.train.create_global_step()
        yield graph
