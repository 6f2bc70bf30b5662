"""What a session is asked for, as operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def to_operation(fetch: Any) -> tf.Operation:
    """The operation that computes what is fetched.

    Arguments:
        fetch: an operation, or a tensor or variable of the graph.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(fetch, tf.Operation):
        return fetch
    if hasattr(fetch, "op"):
        return fetch.op
    raise TypeError(
        f"expected a tf.Operation or a tensor of the graph, or a list of them, not {type(fetch).__name__}: pass what "
        "session.run is given"
    )


def to_operations(fetches: Any) -> list[tf.Operation]:
    """The operations that compute what is fetched together.

    Arguments:
        fetches: as of `to_operation`, or lists, tuples or sets of such.

    Raises:
        TypeError: one is none of these.
    """
    if isinstance(fetches, (list, tuple, set, frozenset)):
        return [each for fetch in fetches for each in to_operations(fetch)]
    return [to_operation(fetches)]
