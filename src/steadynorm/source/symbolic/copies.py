"""Deep copies: another object of the same make, whose parts are its own."""

from __future__ import annotations

from dataclasses import replace

from steadynorm.source.symbolic.values import Attribute, Choice, Instance, Item, Items, Parameter, Product, Table, Value
from steadynorm.source.symbolic.vocabulary import LISTS, SEQUENCES, TABLES, WRAPPERS

_HOLDERS = SEQUENCES | LISTS | TABLES | WRAPPERS


def copy_of(value: Value, known: dict[int, Value] | None = None) -> Value:
    """A deep copy of a value; constants, functions and what is not known are the same in it.

    Arguments:
        value: what is copied.
        known: by the identity of a value its copy, where it was met before.
    """
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, Instance):
        copy: Value = Instance(value.of, {}, value.place, value.created)
        known[id(value)] = copy
        assert isinstance(copy, Instance)
        copy.attributes.update({name: copy_of(each, known) for name, each in value.attributes.items()})
    elif isinstance(value, Items):
        cell = value.cell | {"items": tuple(copy_of(each, known) for each in value.items)}
        copy = Items(value.kind, cell, value.complete, value.place)
    elif isinstance(value, Table):
        entries = {key: copy_of(each, known) for key, each in value.entries.items()}
        copy = Table(entries, value.complete, value.place)
    elif isinstance(value, Product):
        copy = _of_product(value, known)
    elif isinstance(value, Choice):
        copy = Choice(tuple(copy_of(each, known) for each in value.options))
    elif isinstance(value, Attribute):
        copy = Attribute(copy_of(value.of, known), value.name, value.read)
    elif isinstance(value, Item):
        copy = Item(copy_of(value.of, known), value.key)
    elif isinstance(value, Parameter) and len(known) == 0:
        # What is done to the copy is not done to what was handed over.
        return Parameter(f"copy of {value.name}")
    else:
        return value
    known[id(value)] = copy
    return copy


def _of_product(value: Product, known: dict[int, Value]) -> Product:
    call = value.call
    if call.name not in _HOLDERS:
        return Product(call)
    added = {
        key: tuple(copy_of(each, known) for each in entry) if isinstance(entry, tuple) else _layer(entry, known)
        for key, entry in call.added.items()
    }
    return Product(
        replace(
            call,
            arguments=tuple(copy_of(each, known) for each in call.arguments),
            keywords={name: copy_of(each, known) for name, each in call.keywords.items()},
            added=added,
        )
    )


def _layer(entry: object, known: dict[int, Value]) -> object:
    return copy_of(entry, known) if isinstance(entry, Value) else entry
