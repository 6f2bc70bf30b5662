"""What the inputs of a live model are called."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

from steadynorm.nests import is_mapping


def input_labels(batch: Any, tensors: Iterable[Any], read: Container[int]) -> dict[int, str]:
    """What the tensors of a batch that are read are called: by their keys, or numbered.

    Arguments:
        batch: the batch.
        tensors: those in it.
        read: identities of all that is read.

    Returns:
        the labels by the identities of the tensors.
    """
    keys = dict(_keys(batch))
    given = [id(each) for each in tensors if id(each) in read]
    numbered = {at: "input" if len(given) == 1 else f"input {number}" for number, at in enumerate(given, 1)}
    return {at: keys.get(at, label) for at, label in numbered.items()}


def _keys(value: Any) -> Iterator[tuple[int, str]]:
    if is_mapping(value):
        for key, each in value.items():
            yield id(each), str(key)
            yield from _keys(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _keys(each)
