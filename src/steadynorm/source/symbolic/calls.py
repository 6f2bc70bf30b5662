"""Calls: of functions and classes of the project, which are run, and of everything else, which is noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steadynorm.source.symbolic.builtin_calls import call_method
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.functions import call_bound, call_each, call_function, call_partial, call_wrapped
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.objects import call_applied, call_instance, call_members, make, make_by
from steadynorm.source.symbolic.outside import call_external, call_outside
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.trace import With
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Item,
    Known,
    Partial,
    Product,
    Unknown,
    Value,
    Wrapped,
)
from steadynorm.source.symbolic.vocabulary import MAKERS, SEQUENCES, WITH_STATE, WRAPPERS


def call_value(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """Calls something; what it gives."""
    return _CALLERS.get(type(callee), call_outside)(machine, callee, arguments)


def _call_attribute(machine: Machine, callee: Attribute, arguments: Arguments) -> Value:
    known = call_method(machine, callee, arguments)
    if known is not None:
        return known
    if isinstance(callee.of, Class) and callee.name in MAKERS:
        return make_by(machine, callee.of, callee, arguments)
    return call_applied(machine, callee, arguments) or call_outside(machine, callee, arguments)


def _call_item(machine: Machine, callee: Item, arguments: Arguments) -> Value:
    if original(callee) is not callee:
        return _call_state(machine, callee, arguments)
    return call_outside(machine, callee, arguments)


def _call_product(machine: Machine, callee: Product, arguments: Arguments) -> Value:
    """A call of what a call gave: a layer, a sequence of layers, a wrapped model or function."""
    made = callee.call
    if original(callee) is not callee:
        return _call_state(machine, callee, arguments)
    call = machine.record(callee, arguments)
    if made.name in WITH_STATE and made.arguments:
        instance = machine.call(made.arguments[0], arguments)
        call.result = listed((instance, Item(Product(call), Known(1))), "tuple")
    elif made.name in SEQUENCES:
        call_members(machine, call, callee, arguments)
    elif made.name in WRAPPERS and made.arguments and isinstance(made.arguments[0], (Instance, Product, Wrapped, Item)):
        call.result = machine.call(
            made.arguments[0], Arguments(arguments.positional, arguments.named, arguments.more, arguments.place)
        )
    return call.result or Unknown()


def _call_state(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """A call of another state of an object."""
    call = machine.record(callee, arguments)
    with machine.inside(With(callee, arguments.place)):
        call.result = machine.call(original(callee), arguments)
    return call.result


_CALLERS: dict[type[Value], Callable[[Machine, Any, Arguments], Value]] = {
    Function: call_function,
    Bound: call_bound,
    Class: make,
    Instance: call_instance,
    Partial: call_partial,
    Wrapped: call_wrapped,
    Choice: call_each,
    Product: _call_product,
    External: call_external,
    Attribute: _call_attribute,
    Item: _call_item,
}
