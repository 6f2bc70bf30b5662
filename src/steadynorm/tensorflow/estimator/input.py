"""Calls an input_fn in the graph being built and turns what it returns into features, labels and hooks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.tensorflow.estimator.config import RunConfig
from steadynorm.tensorflow.estimator.signatures import argument_names, name_of, required_names


class Inputs(NamedTuple):
    """What a model_fn is built on."""

    features: Any
    labels: Any
    hooks: tuple[Any, ...]


class _InitializeIterator(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]
    """Starts a dataset's iterator in each new session: an iterator is no variable, no initializer reaches it."""

    def __init__(self, iterator: Any) -> None:
        self._initializer = iterator.initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        del coord
        session.run(self._initializer)


def read_inputs(input_fn: Callable[..., Any], mode: str, params: Any, config: RunConfig) -> Inputs:
    """Calls `input_fn` with those of mode, params and config that it names, on the CPU.

    Arguments:
        input_fn: returns a tf.data.Dataset of (features, labels) or features, or these as tensors.
        mode: one of ModeKeys.
        params: the Estimator's, of which it gets a copy.
        config: the Estimator's.

    Raises:
        TypeError: input_fn cannot be called.
        ValueError: it asks for something else, or returns something else.
    """
    where = _check(input_fn)
    names = argument_names(input_fn)
    offered = {"mode": mode, "params": copy.deepcopy(params), "config": config}
    # A name scope of its own: the names that tf.data gives its ops ("count", "seed") would be taken from the variables.
    with tf.device("/cpu:0"), tf.name_scope("input_fn"):
        result = input_fn(**{name: value for name, value in offered.items() if name in names})
        if isinstance(result, tf.data.Dataset):
            return _from_dataset(result, where)
    return Inputs(*_features_and_labels(result, where), hooks=())


def ends_by_itself(graph: Any, inputs: Inputs) -> bool:
    """Whether the inputs come from a dataset, an iterator or a queue: constant tensors give the same batch for ever."""
    if inputs.hooks or graph.get_collection(tf.compat.v1.GraphKeys.QUEUE_RUNNERS):
        return True
    return any(operation.type.startswith("IteratorGetNext") for operation in graph.get_operations())


def _check(input_fn: object) -> str:
    if not callable(input_fn):
        raise TypeError(
            f"input_fn is {input_fn!r}; expected a function that returns a tf.data.Dataset, (features, labels) or "
            "features: write lambda: ... around what you have, and make the data inside it"
        )
    unknown = [name for name in required_names(input_fn) if name not in ("mode", "params", "config")]
    if unknown:
        raise ValueError(
            f"input_fn {name_of(input_fn)} takes {unknown}, which an Estimator does not give; expected none but mode, "
            "params and config: bind the rest with functools.partial or a lambda"
        )
    return name_of(input_fn)


def _from_dataset(dataset: Any, where: str) -> Inputs:
    try:
        iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
        with tf.name_scope(""):  # Hooks know the batch by the name that tf.estimator gave it, IteratorGetNext.
            element = iterator.get_next()
    except (ValueError, TypeError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"the dataset that input_fn {where} returns cannot be used in the graph that the Estimator builds "
            f"({error}); expected a dataset made inside input_fn: move the calls of tf.data into it"
        ) from error
    return Inputs(*_features_and_labels(element, where), hooks=(_InitializeIterator(iterator),))


def _features_and_labels(result: Any, where: str) -> tuple[Any, Any]:
    if isinstance(result, (tuple, list)):
        if len(result) != 2:
            raise ValueError(
                f"input_fn {where} returns {len(result)} parts; expected (features, labels): put several features "
                "into one dict"
            )
        return result[0], result[1]
    if result is None:
        raise ValueError(f"input_fn {where} returns None; expected a dataset or tensors: is a return missing?")
    return result, None
