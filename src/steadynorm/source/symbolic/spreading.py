"""Methods of a framework's models that go through all their parts, and run what the project's classes make of them.

`model.eval()` calls `train(False)` of the model and of all its parts: where a class has its own, that is run.
"""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.symbolic.containers import layers_of
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.trace import Call, Callback
from steadynorm.source.symbolic.values import (
    Bound,
    Choice,
    Function,
    Instance,
    Items,
    Known,
    Product,
    Super,
    Table,
    Value,
)
from steadynorm.source.symbolic.vocabulary import LISTS, SEQUENCES, SPREAD_BASES, SPREADS, TABLES, WRAPPERS

_HOLDERS = SEQUENCES | LISTS | TABLES | WRAPPERS


def spread(machine: Machine, call: Call, of: Value, name: str, arguments: Arguments) -> None:
    """Runs the project's own methods that a call of a framework's method comes to.

    Arguments:
        machine: the run.
        call: the call, as it was noted.
        of: the object whose method it is; `super()` stands for its parts only.
        name: the method's name.
        arguments: what it is given.
    """
    method, default = SPREADS[name]
    given = arguments
    if default is not None:
        given = Arguments((Known(default),), {}, False, arguments.place)
    found = list(_owners(of, name, method, set()))
    for instance, function in found:
        with machine.inside(Callback(call, method)):
            machine.call(Bound(function, instance), given)


def _owners(of: Value, name: str, method: str, seen: set[int]) -> Iterator[tuple[Instance, Function]]:
    """The objects nearest to one that have a method of their own: what is inside them is their business."""
    if id(of) in seen:
        return
    seen.add(id(of))
    if isinstance(of, Super):
        yield from _of_parts(of.instance, method, seen)
    elif isinstance(of, Instance):
        if not any(base.startswith(SPREAD_BASES) for base in of.of.external_bases()):
            return
        own = of.of.member(method)
        if isinstance(own, Function) and (len(seen) > 1 or method != name):
            yield of, own
        else:
            yield from _of_parts(of, method, seen)
    elif isinstance(of, (Product, Choice)):
        yield from _of_parts(of, method, seen)


def _of_parts(of: Value, method: str, seen: set[int]) -> Iterator[tuple[Instance, Function]]:
    if isinstance(of, Instance):
        values = (*of.attributes.values(), *layers_of(of))
    elif isinstance(of, Product) and of.call.name in _HOLDERS:
        values = layers_of(of.call)
        values = tuple(inner for each in values for inner in _spread_out(each))
    else:
        values = ()
    for each in values:
        # A part of which one of several is there does as the others do.
        if isinstance(each, (Instance, Product)):
            yield from _owners(each, method, method, seen)


def _spread_out(value: Value) -> tuple[Value, ...]:
    if isinstance(value, Items):
        return value.items
    return tuple(value.entries.values()) if isinstance(value, Table) else (value,)
