"""Batches of NumPy arrays: sampling them, cutting them, and what a session is fed of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from steadynorm import nests
from steadynorm.batches import as_read, inputs_and_target, spread_order
from steadynorm.errors import UnusableInputError
from steadynorm.nests import is_mapping
from steadynorm.tensorflow.graph_subject import GraphModel


def read(data: Iterable[Any], name: str, *, in_order: bool = False) -> Iterator[Any]:
    """The batches of the data as NumPy arrays; those of a list in an order that is spread over it, or in their own.

    Raises:
        UnusableInputError: the data raise while they are read; `name` says whose.
    """

    def begin() -> Iterator[Any]:
        return (nests.transform(each, np.asarray, _is_array) for each in (data if in_order else _ordered(data)))

    yield from as_read(begin, name)


def sample(data: Iterable[Any], count: int | None, name: str, *, in_order: bool = False) -> list[Any]:
    """Up to `count` batches, copied, spread over the data where they allow it, or the first in their own order.

    Raises:
        UnusableInputError: there is no batch, the data are one array, or they hold NaN; `name` says whose.
    """
    if count is not None and count < 1:
        raise UnusableInputError(f"batches={count}: expected how many batches to sample, at least 1")
    if _is_array(data):
        raise UnusableInputError(f"{name} is one array; expected an iterable of batches, as a list of (inputs, labels)")
    batches = [
        nests.transform(batch, np.copy, _is_array) for batch in islice(read(data, name, in_order=in_order), count)
    ]
    if not any(map(sample_count, batches)):
        raise UnusableInputError(f"{name} is empty: expected an iterable that gives at least one batch with samples")
    for index, batch in enumerate(batches):
        check_finite(batch, name, index)
    return batches


def sample_count(batch: Any) -> int:
    """The number of samples: the length of the first array's first axis; 1 without arrays."""
    first = next(nests.leaves(batch, _is_array), None)
    return 1 if first is None or not first.ndim else len(first)


def split_batch(batch: Any, size: int) -> list[Any]:
    """The batch cut into pieces of `size` samples, without the rest; whole if its arrays have different lengths."""
    lengths = {len(each) if each.ndim else -1 for each in nests.leaves(batch, _is_array)}
    if len(lengths) != 1 or min(lengths) <= size:
        return [batch]
    count = lengths.pop()
    starts = range(0, count - count % size or count, size)
    return [nests.transform(batch, partial(_cut, start=at, size=size), _is_array) for at in starts]


def check_finite(batch: Any, name: str, index: int) -> None:
    """Refuses a batch that holds NaN or Inf.

    Raises:
        UnusableInputError: naming the data and the batch.
    """
    for each in nests.leaves(batch, _is_array):
        if np.issubdtype(each.dtype, np.floating) and not np.isfinite(each).all():
            raise UnusableInputError(
                f"{name} holds {int((~np.isfinite(each)).sum())} values that are NaN or Inf (batch {index}): remove or "
                "replace them; statistics cannot be taken from them"
            )


def feed(model: GraphModel, batch: Any, *, training: bool = False, with_labels: bool = True) -> dict[str, Any]:
    """What a session is fed of a batch, by the names of the tensors.

    Arguments:
        model: where it goes.
        batch: the batch.
        training: whether it is for the train op.
        with_labels: whether the labels are fed, where there are any.

    Raises:
        UnusableInputError: the batch has other parts than the model.
    """
    inputs, target = inputs_and_target(batch)
    found = dict(_matched(model.inputs, inputs, "inputs"))
    if model.labels is not None and with_labels:
        found.update(_matched(model.labels, target, "labels"))
    for tensor, value in (model.training_feed if training else model.inference_feed).items():
        found[tensor.name] = value
    return found


def _matched(places: Any, values: Any, what: str) -> Iterator[tuple[str, Any]]:
    if places is None:
        return
    if isinstance(places, Mapping):
        if not is_mapping(values) or set(places) - set(values):
            raise UnusableInputError(
                f"a batch has no {what} by the names {', '.join(map(str, places))}, as the subject has them"
            )
        yield from ((place.name, values[key]) for key, place in places.items())
    elif isinstance(places, Sequence):
        if not isinstance(values, list | tuple) or len(values) != len(places):
            raise UnusableInputError(f"a batch has not {len(places)} parts as {what}, as the subject has")
        yield from ((place.name, value) for place, value in zip(places, values, strict=True))
    elif values is None:
        raise UnusableInputError(f"a batch has no {what}: expected (inputs, labels)")
    else:
        yield places.name, values


def _ordered(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        return (data[index] for index in spread_order(len(data)))
    return iter(data)


def _cut(array: Any, start: int, size: int) -> Any:
    return array[start : start + size]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) or (hasattr(value, "__array__") and hasattr(value, "dtype"))
