"""Attributes and items of values, and what an iteration goes through."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeGuard

from steadynorm.place import Place
from steadynorm.source.symbolic import containers
from steadynorm.source.symbolic.derived import of_record, original, record_before
from steadynorm.source.symbolic.imports import resolved
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.modules import Module
from steadynorm.source.symbolic.names import canonical
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.values import (
    MOST_CHOICES,
    Attribute,
    Bound,
    Choice,
    Class,
    Expression,
    External,
    Function,
    Instance,
    Item,
    Items,
    Known,
    ModuleValue,
    Partial,
    Product,
    Super,
    Table,
    Unknown,
    Value,
    Wrapped,
    choice,
    constant_int,
    constant_text,
    is_counted,
)
from steadynorm.source.symbolic.vocabulary import WRAPPERS

_PROPERTIES = ("builtins.property", "functools.cached_property", "flax.linen.nowrap")
_STATIC = "builtins.staticmethod"
_OF_CLASS = "builtins.classmethod"
_ALL_NAMES = "__dict__"


def attribute(machine: Machine, of: Value, name: str, node: ast.expr | Place) -> Value:
    """`of.name`."""
    return _ATTRIBUTES.get(type(of), _named)(machine, of, name, node)


def _named(machine: Machine, of: Value, name: str, node: ast.expr | Place) -> Value:
    """An attribute of which only the name is known."""
    return Attribute(of, name, len(machine.run.events))


def _of_external(machine: Machine, of: External, name: str, node: ast.expr | Place) -> Value:
    return External(canonical(f"{of.name}.{name}"))


def _of_function(machine: Machine, of: Function, name: str, node: ast.expr | Place) -> Value:
    if name == "__name__" and not isinstance(of.node, ast.Lambda):
        return Known(of.node.name)
    return _named(machine, of, name, node)


def _of_module_value(machine: Machine, of: ModuleValue, name: str, node: ast.expr | Place) -> Value:
    return _named(machine, of, name, node) if name == _ALL_NAMES else _of_module(machine, of.module, name)


def _of_class(machine: Machine, of: Class, name: str, node: ast.expr | Place) -> Value:
    member = of.member(name)
    if member is None:
        return _of_base(machine, of, of, name)
    return _method(member, of) if _decorated(member) == _OF_CLASS else _plain(member)


def _of_choice(machine: Machine, of: Choice, name: str, node: ast.expr | Place) -> Value:
    return choice([attribute(machine, option, name, node) for option in of.options])


def _of_product(machine: Machine, of: Product, name: str, node: ast.expr | Place) -> Value:
    if name == "module" and of.call.name in WRAPPERS and of.call.arguments:
        return of.call.arguments[0]
    return _of_outside(machine, of, name, node)


def _of_partial(machine: Machine, of: Partial, name: str, node: ast.expr | Place) -> Value:
    return of.function if name == "func" else _named(machine, of, name, node)


def _of_wrapped(machine: Machine, of: Wrapped, name: str, node: ast.expr | Place) -> Value:
    if isinstance(of.function, Function):
        return _named(machine, of, name, node)
    return attribute(machine, of.function, name, node)


def _of_outside(machine: Machine, of: Product | Item, name: str, node: ast.expr | Place) -> Value:
    """An attribute of a record, or of another state of an object; of anything else it is only named."""
    if isinstance(of, Product):
        field = of_record(of, name)
        if field is not None:
            return field
        before = record_before(of, name)
        if before is not None and before is not of:
            return attribute(machine, before, name, node)
    base = original(of)
    if isinstance(base, Instance) and (name in base.attributes or base.of.member(name) is not None):
        return attribute(machine, base, name, node)
    if isinstance(base, Product) and base is not of and of_record(base, name) is not None:
        return attribute(machine, base, name, node)
    return Attribute(of, name, len(machine.run.events))


def _no_arguments(machine: Machine, node: ast.expr | Place) -> Arguments:
    # A place is made where it is needed only: most attributes are no properties.
    return Arguments((), {}, False, node if isinstance(node, Place) else machine.place(node))


def _of_instance(machine: Machine, of: Instance, name: str, node: ast.expr | Place) -> Value:
    if name in of.attributes:
        return of.attributes[name]
    if name == "__class__":
        return of.of
    member = of.of.member(name)
    if member is None:
        return _of_base(machine, of, of.of, name)
    decorated = _decorated(member)
    if decorated in _PROPERTIES:
        return machine.call(Bound(_plain(member), of), _no_arguments(machine, node))
    if decorated == _STATIC:
        return _plain(member)
    if decorated == _OF_CLASS:
        return _method(member, of.of)
    return _method(member, of)


def _of_base(machine: Machine, of: Value, cls: Class, name: str) -> Value:
    """What a class has as `name` that the project does not define; nothing is known of what it cannot have."""
    if cls.whole and not cls.external_bases() and name != _ALL_NAMES:
        return Unknown()
    return Attribute(of, name, len(machine.run.events))


def _of_super(machine: Machine, of: Super, name: str, node: ast.expr | Place) -> Value:
    if not isinstance(of.instance, Instance):
        return Attribute(of, name, len(machine.run.events))
    lineage = of.instance.of.lineage()
    after = lineage.index(of.after) + 1 if of.after in lineage else 0
    for each in lineage[after:]:
        if name in each.members:
            member = each.members[name]
            if _decorated(member) in _PROPERTIES:
                return machine.call(Bound(_plain(member), of.instance), _no_arguments(machine, node))
            return _method(member, of.instance)
    return Attribute(of, name, len(machine.run.events))


def _of_module(machine: Machine, module: Module, name: str) -> Value:
    scope = machine.load(module)
    if name not in scope.names:
        inner = machine.project.inside(module, name)
        if inner is not None:
            return ModuleValue(inner)
    return resolved(machine, name, scope)


def _method(member: Value, instance: Value) -> Value:
    return Bound(member, instance) if isinstance(member, (Function, Wrapped, Partial)) else member


def _decorated(member: Value) -> str:
    """The name of a member's outermost decorator from outside of the project."""
    return member.by.name if isinstance(member, Wrapped) and isinstance(member.by, External) else ""


def _plain(member: Value) -> Value:
    return member.function if _decorated(member) in (*_PROPERTIES, _STATIC, _OF_CLASS) else member  # type: ignore[attr-defined]


def item(machine: Machine, of: Value, key: Value | None) -> Value:
    """`of[key]`; the items of an iteration where the key is `None`."""
    found = _of_members(machine, of, key)
    if found is not None:
        return found
    if type(of) is Table and isinstance(key, Known):
        if key.value in of.entries:
            return of.entries[key.value]
        return Unknown() if of.complete else Item(of, key)
    if type(of) is Table and of.complete and 0 < len(of.entries) <= MOST_CHOICES and _are_made_from(of):
        return choice(list(of.entries.values()))
    name = constant_text(key)
    if name is not None:
        if isinstance(of, External) and of.name.endswith(f".{_ALL_NAMES}"):
            return External(canonical(f"{of.name.removesuffix(_ALL_NAMES)}{name}"))
        if isinstance(of, Attribute) and of.name == _ALL_NAMES and isinstance(of.of, ModuleValue):
            return _of_module(machine, of.of.module, name)
    if type(of) is Choice:
        return choice([item(machine, option, key) for option in of.options])
    layer = containers.entry(of, key)
    if layer is None and not _is_slice(key):
        layer = containers.representative(of)
    return Item(of, key) if layer is None else layer


def _of_members(machine: Machine, of: Value, key: Value | None) -> Value | None:
    """The member of a list at a position that is known, or the members of a slice; `None` where they are not known."""
    members = iterate(machine, of)
    if members is None or (isinstance(of, Items) and not of.whole):
        return None
    position = constant_int(key)
    if position is not None and -len(members) <= position < len(members):
        return members[position]
    if not is_counted(of) and not _is_slice(key):
        # It is one of those that a loop has put there, each like the others.
        return containers.one_of(members)
    if _is_slice(key):
        bounds = [part.value for part in key.operands if isinstance(part, Known)]
        if len(bounds) == len(key.operands) and all(part is None or type(part) is int for part in bounds):
            kind = of.kind if isinstance(of, Items) else "list"
            counted = is_counted(of)
            return listed(members[slice(*bounds)] or (() if counted else members), kind, counted=counted)
    return None


def _is_slice(key: Value | None) -> TypeGuard[Expression]:
    return type(key) is Expression and key.operator == "Slice"


def iterate(machine: Machine, over: Value) -> tuple[Value, ...] | None:
    """What an iteration goes through, where all of it is known."""
    if type(over) is Items:
        return over.items if over.complete else None
    if type(over) is Table:
        return tuple(map(Known, over.entries)) if over.complete and _are_constant(over) else None
    if type(over) is Product or type(over) is Instance:
        return containers.members(over, lambda inner: iterate(machine, inner))
    return None


def _are_made_from(table: Table) -> bool:
    """Whether a table has classes and functions only, one of which is called."""
    return all(isinstance(each, Class | Function | External | Partial) for each in table.entries.values())


def _are_constant(table: Table) -> bool:
    return not any(isinstance(key, Value) for key in table.entries)


_ATTRIBUTES: dict[type[Value], Callable[[Machine, Any, str, ast.expr | Place], Value]] = {
    External: _of_external,
    Instance: _of_instance,
    Function: _of_function,
    ModuleValue: _of_module_value,
    Class: _of_class,
    Super: _of_super,
    Choice: _of_choice,
    Product: _of_product,
    Item: _of_outside,
    Partial: _of_partial,
    Wrapped: _of_wrapped,
}
"""What gives the attributes of a value, by its kind."""
