"""Calls that make what a name stands for, where nobody knows the name."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Attribute, Class, External, Item, ModuleValue, Product, Table, Value
from steadynorm.source.torch.words import is_by_name, is_zoo


def is_built_by_name(call: Call) -> bool:
    """Whether a call makes what a name stands for that is not known, as `models.__dict__[args.arch]()` does."""
    held = _held(call)
    return is_by_name(call) or (held is not None and (_is_zoo(held) or _has_classes(held)))


def is_published_by_name(call: Call) -> bool:
    """Whether what a call makes by its name is a network for sure."""
    held = _held(call)
    return is_by_name(call) or (held is not None and _is_zoo(held))


def _held(call: Call) -> Value | None:
    """Where something comes from that is called by its name."""
    callee = call.callee
    if type(callee) is Product and callee.call.name == "builtins.getattr" and callee.call.arguments:
        return callee.call.arguments[0]
    if type(callee) is not Item:
        return None
    named = isinstance(callee.of, Attribute) and callee.of.name == "__dict__"
    return callee.of.of if named else callee.of  # type: ignore[attr-defined]


def _is_zoo(of: Value) -> bool:
    return isinstance(of, External) and is_zoo(of.name.removesuffix(".__dict__"))


def _has_classes(of: Value) -> bool:
    """Whether something of the project's may have networks in it, by name."""
    if isinstance(of, Table):
        return any(isinstance(each, Class | External) for each in of.entries.values())
    return isinstance(of, ModuleValue)
