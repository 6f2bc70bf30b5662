"""What a loop's body leaves for its next iteration, which a run does not go through again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from steadynorm.source.symbolic.machine import Machine
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.values import Instance, Known, Unknown

_BODIES = ("body", "handlers", "orelse", "finalbody", "cases")
"""The fields of statements that hold statements, in their order."""


@contextmanager
def carried(machine: Machine, body: list[ast.stmt], scope: Scope) -> Iterator[None]:
    """Notes the names that the statements inside read and set, each with its value before them and after them."""
    mark = machine.journal.mark()
    yield
    changed = machine.journal.changed(mark, scope)
    # Most bodies change no name that was there before, and need not be looked through for what they read.
    for name in _names(machine, body) if changed else ():
        after = scope.find(name)
        if name in changed and after is not None and after is not changed[name]:
            machine.carry(name, changed[name], after)


def forget_counters(machine: Machine, body: list[ast.stmt], scope: Scope) -> None:
    """Forgets the numbers that the statements of a loop count up, since they have other values in every iteration."""
    for target in _counters(machine, body):
        if isinstance(target, ast.Name):
            where, name = scope.home(target.id), target.id
        else:
            of = machine.evaluate(target.value, scope)
            if not isinstance(of, Instance):
                continue
            where, name = of.attributes, target.attr
        value = where.get(name)
        if isinstance(value, Known) and type(value.value) in (int, float):
            machine.journal.put(where, name, Unknown())


def _counters(machine: Machine, body: list[ast.stmt]) -> tuple[ast.Name | ast.Attribute, ...]:
    known = machine.counters.get(body[0])
    if known is None:
        nodes = (node for node in _statements(body) if isinstance(node, ast.AugAssign))
        known = tuple(node.target for node in nodes if isinstance(node.target, (ast.Name, ast.Attribute)))
        machine.counters[body[0]] = known
    return known


def _statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements of a body with those inside them: a tenth of what `ast.walk` goes through."""
    pending: list[ast.AST] = list(body)
    for node in pending:
        yield node
        for name in _BODIES:
            pending.extend(getattr(node, name, ()))


def _names(machine: Machine, body: list[ast.stmt]) -> tuple[str, ...]:
    known = machine.carried.get(body[0])
    if known is None:
        nodes = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)]
        read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        known = tuple(dict.fromkeys(node.id for node in nodes if isinstance(node.ctx, ast.Store) and node.id in read))
        machine.carried[body[0]] = known
    return known
