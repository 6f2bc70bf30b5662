"""What the tests of the TensorFlow room share, and the behaviour of TensorFlow 1 on request: STEADYNORM_TEST_V1=1.

Control flow is then that of switches, variables are references, the sizes in shapes are objects of their own, and
nothing is executed eagerly.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

# Workers beside each other do not fight over the cores; TensorFlow reads this when it is first used.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import tensorflow as tf
from tensorflow.python.eager import context

if os.environ.get("STEADYNORM_TEST_V1"):
    tf.compat.v1.disable_v2_behavior()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no worker waits for it at the end."""
    items.sort(key=lambda each: each.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """TensorFlow's hundreds of thousands of objects stay: the garbage collector need not go through them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def eager() -> Iterator[None]:
    """Eager mode, also under the behaviour of TensorFlow 1 and inside the graph of a test."""
    with context.eager_mode():
        yield
