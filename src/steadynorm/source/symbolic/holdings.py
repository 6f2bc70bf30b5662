"""What modules hold: all that somebody who imports them can change, to make it again what it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from steadynorm.source.symbolic.flow import inputs, parts
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.values import (
    Bound,
    Class,
    Function,
    Instance,
    Items,
    Partial,
    Product,
    Table,
    Value,
    Wrapped,
)


class Holdings:
    """Names, attributes and members, as they are at one moment.

    Arguments:
        scopes: of modules; whatever can be reached from their names is held.
    """

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._scopes = list(scopes)
        self._values = list(_reached(self._scopes))
        self._before = [dict(each) for each in self._contents()]

    def restore(self) -> None:
        """Makes them again what they were."""
        for now, before in zip(self._contents(), self._before, strict=True):
            if now != before:
                now.clear()
                now.update(before)

    def _contents(self) -> Iterator[dict[Any, Any]]:
        for scope in self._scopes:
            yield scope.names
        for value in self._values:
            yield from _contents(value)


def _contents(value: Value) -> Iterator[dict[Any, Any]]:
    """What can be changed of a value."""
    if type(value) is Items:
        yield value.cell
    elif type(value) is Table:
        yield value.entries
    elif type(value) is Instance:
        yield value.attributes
    elif type(value) is Class:
        yield value.members
    elif type(value) is Product:
        yield value.call.added
    elif type(value) is Function:
        scope: Scope | None = value.scope
        while scope is not None and scope is not value.scope.module:
            yield scope.names
            scope = scope.around


def _reached(scopes: Iterable[Scope]) -> Iterator[Value]:
    pending = [value for scope in scopes for value in scope.names.values()]
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        pending += parts(value)
        for content in _contents(value):
            pending += _values(content)
        if isinstance(value, Product):
            pending += inputs(value.call)
        elif isinstance(value, Class):
            pending += (*value.bases, *value.decorators)
        elif isinstance(value, Function):
            pending += value.defaults.values()
        elif isinstance(value, (Bound, Wrapped, Partial)):
            pending.append(value.function)
        if isinstance(value, Bound):
            pending.append(value.instance)
        elif isinstance(value, Instance):
            pending.append(value.of)


def _values(content: dict[Any, Any]) -> Iterator[Value]:
    for each in content.values():
        if isinstance(each, Value):
            yield each
        elif isinstance(each, tuple):
            yield from (one for one in each if isinstance(one, Value))
