"""Names and what they stand for, and a journal of changes, so that branches can be run one after the other."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from steadynorm.source.symbolic.values import Items, Unknown, Value, choice

_Changes: TypeAlias = dict[tuple[int, Any], tuple[MutableMapping[Any, Any], Any]]


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module, class or function.

    Arguments:
        names: what they stand for; changed through a `Journal` only.
        around: the scope in which a name is looked up next.
        module: the scope of the module.
        outer: names that a `global` or `nonlocal` statement declares, with the scope that they belong to.
    """

    names: dict[str, Value]
    around: Scope | None = None
    module: Scope | None = None
    outer: dict[str, Scope] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """What a name stands for, from here outwards."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.around
        return None

    def home(self, name: str) -> dict[str, Value]:
        """Where an assignment to a name goes."""
        scope = self.outer.get(name)
        return self.names if scope is None else scope.names


_ABSENT = object()


class Journal:
    """Changes of names, attributes and members, undone where a run needs the state before them."""

    def __init__(self) -> None:
        self._log: list[tuple[MutableMapping[Any, Any], Any, Any]] = []

    def put(self, where: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """Sets a name, an attribute or an entry."""
        self._log.append((where, key, where.get(key, _ABSENT)))
        where[key] = value

    def drop(self, where: MutableMapping[Any, Any], key: Any) -> None:
        """Removes one, if it is there."""
        if key in where:
            self._log.append((where, key, where[key]))
            del where[key]

    def mark(self) -> int:
        """Where the journal stands."""
        return len(self._log)

    def take_back(self, mark: int) -> _Changes:
        """Undoes everything since a mark, and gives what it had come to."""
        undone = self._log[mark:]
        del self._log[mark:]
        changes: _Changes = {(id(where), key): (where, where.get(key, _ABSENT)) for where, key, _ in undone}
        for where, key, old in reversed(undone):
            if old is _ABSENT:
                where.pop(key, None)
            else:
                where[key] = old
        return changes

    def changed(self, mark: int, scope: Scope) -> dict[str, Value]:
        """The names, from a scope outwards, that were set since a mark, with what they stood for at the mark."""
        before: dict[tuple[int, Any], Any] = {}
        for where, key, old in self._log[mark:]:
            before.setdefault((id(where), key), old)
        chain: list[dict[str, Value]] = []
        around: Scope | None = scope
        while around is not None:
            chain.append(around.names)
            around = around.around
        places = set(map(id, chain))
        found: dict[str, Value] = {}
        for name in dict.fromkeys(name for place, name in before if place in places):
            stood = (before.get((id(names), name), names.get(name, _ABSENT)) for names in chain)
            value = next((each for each in stood if each is not _ABSENT), None)
            if value is not None:
                found[name] = value
        return found

    def redo(self, changes: _Changes) -> None:
        """Makes changes again that were taken back."""
        for (_, key), (where, value) in changes.items():
            if value is _ABSENT:
                self.drop(where, key)
            else:
                self.put(where, key, value)

    def redo_new(self, changes: _Changes) -> None:
        """Makes those changes again that were made to objects which did not exist, or had nothing in them, before.

        An arm that leaves its function takes what it has made along, as what it gives.
        """
        new = {id(where) for where, _ in changes.values() if not where}
        self.redo({spot: change for spot, change in changes.items() if spot[0] in new})

    def merge(self, arms: list[_Changes]) -> None:
        """Makes the changes of several arms, of which one is run, each from the state that is there now."""
        changed = {spot: where for arm in arms for spot, (where, _) in arm.items()}
        for spot, where in changed.items():
            key = spot[1]
            now = where.get(key, _ABSENT)
            values = [arm[spot][1] if spot in arm else now for arm in arms]
            self.put(where, key, _joined(values))
            if isinstance(values[0], tuple) and any(value != values[0] for value in values):
                # These are the members of a list: not all of them are surely there.
                self.put(where, "lost", True)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undoes everything that is done inside."""
        mark = self.mark()
        try:
            yield
        finally:
            self.take_back(mark)


def _joined(values: list[Any]) -> Any:
    present = [value for value in values if value is not _ABSENT]
    if all(isinstance(value, Value) for value in present):
        # A name that only one arm defines is used where that arm was run.
        return choice(present) if present else Unknown()
    if all(isinstance(value, tuple) for value in present):
        return tuple(dict.fromkeys(item for value in present for item in value))
    return present[-1]


def listed(items: tuple[Value, ...], kind: str = "list", complete: bool = True, counted: bool = True) -> Items:
    """A list of values, which may stand for more than there are of them."""
    return Items(kind, {"items": items} if counted else {"items": items, "several": True}, complete)
