"""Layers that a framework holds in lists, in tables and one after the other, with what is put there later.

A container is a `Product` whose call made it, or an object of a project's class whose base outside is a container.
"""

from __future__ import annotations

from collections.abc import Callable

from steadynorm.source.symbolic.scope import Journal
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Comprehension,
    Instance,
    Items,
    Known,
    Product,
    Super,
    Table,
    Unknown,
    Value,
    choice,
    constant_text,
)
from steadynorm.source.symbolic.vocabulary import GROWS, LISTS, SEQUENCES, TABLES

_MADE = "()"
"""The attribute under which an object has the layers that its base was given; no name of Python's is like it."""

_CONTAINERS = SEQUENCES | LISTS | TABLES

Iterate = Callable[[Value], tuple[Value, ...] | None]


def members(of: Product | Instance, iterate: Iterate) -> tuple[Value, ...] | None:
    """The layers of a container in their order; `None` where they are not known, or where it is none."""
    if isinstance(of, Instance):
        made = of.attributes.get(_MADE)
        return _layers(made.items, (), iterate) if isinstance(made, Items) and made.whole else None
    call = of.call
    if call.added.get("lost", False) or call.name not in SEQUENCES | LISTS:
        return None
    layers = call.argument(0, "layers")
    given = () if layers is None else (layers, *call.arguments[1:])
    if call.more:
        # Layers that are made one like the other stand there once.
        alike = [representative(each) for each in call.spread]
        known = tuple(each for each in alike if each is not None)
        return given + known if known and len(known) == len(alike) and not call.added else None
    return _layers(given, call.added.get("items", ()), iterate)


def _layers(given: tuple[Value, ...], added: tuple[Value, ...], iterate: Iterate) -> tuple[Value, ...] | None:
    if len(given) == 1:
        if _is_named(given[0]):
            given = _named(given[0]) or ()
        elif isinstance(given[0], Items):
            inner = iterate(given[0])
            return None if inner is None else inner + added
        elif isinstance(given[0], Comprehension):
            return None
    return (given + added) or None


def representative(of: Value) -> Value | None:
    """What stands for each member of a container of which only one is known; `None` if there is no such thing."""
    if type(of) is Comprehension:
        return of.element if of.key is None else None
    if type(of) is Product and of.call.name in LISTS and len(of.call.arguments) == 1 and not of.call.added:
        return representative(of.call.arguments[0])
    return None


def one_of(members: tuple[Value, ...]) -> Value | None:
    """One layer for many, where a loop goes through more than are run one by one; `None` if they are no layers."""
    first = members[0] if members else None
    if len(members) == 1 or all(isinstance(each, (Instance, Product)) for each in members):
        return first
    if isinstance(first, Items) and first.whole and any(isinstance(each, (Instance, Product)) for each in first.items):
        # What enumerate() and zip() make of layers: the numbers beside them are others each time.
        parts = (Unknown() if isinstance(each, Known) else each for each in first.items)
        return Items(first.kind, {"items": tuple(parts)})
    return None


def entry(of: Value, key: Value | None) -> Value | None:
    """A layer by its key in a table of layers; one of them all where the key is not known."""
    if type(of) is not Product or of.call.name not in TABLES or of.call.more:
        return None
    given = of.call.arguments[0] if of.call.arguments else Table({})
    if isinstance(given, Comprehension):
        return given.element
    if not isinstance(given, Table) or not given.complete:
        return None
    entries = given.entries | of.call.added
    if isinstance(key, Known):
        return entries.get(key.value)
    return choice(list(entries.values())) if entries else None


def made_by_base(instance: Instance, layers: tuple[Value, ...], more: bool, journal: Journal) -> None:
    """Notes the layers that the base of a project's class is given, as in `super().__init__(conv, norm)`."""
    if not more and set(instance.of.external_bases()) & SEQUENCES:
        journal.put(instance.attributes, _MADE, Items("tuple", {"items": layers}))


def grow(of: Value, method: str, given: tuple[Value, ...], iterate: Iterate, journal: Journal) -> None:
    """Puts layers into a container that is there already."""
    position = GROWS.get(method)
    if position is None or len(given) <= position:
        return
    of = of.instance if isinstance(of, Super) else of
    new = iterate(given[0]) if method == "extend" else (given[position],)
    if isinstance(of, Instance):
        if set(of.of.external_bases()) & SEQUENCES:
            journal.put(of.attributes, _MADE, Items("tuple", {"items": (*layers_of(of), *(new or ()))}))
        elif position and (name := constant_text(given[0])) is not None:
            journal.put(of.attributes, name, given[position])
    elif isinstance(of, Product) and of.call.name in _CONTAINERS:
        if new is None:
            journal.put(of.call.added, "lost", True)
        journal.put(of.call.added, "items", (*of.call.added.get("items", ()), *(new or ())))


def put(of: Value, key: Value, layer: Value, journal: Journal) -> None:
    """`of[key] = layer` for a table of layers."""
    if isinstance(of, Product) and of.call.name in TABLES:
        journal.put(of.call.added, key.value if isinstance(key, Known) else key, layer)


def made_later(call: Call) -> tuple[Value, ...]:
    """The layers that were put into what a call made."""
    if call.name in TABLES:
        return tuple(value for value in call.added.values() if isinstance(value, Value))
    added: tuple[Value, ...] = call.added.get("items", ())
    return added


def _is_named(value: Value) -> bool:
    return isinstance(value, Table) or (isinstance(value, Product) and value.call.name == "collections.OrderedDict")


def _named(value: Value) -> tuple[Value, ...] | None:
    if isinstance(value, Table):
        return tuple(value.entries.values()) if value.complete else None
    assert isinstance(value, Product)
    given = value.call.arguments[0] if value.call.arguments else None
    if given is None:
        return None if value.call.more else tuple(value.call.keywords.values())
    if isinstance(given, Table):
        return tuple(given.entries.values()) if given.complete else None
    if isinstance(given, Items) and given.whole:
        pairs = [each.items for each in given.items if isinstance(each, Items) and len(each.items) == 2]
        return tuple(pair[1] for pair in pairs) if len(pairs) == len(given.items) else None
    return None


def layers_of(of: Call | Instance) -> tuple[Value, ...]:
    """All that a container was given, whether its order is known or not: to see what it holds, not to run it."""
    if isinstance(of, Instance):
        made = of.attributes.get(_MADE)
        return made.items if isinstance(made, Items) else ()
    return (*of.arguments, *of.spread, *made_later(of))
