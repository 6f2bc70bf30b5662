"""Objects that are another state of an object: what is called and taken apart is the object itself.

Libraries without mutable models hand out a new model for each change (`equinox.tree_at`, `flax.nnx.merge`), and a new
record for each new field (`state.replace`). The values stay what they are, so that the way to them can be followed
back; only calls and attributes go on to what they stand for.
"""

from __future__ import annotations

from steadynorm.source.symbolic.values import Attribute, Class, External, Instance, Item, Items, Known, Product, Value
from steadynorm.source.symbolic.vocabulary import DERIVED, RECORD_BASES, RECORD_CHANGES, TAKEN_APART

_CREATE = "create"


def original(value: Value) -> Value:
    """The object that a value is another state of; the value itself if it is none."""
    while True:
        before = state_before(value)
        if before is None:
            return value
        value = before


def state_before(value: Value) -> Value | None:
    """What a value is the next state of; `None` if it is none."""
    if type(value) is Product:
        position = DERIVED.get(value.call.name)
        return None if position is None else value.call.argument(position)
    if type(value) is Item:
        of = original(value.of)
        if isinstance(of, Product) and of.call.name in TAKEN_APART:
            return of.call.argument(0)
        if of is not value.of and isinstance(of, Items) and isinstance(value.key, Known):
            index = value.key.value
            if type(index) is int and -len(of.items) <= index < len(of.items):
                return of.items[index]
    return None


def of_record(record: Product, name: str) -> Value | None:
    """A field of a record that a call made or changed; `None` if it is no record, or the field is not known.

    A field that the change did not name is that of the record before: the caller looks there (`record_before`).
    """
    call = record.call
    if not _is_record(record):
        return None
    return call.keywords.get(name)


def record_before(record: Product, name: str) -> Value | None:
    """The record whose field `name` a changed record still has; `None` if it is no change, or changes it too."""
    call = record.call
    changed = RECORD_CHANGES.get(call.name)
    if changed is None or call.more or name in changed:
        return None
    if call.name.startswith("."):
        # With arguments by position it is the method of a string, or of an optimizer.
        return None if call.arguments else call.receiver
    return call.argument(0)


def _is_record(record: Product) -> bool:
    call = record.call
    if call.name in RECORD_CHANGES:
        return True
    callee = call.callee
    if isinstance(callee, External):
        base, _, method = callee.name.rpartition(".")
        return method == _CREATE and base in RECORD_BASES
    return (
        isinstance(callee, Attribute)
        and callee.name == _CREATE
        and isinstance(callee.of, (Class, Instance))
        and bool(set(RECORD_BASES) & set(_class(callee.of).external_bases()))
    )


def _class(value: Class | Instance) -> Class:
    return value.of if isinstance(value, Instance) else value
