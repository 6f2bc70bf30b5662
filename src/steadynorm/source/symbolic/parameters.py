"""How the arguments of a call meet the parameters of a function."""

from __future__ import annotations

from steadynorm.source.symbolic.machine import Arguments
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.values import Function, Parameter, Table, Value


def bound_parameters(
    function: Function, receiver: Value | None, arguments: Arguments
) -> tuple[dict[str, Value], frozenset[str]]:
    """What the parameters of a function are in a call, and the names of those that the call gives for sure; those that
    nobody gives for sure are `Parameter`."""
    spec = function.node.args
    positional = [each.arg for each in spec.posonlyargs + spec.args]
    values = arguments.positional if receiver is None else (receiver, *arguments.positional)
    names: dict[str, Value] = dict(zip(positional, values, strict=False))
    given = set(names)
    rest = dict(arguments.named)
    for name in (*positional, *(each.arg for each in spec.kwonlyargs)):
        if name in names:
            continue
        if name in rest:
            names[name] = rest.pop(name)
            given.add(name)
        else:
            default = function.defaults.get(name)
            unsure = default is None or arguments.more
            names[name] = Parameter(name, default) if unsure or default is None else default
    if spec.vararg is not None:
        names[spec.vararg.arg] = listed(tuple(values[len(positional) :]), "tuple", not arguments.more)
    if spec.kwarg is not None:
        named = {name: value for name, value in rest.items() if name not in names}
        names[spec.kwarg.arg] = Table(named, not arguments.more)
    return names, frozenset(given)


def free_parameters(function: Function, method: bool) -> dict[str, Value]:
    """The parameters of a function that somebody unknown calls."""
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    names = [each.arg for each in (positional[1:] if method and positional else positional) + spec.kwonlyargs]
    return {name: Parameter(name, function.defaults.get(name)) for name in names}
