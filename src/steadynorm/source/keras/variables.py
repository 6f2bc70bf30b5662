"""Lists of a Keras model's variables, and single ones of them, however a loop goes through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from steadynorm.source.symbolic.flow import behind
from steadynorm.source.symbolic.values import Attribute, Item, Items, Product, Value, constant_int

TRAINABLE = ("trainable_variables", "trainable_weights")
VARIABLES = (*TRAINABLE, "variables", "weights")
LISTS = (*VARIABLES, "non_trainable_variables")
"""Attributes of a model that are lists of its variables."""

_OTHERS = ("non_trainable_weights", "get_weights")
_PASSING = ("builtins.list", "builtins.enumerate", "builtins.tuple", "tqdm.tqdm")


@dataclass(frozen=True, slots=True)
class VariablesOf:
    """A list of a model's variables.

    Arguments:
        model: the model.
        name: the attribute, as `trainable_variables`.
    """

    model: Value
    name: str


def variables_in(value: Value | None) -> Iterator[VariablesOf]:
    """The list that a variable is one of; the list itself if the value is one."""
    path: list[Value | None] = []
    while value is not None:
        if isinstance(value, Attribute):
            if value.name in (*LISTS, *_OTHERS):
                yield VariablesOf(value.of, value.name)
                return
            value = value.of if value.name in ("value", "numpy") else None
        elif isinstance(value, Item):
            path.append(value.key)
            value = value.of
        elif isinstance(value, Product) and value.call.name == "builtins.zip":
            index = next((found for key in path if (found := constant_int(key)) is not None), None)
            given = value.call.arguments
            value = given[index] if index is not None and 0 <= index < len(given) else None
            path = []
        elif isinstance(value, Product) and value.call.name in _PASSING:
            value = value.call.argument(0)
        elif isinstance(value, Product) and value.call.name in (".numpy", ".value", ".read_value"):
            value = value.call.receiver
        elif isinstance(value, Product) and value.call.name == ".get_weights":
            if value.call.receiver is not None:
                yield VariablesOf(value.call.receiver, "get_weights")
            return
        elif isinstance(value, Items):
            for each in value.items:
                yield from variables_in(each)
            return
        else:
            return


def variables_behind(values: Iterable[Value]) -> Iterator[VariablesOf]:
    """The lists of variables that values are made of."""
    for value in behind(*values):
        if isinstance(value, Attribute) and value.name in (*LISTS, *_OTHERS):
            yield VariablesOf(value.of, value.name)
        elif isinstance(value, Product) and value.call.name == ".get_weights" and value.call.receiver is not None:
            yield VariablesOf(value.call.receiver, "get_weights")
