"""What a loop's body leaves for its next iteration, which a run does not go through again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from steadynorm.source.machine import Machine
from steadynorm.source.scope import Scope


@contextmanager
def carried(machine: Machine, body: list[ast.stmt], scope: Scope) -> Iterator[None]:
    """Notes the names that the statements inside read and set, each with its value before them and after them."""
    names = _names(machine, body)
    before = {name: scope.find(name) for name in names}
    yield
    for name, value in before.items():
        after = scope.find(name)
        if after is not None and value is not None and after is not value:
            machine.carry(name, value, after, machine.place(body[0]))


def _names(machine: Machine, body: list[ast.stmt]) -> tuple[str, ...]:
    known = machine.carried.get(body[0])
    if known is None:
        nodes = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)]
        read = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        known = tuple(dict.fromkeys(node.id for node in nodes if isinstance(node.ctx, ast.Store) and node.id in read))
        machine.carried[body[0]] = known
    return known
