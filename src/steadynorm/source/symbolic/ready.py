"""Methods that must have run before others: they alone set what these call, and the constructor has left as `None`."""

from __future__ import annotations

import ast

from steadynorm.source.symbolic.values import Function, Instance, Known


def setters(instance: Instance) -> list[str]:
    """The methods without which no other one of an object could call what it calls, in the order of the class.

    Arguments:
        instance: the object, as its constructor has left it.
    """
    empty = {name for name, value in instance.attributes.items() if isinstance(value, Known) and value.value is None}
    texts = [cls.module.file.text for cls in instance.of.lineage()] if empty else []
    if not any(f"self.{name}(" in text for name in empty for text in texts):
        return []
    uses = {name: _uses(node) for name, node in _methods(instance).items()}
    found = []
    for name, (stored, called) in uses.items():
        others = [each for other, each in uses.items() if other != name]
        own = empty.intersection(stored).difference(*(each for each, _ in others))
        wanted = set().union(*(each for _, each in others))
        # What others call by themselves runs when they need it.
        if own & wanted and name not in wanted | called:
            found.append(name)
    return found


def _methods(instance: Instance) -> dict[str, ast.AST]:
    members = {name: each for cls in reversed(instance.of.lineage()) for name, each in cls.members.items()}
    return {
        name: each.node for name, each in members.items() if isinstance(each, Function) and not name.startswith("__")
    }


def _uses(method: ast.AST) -> tuple[set[str], set[str]]:
    """The attributes that a method sets, of whatever object, and those of its own object that it calls."""
    stored, called = set(), set()
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            stored.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "self":
                called.add(node.func.attr)
    return stored, called
