"""Calls of functions of the project, which are run in place, in whatever they are bound, wrapped or partly applied."""

from __future__ import annotations

from collections.abc import Mapping

from steadynorm.source.symbolic.handed import handed_by_framework
from steadynorm.source.symbolic.machine import DEEPEST, Activation, Arguments, Machine, spot_of
from steadynorm.source.symbolic.parameters import bound_parameters, free_parameters
from steadynorm.source.symbolic.scope import Scope, listed
from steadynorm.source.symbolic.trace import Branch, Frame, With
from steadynorm.source.symbolic.values import (
    Bound,
    Choice,
    Class,
    External,
    Function,
    Items,
    Known,
    Partial,
    Product,
    Unknown,
    Value,
    Wrapped,
    choice,
    constant,
    unwrapped,
)
from steadynorm.source.symbolic.vocabulary import GRADIENT, VALUE_AND_GRADIENT

MOST_REPEATS = 2
"""Times that one function may be within itself."""

MOST_ENTRIES = 2
"""Times that one function is run on behalf of a library's entry points: a library has many, which build alike. A single
file is no library, and builds its networks by the same few functions."""


def call_function(machine: Machine, callee: Function, arguments: Arguments) -> Value:
    """A call of a function of the project that is no method of an object."""
    return run_function(machine, callee, None, arguments)


def run_function(machine: Machine, function: Function, receiver: Value | None, arguments: Arguments) -> Value:
    """Runs a function of the project in place."""
    running = machine.activation.running
    library = machine.run.kind != "script" and len(machine.project.modules) > 1
    if (
        len(running) >= DEEPEST
        or running.count(function.node) >= MOST_REPEATS
        or (library and not machine.thorough and machine.memory.entered[function.node] >= MOST_ENTRIES)
    ):
        return machine.record(function, arguments).result or Unknown()
    machine.memory.entered[function.node] += library
    machine.memory.seen.add(spot_of(function))
    names, given = bound_parameters(function, receiver, arguments)
    frame = Frame(function, arguments.place, receiver, dict(names), given)
    activation = Activation(frame, function.module, (*running, function.node))
    activation.on_yield, machine.on_yield = machine.on_yield, None
    scope = Scope(names, function.scope, function.scope.module)
    machine.activations.append(activation)
    try:
        with machine.inside(frame):
            body = function.node.body
            if not isinstance(body, list):
                return machine.evaluate(body, scope)
            machine.execute(body, scope)
    finally:
        machine.activations.pop()
    if activation.yielded:
        return listed(tuple(activation.yielded), complete=False)
    return choice(activation.returned) if activation.returned else Known(None)


def run_free(machine: Machine, function: Value, receiver: Value | None, place_of: Arguments) -> Value:
    """Runs a function as somebody outside of the project would, who gives what is not known."""
    inner, given = function, place_of
    while isinstance(inner, (Bound, Wrapped, Partial)):
        if isinstance(inner, Bound):
            receiver = inner.instance
        inner = inner.function
    if isinstance(inner, Function):
        names = free_parameters(inner, receiver is not None) | handed_by_framework(machine, inner, receiver)
        given = Arguments((), names, True, place_of.place)
    return machine.call(function if receiver is None or function is not inner else Bound(inner, receiver), given)


def call_bound(machine: Machine, callee: Bound, arguments: Arguments) -> Value:
    """A call of a method, which is given its object first."""
    function = callee.function
    if isinstance(function, Function):
        return run_function(machine, function, callee.instance, arguments)
    if isinstance(function, Wrapped):
        return call_wrapped(
            machine, Wrapped(Bound(function.function, callee.instance), function.by, function.call), arguments
        )
    return machine.call(function, _with((callee.instance,), {}, arguments))


def call_partial(machine: Machine, callee: Partial, arguments: Arguments) -> Value:
    """A call of what has some of its arguments already."""
    return machine.call(callee.function, _with(callee.arguments, callee.keywords, arguments))


def _with(first: tuple[Value, ...], keywords: Mapping[str, Value], arguments: Arguments) -> Arguments:
    """Arguments behind others that a call has already; a keyword that is given again is the call's."""
    return Arguments(
        first + arguments.positional,
        {**keywords, **arguments.named},
        arguments.more,
        arguments.place,
        arguments.node,
        arguments.dropped,
    )


def call_wrapped(machine: Machine, callee: Wrapped, arguments: Arguments) -> Value:
    """A call of a decorated or wrapped function: what that gives, or what a transformation as `grad` makes of it."""
    with machine.inside(With(callee.by, arguments.place)):
        result = machine.call(callee.function, arguments)
    by = callee.by.name if isinstance(callee.by, External) else ""
    if callee.call is not None:
        by = callee.call.name
    elif isinstance(callee.by, Product):
        by = callee.by.call.name
    if by not in VALUE_AND_GRADIENT and by not in GRADIENT:
        return result
    gradient = machine.record(callee, arguments).result or Unknown()
    if by in VALUE_AND_GRADIENT:
        return listed((result, gradient), "tuple")
    wrapping = callee.by.call if isinstance(callee.by, Product) else callee.call
    auxiliary = wrapping is not None and constant(wrapping.argument(None, "has_aux")) is True
    if auxiliary and isinstance(result, Items) and len(result.items) == 2:
        return listed((gradient, result.items[1]), "tuple")
    return gradient


def call_each(machine: Machine, callee: Choice, arguments: Arguments) -> Value:
    """A call of one of several things: each is called, from the same state, and what they change is merged."""
    results = []
    changes = []
    for option in callee.options:
        mark = machine.journal.mark()
        with machine.inside(Branch(callee, True, f"one of {len(callee.options)}", arguments.place)):
            results.append(machine.call(option, arguments))
        changes.append(machine.journal.take_back(mark))
    machine.journal.merge(changes)
    return choice(results)


def is_code(value: Value) -> bool:
    """Whether a value is a function of the project, or a class, in whatever it is wrapped."""
    inner = unwrapped(value)
    return type(inner) is Function or type(inner) is Class


def count_parameters(value: Value) -> int:
    """How many positional parameters a function of the project has; 0 for anything else."""
    while isinstance(value, (Wrapped, Partial)):
        value = value.function
    return len(value.node.args.args) if isinstance(value, Function) else 0
