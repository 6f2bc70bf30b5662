"""Methods that must have run before others: they alone set what these call, and the constructor has left as `None`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from steadynorm.source.symbolic.values import Function, Instance, Known


def setters(instance: Instance) -> list[str]:
    """The methods without which no other one of an object could call what it calls, in the order of the class.

    Arguments:
        instance: the object, as its constructor has left it.
    """
    empty = {name for name, value in instance.attributes.items() if isinstance(value, Known) and value.value is None}
    if not empty:
        return []
    methods = _methods(instance)
    found = []
    for name in methods:
        rest = [node for other, node in methods.items() if other != name]
        own = empty & set(_stored([methods[name]])) - set(_stored(rest))
        # What others call by themselves runs when they need it.
        if own & _called(rest) and name not in _called(methods.values()):
            found.append(name)
    return found


def _methods(instance: Instance) -> dict[str, ast.AST]:
    members = {name: each for cls in reversed(instance.of.lineage()) for name, each in cls.members.items()}
    return {
        name: each.node for name, each in members.items() if isinstance(each, Function) and not name.startswith("__")
    }


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The attributes of objects that are set."""
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
                yield each.attr


def _called(nodes: Iterable[ast.AST]) -> set[str]:
    """The attributes of the object itself that are called."""
    calls = (each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Call))
    return {
        call.func.attr
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "self"
    }
