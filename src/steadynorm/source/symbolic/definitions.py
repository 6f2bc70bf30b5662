"""Functions and classes of the project, as values."""

from __future__ import annotations

import ast

from steadynorm.source.symbolic.expressions import defaults_of
from steadynorm.source.symbolic.machine import Activation, Arguments, ExhaustedError, Machine
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.values import Class, Function, Product, Unknown, Value, Wrapped

_FORWARDED = frozenset({"functools.wraps", "functools.lru_cache", "functools.cache"})
_ACCESSORS = ("setter", "deleter")
"""What a property gets besides its getter, which alone tells what it gives."""

_MOST_OF_A_RUN = 0.5
"""A share of a run that a decorator which ends it has taken itself, and not what came before."""


def define_function(
    machine: Machine,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    scope: Scope,
    owner: Class | None = None,
    body: Scope | None = None,
) -> Value:
    """The value of a `def`, decorators applied.

    Arguments:
        machine: the machine.
        node: the definition.
        scope: the scope around it; of a method that around the class, whose names a method does not see.
        owner: the class whose method it is.
        body: the names of the class's body, which decorators and defaults do see.
    """
    here = body or scope
    outer = machine.activation.frame
    prefix = f"{owner.name}." if owner else (f"{outer.function.name}." if outer else "")
    name = prefix + node.name
    value: Value = Function(node, machine.module, scope, name, owner, defaults_of(machine, node.args, here))
    for decorator in reversed(node.decorator_list):
        if isinstance(decorator, ast.Attribute) and decorator.attr in _ACCESSORS and node.name in here.names:
            return here.names[node.name]
        value = _decorated(machine, value, machine.evaluate(decorator, here), decorator)
    return value


def _decorated(machine: Machine, value: Value, by: Value, node: ast.expr) -> Value:
    if isinstance(by, Function):
        if by.node in machine.memory.registering:
            return value
        if by.node in machine.memory.endless:
            return Wrapped(value, by)
        spent = machine.spent
        try:
            given = machine.call(by, Arguments((value,), {}, False, machine.place(node)))
        except ExhaustedError:
            # Others that it is put on are not to end in it as well.
            if machine.spent - spent > _MOST_OF_A_RUN:
                machine.memory.endless.add(by.node)
            raise
        if given is value:
            machine.memory.registering.add(by.node)
        return given
    if isinstance(by, Product) and by.call.name in _FORWARDED:
        return value
    if isinstance(by, Unknown):
        return by
    return Wrapped(value, by)


def define_class(machine: Machine, node: ast.ClassDef, scope: Scope) -> Class:
    """The value of a `class`, its body run."""
    outer = machine.activation.frame
    name = f"{outer.function.name}.{node.name}" if outer else node.name
    bases = tuple(machine.evaluate(base, scope) for base in node.bases if not isinstance(base, ast.Starred))
    decorators = tuple(machine.evaluate(each, scope) for each in node.decorator_list)
    made = Class(node, machine.module, name, bases, {}, _fields(node), decorators)
    # Names of a class's body are not seen from its methods.
    body = Scope(made.members, scope, scope.module)
    rest: list[ast.stmt] = []
    around = machine.activation.running
    machine.activations.append(Activation(outer, machine.module, (*around, outer.function.node) if outer else around))
    try:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                machine.execute(rest, body)
                rest = []
                made.members[statement.name] = define_function(machine, statement, scope, made, body)
            else:
                rest.append(statement)
        machine.execute(rest, body)
    finally:
        machine.activations.pop()
    return made


def _fields(node: ast.ClassDef) -> tuple[str, ...]:
    return tuple(
        each.target.id
        for each in node.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and "ClassVar" not in ast.unparse(each.annotation)
    )
