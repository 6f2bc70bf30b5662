"""Deep copies of models: which part of a copy stands for which part of the original."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, Choice, Instance, Item, Items, Product, Table, Value
from steadynorm.source.symbolic.vocabulary import COPIES
from steadynorm.source.torch.models import AVERAGED, Key, Models


def is_copy(call: Call) -> bool:
    """Whether a call copies what it is given, as an average of weights does to begin with."""
    return call.name in COPIES or call.name == AVERAGED


def copied_keys(call: Call, models: Models) -> dict[Key, Key]:
    """The keys of what a call copies and of its parts, with those of the copies."""
    original, copy = call.argument(0, "model", "x"), call.result
    found: dict[Key, Key] = {}
    if original is None or copy is None:
        return found
    for before, after in [(original, copy)] if call.name == AVERAGED else _pairs(original, copy):
        one, other = models.key(before), models.key(after)
        if one is not None and other is not None and one != other:
            found[one] = other
    return found


def _pairs(original: Value, copy: Value) -> Iterator[tuple[Value, Value]]:
    """What is in the original beside what is in the same spot of the copy."""
    seen: set[int] = set()
    pending = [(original, copy)]
    for one, other in pending:
        if id(one) in seen or type(one) is not type(other):
            continue
        seen.add(id(one))
        if isinstance(one, Instance | Product | Attribute | Item):
            yield one, other
        pending += _members(one, other)


def _members(one: Value, other: Value) -> list[tuple[Value, Value]]:
    if isinstance(one, Instance) and isinstance(other, Instance):
        return [(each, other.attributes[name]) for name, each in one.attributes.items() if name in other.attributes]
    if isinstance(one, Table) and isinstance(other, Table):
        return [(each, other.entries[key]) for key, each in one.entries.items() if key in other.entries]
    if isinstance(one, Items) and isinstance(other, Items):
        return list(zip(one.items, other.items, strict=False))
    if isinstance(one, Choice) and isinstance(other, Choice):
        return list(zip(one.options, other.options, strict=False))
    if isinstance(one, Product) and isinstance(other, Product) and one.call is not other.call:
        return list(zip(one.call.arguments, other.call.arguments, strict=False))
    return []
