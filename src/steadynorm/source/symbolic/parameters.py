"""How the arguments of a call meet the parameters of a function."""

from __future__ import annotations

from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.values import Function, Parameter, Table, Value


def bound_parameters(
    machine: Machine, function: Function, receiver: Value | None, arguments: Arguments
) -> dict[str, Value]:
    """What the parameters of a function are in a call; those that nobody gives for sure are `Parameter`."""
    spec = function.node.args
    positional = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    values = arguments.positional if receiver is None else (receiver, *arguments.positional)
    names: dict[str, Value] = dict(zip(positional, values, strict=False))
    rest = dict(arguments.named)
    for name in (*positional, *(each.arg for each in spec.kwonlyargs)):
        if name in names:
            continue
        if name in rest:
            names[name] = rest.pop(name)
        else:
            default = function.defaults.get(name)
            unsure = default is None or arguments.more
            names[name] = Parameter(name, default) if unsure or default is None else default
    if spec.vararg is not None:
        names[spec.vararg.arg] = listed(tuple(values[len(positional) :]), "tuple", not arguments.more)
    if spec.kwarg is not None:
        named = {name: value for name, value in rest.items() if name not in names}
        names[spec.kwarg.arg] = Table(dict(named), not arguments.more)
    return names


def given_parameters(function: Function, receiver: Value | None, arguments: Arguments) -> frozenset[str]:
    """The names of the parameters that a call gives for sure."""
    spec = function.node.args
    positional = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    count = len(arguments.positional) + (receiver is not None)
    keywords = {*positional, *(each.arg for each in spec.kwonlyargs)} & set(arguments.named)
    return frozenset(positional[:count]) | keywords


def free_parameters(function: Function, method: bool) -> dict[str, Value]:
    """The parameters of a function that somebody unknown calls."""
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    names = [each.arg for each in (positional[1:] if method and positional else positional) + spec.kwonlyargs]
    return {name: Parameter(name, function.defaults.get(name)) for name in names}
