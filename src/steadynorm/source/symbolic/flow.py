"""What feeds what: the data flow of a run, framework-free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from steadynorm.source.symbolic.trace import Assign, Call, Return, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Comprehension,
    Expression,
    Item,
    Items,
    Known,
    Partial,
    Product,
    Table,
    Value,
)

_Node = TypeVar("_Node")

_PARTS: dict[type[Value], Callable[[Any], tuple[Value, ...]]] = {
    Attribute: lambda value: (value.of,),
    Item: lambda value: (value.of,) if value.key is None else (value.of, value.key),
    Expression: lambda value: value.operands,
    Items: lambda value: value.items,
    Table: lambda value: (*(key for key in value.entries if isinstance(key, Value)), *value.entries.values()),
    Comprehension: lambda value: (value.element, *value.sources, *value.tests),
    Choice: lambda value: value.options,
    Partial: lambda value: (*value.arguments, *value.keywords.values()),
}
"""By what a value is, what it consists of; most values consist of nothing else."""


def parts(value: Value) -> tuple[Value, ...]:
    """The values that a value directly consists of; of what a call gave none, since the call stands between."""
    found = _PARTS.get(type(value))
    return () if found is None else found(value)


def held(value: Value) -> tuple[Value, ...]:
    """The members of a list or table, of which a comprehension has one that stands for all; none of anything else."""
    if isinstance(value, Items):
        return value.items
    if isinstance(value, Table):
        return tuple(value.entries.values())
    return (value.element,) if isinstance(value, Comprehension) else ()


def inputs(call: Call) -> tuple[Value, ...]:
    """What a call is given: its receiver, its arguments and what functions handed to it gave."""
    receiver = () if call.receiver is None else (call.receiver,)
    return (*receiver, *call.arguments, *call.keywords.values(), *call.spread, *call.callbacks.values())


def inside(*values: Value) -> Iterator[Value]:
    """Values with everything that they consist of, each once; calls are not gone behind."""
    return walk(values, parts)


def behind(*values: Value) -> Iterator[Value]:
    """Values with everything that led to them, through the inputs of the calls that gave them."""

    def before(value: Value) -> tuple[Value, ...]:
        return inputs(value.call) if isinstance(value, Product) else parts(value)

    return walk(values, before)


def calls_behind(*values: Value) -> Iterator[Call]:
    """The calls that led to values, nearest first."""
    return (value.call for value in behind(*values) if isinstance(value, Product))


def walk(begin: Iterable[_Node], step: Callable[[_Node], Iterable[_Node]]) -> Iterator[_Node]:
    """What one begins with and everything that steps lead to, each once, nearest first; the step from a thing is
    taken when the next one is asked for."""
    seen: set[int] = set()
    pending = list(begin)
    for each in pending:
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += step(each)


class Uses:
    """Who takes what in a run: by value, the calls that are given it, whole or as a part of something."""

    def __init__(self, run: Run) -> None:
        self._calls: dict[int, list[Call]] = defaultdict(list)
        self._kept: set[int] = set()
        for event in run.events:
            if type(event) is Call:
                self._note(event)
            elif type(event) is Assign or (type(event) is Return and event.frame.place is None):
                # The outermost function's results, and what is kept in objects, may be used by anybody.
                self._kept.update(id(value) for value in inside(event.value))

    def _note(self, call: Call) -> None:
        # As `inside`, without what makes that one a generator and without constants: a run has thousands of calls.
        pending = [*inputs(call), call.callee]
        seen: set[int] = set()
        for value in pending:
            kind = type(value)
            if kind is Known or id(value) in seen:
                continue
            seen.add(id(value))
            self._calls[id(value)].append(call)
            found = _PARTS.get(kind)
            if found is not None:
                pending += found(value)

    def of(self, value: Value) -> tuple[Call, ...]:
        """The calls that are given a value, in their order."""
        return tuple(self._calls.get(id(value), ()))

    def is_kept(self, value: Value) -> bool:
        """Whether it is kept in an object or returned by the run's entry point, so that others may use it."""
        return id(value) in self._kept

    def after(self, value: Value) -> Iterator[Call]:
        """The calls that a value goes into, directly or through other calls, nearest first."""
        return walk(self.of(value), lambda call: () if call.result is None else self.of(call.result))
