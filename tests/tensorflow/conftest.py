"""What the tests of the TensorFlow room share, and the behaviour of TensorFlow 1 on request: STEADYNORM_TEST_V1=1.

Control flow is then that of switches, variables are references, the sizes in shapes are objects of their own, and
nothing is executed eagerly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Workers beside each other do not fight over the cores; TensorFlow reads this when it is first used.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def pytest_collectstart() -> None:
    """Not when this file is read, as the process that only hands the tests out to workers does, too."""
    if os.environ.get("STEADYNORM_TEST_V1"):
        import tensorflow as tf

        tf.compat.v1.disable_v2_behavior()


@pytest.fixture
def eager() -> Iterator[None]:
    """Eager mode, also under the behaviour of TensorFlow 1 and inside the graph of a test."""
    from tensorflow.python.eager import context

    with context.eager_mode():
        yield
