"""Nested lists, tuples, dicts, dataclasses and objects that hold their items as a mapping: what batches are made of."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def leaves(value: Any, is_leaf: Callable[[Any], bool]) -> Iterator[Any]:
    """All parts of a nest that `is_leaf` knows."""
    if is_leaf(value):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, is_leaf)
    elif is_mapping(value):
        for _, item in value.items():
            yield from leaves(item, is_leaf)
    elif _is_record(value):
        yield from leaves(list(vars(value).values()), is_leaf)


def transform(value: Any, function: Callable[[Any], Any], is_leaf: Callable[[Any], bool]) -> Any:
    """The same nest, built anew, with `function` applied to every leaf; everything else in it is copied."""
    if is_leaf(value):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(transform(item, function, is_leaf) for item in value))
    if type(value) in (list, tuple):
        return type(value)(transform(item, function, is_leaf) for item in value)
    if is_mapping(value):
        items = {key: transform(item, function, is_leaf) for key, item in value.items()}
        return items if type(value) is dict else _filled(copy.copy(value), items)
    if _is_record(value):
        filled = copy.copy(value)
        vars(filled).update((name, transform(item, function, is_leaf)) for name, item in vars(value).items())
        return filled
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def is_mapping(value: Any) -> bool:
    """Whether a value holds its items by keys, as a dict does."""
    return isinstance(value, Mapping) or (hasattr(type(value), "items") and hasattr(type(value), "__getitem__"))


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__")


def _filled(mapping: Any, items: dict[Any, Any]) -> Any:
    for key, item in items.items():
        mapping[key] = item
    return mapping
