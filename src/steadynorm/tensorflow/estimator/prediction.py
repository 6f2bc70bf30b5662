"""Runs a model over all inputs and hands out its predictions."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import tensorflow as tf

_log = logging.getLogger("steadynorm")


def choose_predictions(predictions: Any, keys: Any) -> Any:
    """Those of `predictions` that `keys` names; all for None.

    Raises:
        ValueError: keys for predictions that are no dict, or none of the names exists.
    """
    if not keys:
        return predictions
    keys = [keys] if isinstance(keys, str) else list(keys)
    if not isinstance(predictions, Mapping):
        raise ValueError(f"predict_keys is {keys}, but the model predicts a single tensor; expected None")
    unknown = [key for key in keys if key not in predictions]
    if unknown:
        raise ValueError(
            f"predict_keys names {unknown}, which the model does not predict; expected some of {sorted(predictions)}"
        )
    return {key: predictions[key] for key in keys}


def run_predictions(graph: Any, predictions: Any, session_creator: Any, hooks: list[Any]) -> Generator[Any, None, None]:
    """The values of `predictions`, batch by batch, until the inputs end.

    The graph is the default one only while a batch runs, not while the caller works on it: what the caller builds in
    between stands in the caller's graph.
    """
    with graph.as_default():
        session = tf.compat.v1.train.MonitoredSession(session_creator, hooks=hooks)
    error: BaseException | None = None
    try:
        while True:
            with graph.as_default():
                if session.should_stop():
                    return
                values = session.run(predictions)
            yield values
    except tf.errors.OutOfRangeError:
        return
    except Exception as failure:
        error = failure
        raise
    finally:
        with graph.as_default():
            session.__exit__(None if error is None else type(error), error, None)


def examples(batch: Any) -> Iterator[Any]:
    """The single examples of a batch of predictions: rows, or dicts of rows.

    Raises:
        ValueError: the predictions differ in their number of examples.
    """
    if not isinstance(batch, Mapping):
        yield from batch
        return
    sizes = {key: value.shape[0] if value.ndim else None for key, value in batch.items()}
    if len(set(sizes.values())) != 1 or None in sizes.values():
        raise ValueError(
            f"the predictions of one batch have {sizes} examples; expected as many of each: give all the examples "
            "along axis 0, or call predict with yield_single_examples=False"
        )
    for index in range(next(iter(sizes.values())) or 0):
        yield {key: value[index] for key, value in batch.items()}


def warn_if_endless(ends: bool) -> None:
    """Says that constant inputs are predicted for ever."""
    if not ends:
        _log.warning(
            "input_fn gives neither a tf.data.Dataset nor a queue: the predictions of the same batch repeat for ever; "
            "return a dataset, or stop taking them yourself"
        )
