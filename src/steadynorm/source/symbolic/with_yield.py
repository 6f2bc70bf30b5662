"""Context managers that are written as generators: the body of the with statement runs where they yield."""

from __future__ import annotations

import ast
from collections.abc import Callable

from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.values import Bound, External, Function, Known, Value, Wrapped

_DECORATORS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


def generator_context(machine: Machine, node: ast.expr, scope: Scope, run_body: Callable[[Value], None]) -> bool:
    """Runs the body of a with statement within a generator of the project; False where the context is none."""
    if not isinstance(node, ast.Call) or any(isinstance(each, ast.Call) for each in ast.walk(node.func)):
        return False
    callee = machine.evaluate(node.func, scope)
    function, receiver = (callee.function, callee.instance) if isinstance(callee, Bound) else (callee, None)
    if not (isinstance(function, Wrapped) and isinstance(function.by, External) and function.by.name in _DECORATORS):
        return False
    inner = function.function
    if not isinstance(inner, Function) or any(isinstance(each, ast.Starred) for each in node.args):
        return False
    ran = False

    def on_yield() -> None:
        nonlocal ran
        ran = True
        activation = machine.activations.pop()
        try:
            run_body(activation.yielded[-1] if activation.yielded else Known(None))
        finally:
            machine.activations.append(activation)

    arguments = Arguments(
        tuple(machine.evaluate(each, scope) for each in node.args),
        {each.arg: machine.evaluate(each.value, scope) for each in node.keywords if each.arg},
        any(each.arg is None for each in node.keywords),
        machine.place(node),
        node,
    )
    machine.on_yield = on_yield
    machine.call(inner if receiver is None else Bound(inner, receiver), arguments)
    machine.on_yield = None
    if not ran:
        # It was too deep to be run: the body is what counts.
        run_body(Known(None))
    return True
