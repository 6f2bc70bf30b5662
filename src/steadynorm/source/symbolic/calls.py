"""Calls: of functions and classes of the project, which are run, and of everything else, which is noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steadynorm.source.symbolic import containers
from steadynorm.source.symbolic.attributes import iterate
from steadynorm.source.symbolic.builtin_calls import call_builtin, call_method
from steadynorm.source.symbolic.copies import copy_of
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.machine import DEEPEST, Activation, Arguments, Machine, spot_of
from steadynorm.source.symbolic.parameters import bound_parameters, free_parameters, given_parameters
from steadynorm.source.symbolic.scope import Scope, listed
from steadynorm.source.symbolic.spreading import spread
from steadynorm.source.symbolic.trace import Branch, Call, Callback, Frame, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Item,
    Items,
    Known,
    Parameter,
    Partial,
    Product,
    Super,
    Table,
    Unknown,
    Value,
    Wrapped,
    choice,
    constant,
)
from steadynorm.source.symbolic.vocabulary import (
    ABOUT_CODE,
    APPLIED,
    APPLIED_BASES,
    CALL_METHODS,
    COPIES,
    EXPORTS,
    FIELD_BASES,
    FIELD_DECORATORS,
    GRADIENT,
    HANDS_BACK,
    LATER,
    MAINS,
    MAKERS,
    NOT_HANDED_ON,
    OPERANDS,
    READY_METHODS,
    RUN_BY,
    RUNNING,
    SAME,
    SEQUENCES,
    SPREADS,
    VALUE_AND_GRADIENT,
    WITH_STATE,
    WRAPPERS,
)

MOST_REPEATS = 2
"""Times that one function may be within itself."""

MOST_ENTRIES = 2
"""Times that one function is run on behalf of a library's entry points: a library has many, which build alike. A single
file is no library, and builds its networks by the same few functions."""


def call_value(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """Calls something; what it gives."""
    return _CALLERS.get(type(callee), _call_outside)(machine, callee, arguments)


def _call_function(machine: Machine, callee: Function, arguments: Arguments) -> Value:
    return _run(machine, callee, None, arguments)


def _call_partial(machine: Machine, callee: Partial, arguments: Arguments) -> Value:
    merged = {**callee.keywords, **arguments.named}
    positional = callee.arguments + arguments.positional
    return machine.call(
        callee.function,
        Arguments(positional, merged, arguments.more, arguments.place, arguments.node, arguments.dropped),
    )


def _call_attribute(machine: Machine, callee: Attribute, arguments: Arguments) -> Value:
    known = call_method(machine, callee, arguments)
    if known is not None:
        return known
    if isinstance(callee.of, Class) and callee.name in MAKERS:
        return _make_by(machine, callee.of, callee, arguments)
    return _call_applied(machine, callee, arguments) or _call_outside(machine, callee, arguments)


def _call_item(machine: Machine, callee: Item, arguments: Arguments) -> Value:
    if original(callee) is not callee:
        return _call_state(machine, callee, arguments)
    return _call_outside(machine, callee, arguments)


def _run(machine: Machine, function: Function, receiver: Value | None, arguments: Arguments) -> Value:
    """Runs a function of the project in place."""
    running = [each.frame.function.node for each in machine.activations if each.frame is not None]
    library = machine.run.kind != "script" and len(machine.project.modules) > 1
    if (
        len(running) >= DEEPEST
        or running.count(function.node) >= MOST_REPEATS
        or (library and not machine.thorough and machine.memory.entered[function.node] >= MOST_ENTRIES)
    ):
        return machine.record(function, arguments).result or Unknown()
    machine.memory.entered[function.node] += library
    machine.memory.seen.add(spot_of(function))
    names = bound_parameters(machine, function, receiver, arguments)
    frame = Frame(function, arguments.place, receiver, dict(names), given_parameters(function, receiver, arguments))
    activation = Activation(frame, function.module)
    activation.on_yield, machine.on_yield = machine.on_yield, None
    scope = Scope(dict(names), function.scope, function.scope.module)
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
        names = free_parameters(inner, receiver is not None)
        given = Arguments((), names, True, place_of.place)
    return machine.call(function if receiver is None or function is not inner else Bound(inner, receiver), given)


def _call_bound(machine: Machine, callee: Bound, arguments: Arguments) -> Value:
    function = callee.function
    if isinstance(function, Function):
        return _run(machine, function, callee.instance, arguments)
    if isinstance(function, Wrapped):
        return _call_wrapped(
            machine, Wrapped(Bound(function.function, callee.instance), function.by, function.call), arguments
        )
    if isinstance(function, Partial):
        return machine.call(function, _with_first(callee.instance, arguments))
    return machine.call(function, _with_first(callee.instance, arguments))


def _with_first(first: Value, arguments: Arguments) -> Arguments:
    positional = (first, *arguments.positional)
    return Arguments(positional, arguments.named, arguments.more, arguments.place, arguments.node, arguments.dropped)


def _make(machine: Machine, cls: Class, arguments: Arguments) -> Value:
    """An object of a class of the project."""
    call = machine.record(cls, arguments)
    instance = Instance(cls, {}, arguments.place, call)
    call.result = instance
    machine.run.instances.append(instance)
    init = cls.member("__init__")
    if isinstance(init, (Function, Wrapped)):
        machine.call(Bound(init, instance), arguments)
    elif _has_fields(cls):
        _set_fields(machine, cls, instance, arguments)
    elif init is None:
        containers.made_by_base(instance, arguments.positional, arguments.more, machine.journal)
    return instance


def _make_by(machine: Machine, cls: Class, callee: Attribute, arguments: Arguments) -> Value:
    """An object that a method of a framework's base class makes, as from a file."""
    call = machine.record(callee, arguments)
    with machine.inside(Callback(call, "__init__")):
        instance = _make(machine, cls, Arguments((), arguments.named, True, arguments.place))
    if isinstance(instance, Instance):
        instance.created = call
    call.result = instance
    return instance


def _has_fields(cls: Class) -> bool:
    if set(cls.external_bases()) & set(FIELD_BASES):
        return True
    for decorator in (each for one in cls.lineage() for each in one.decorators):
        name = decorator.name if isinstance(decorator, External) else ""
        if isinstance(decorator, Product):
            name = decorator.call.name
        if name in FIELD_DECORATORS:
            return True
    return False


def _set_fields(machine: Machine, cls: Class, instance: Instance, arguments: Arguments) -> None:
    names = [name for each in reversed(cls.lineage()) for name in each.fields]
    given = dict(zip(names, arguments.positional, strict=False)) | dict(arguments.named)
    for name in names:
        if name in given:
            machine.journal.put(instance.attributes, name, given[name])
        elif arguments.more:
            machine.journal.put(instance.attributes, name, Parameter(name, cls.name, cls.member(name)))


def method_called(cls: Class, table: tuple[tuple[str, str], ...]) -> str | None:
    """The method that a table of beginnings names for a class's bases outside of the project."""
    for base in cls.external_bases():
        for beginning, method in table:
            if base.startswith(beginning):
                return method
    return None


def _call_instance(machine: Machine, instance: Instance, arguments: Arguments) -> Value:
    name = "__call__" if instance.of.member("__call__") is not None else method_called(instance.of, CALL_METHODS)
    method = instance.of.member(name) if name else None
    call = machine.record(instance, arguments)
    if method is None:
        _call_members(machine, call, instance, arguments)
        return call.result or Unknown()
    make_ready(machine, instance, arguments)
    call.result = machine.call(
        Bound(method, instance), Arguments(arguments.positional, arguments.named, arguments.more, arguments.place)
    )
    return call.result


def make_ready(machine: Machine, instance: Instance, arguments: Arguments) -> None:
    """Runs what an object runs once before its first call."""
    ready = method_called(instance.of, READY_METHODS)
    before = instance.of.member(ready) if ready else None
    if ready and before is not None and f"{ready}()" not in instance.attributes:
        machine.journal.put(instance.attributes, f"{ready}()", Known(True))
        run_free(machine, Bound(before, instance), instance, arguments)


def _call_wrapped(machine: Machine, callee: Wrapped, arguments: Arguments) -> Value:
    with machine.inside(With(callee.by, arguments.place)):
        result = machine.call(callee.function, arguments)
    by = callee.by.name if isinstance(callee.by, External) else ""
    if callee.call is not None:
        by = callee.call.name
    elif isinstance(callee.by, Product):
        by = callee.by.call.name
    if by in VALUE_AND_GRADIENT or by in GRADIENT:
        gradient = machine.record(callee, arguments).result or Unknown()
        if by in VALUE_AND_GRADIENT:
            return listed((result, gradient), "tuple")
        wrapping = callee.by.call if isinstance(callee.by, Product) else callee.call
        auxiliary = wrapping is not None and constant(wrapping.argument(None, "has_aux")) is True
        if auxiliary and isinstance(result, Items) and len(result.items) == 2:
            return listed((gradient, result.items[1]), "tuple")
        return gradient
    return result


def _call_each(machine: Machine, callee: Choice, arguments: Arguments) -> Value:
    results = []
    changes = []
    for option in callee.options:
        mark = machine.journal.mark()
        with machine.inside(Branch(callee, True, f"one of {len(callee.options)}", arguments.place)):
            results.append(machine.call(option, arguments))
        changes.append(machine.journal.take_back(mark))
    machine.journal.merge(changes)
    return choice(results)


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
        _call_members(machine, call, callee, arguments)
    elif made.name in WRAPPERS and made.arguments and isinstance(made.arguments[0], (Instance, Product, Wrapped, Item)):
        call.result = machine.call(
            made.arguments[0], Arguments(arguments.positional, arguments.named, arguments.more, arguments.place)
        )
    return call.result or Unknown()


def _call_members(machine: Machine, call: Call, sequence: Product | Instance, arguments: Arguments) -> None:
    """Calls layers one after the other."""
    members = iterate(machine, sequence)
    if members is None or not arguments.positional:
        return
    value = arguments.positional[0]
    rest = arguments.positional[1:] if call.name.startswith("keras") else ()
    with machine.inside(With(sequence, arguments.place)):
        for member in members:
            value = machine.call(member, Arguments((value, *rest), arguments.named, False, arguments.place))
    call.result = value


def _call_state(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """A call of another state of an object."""
    call = machine.record(callee, arguments)
    with machine.inside(With(callee, arguments.place)):
        call.result = machine.call(original(callee), arguments)
    return call.result


def _call_applied(machine: Machine, callee: Attribute, arguments: Arguments) -> Value | None:
    """A method that runs its object on what follows after variables or random keys; `None` if it is none."""
    of, first = original(callee.of), APPLIED.get(callee.name)
    if first is None or not isinstance(of, Instance):
        return None
    if not any(base.startswith(APPLIED_BASES) for base in of.of.external_bases()):
        return None
    call = machine.record(callee, arguments)
    method = arguments.named.get("method")
    if isinstance(method, Known) and isinstance(method.value, str):
        method = of.of.member(method.value)
    inner = method if method is not None and method != Known(None) else of.of.member("__call__")
    named = {name: value for name, value in arguments.named.items() if name not in NOT_HANDED_ON}
    if inner is None or callee.name == "bind":
        return call.result
    with machine.inside(Callback(call, callee.name)):
        make_ready(machine, of, arguments)
        given = Arguments(arguments.positional[first:], named, arguments.more, arguments.place)
        result = machine.call(Bound(inner, of), given)
    changes = arguments.named.get("mutable", Known(False))
    if callee.name == "apply" and changes != Known(False):
        call.result = listed((result, Item(Product(call), Known(1))), "tuple")
    elif callee.name == "apply":
        call.result = result
    return call.result


def _call_external(machine: Machine, callee: External, arguments: Arguments) -> Value:
    name = callee.name
    if name.startswith("builtins."):
        known = call_builtin(machine, name.removeprefix("builtins."), arguments)
        if known is not None:
            return known
    if name == "functools.partial":
        if not arguments.positional:
            return Partial(callee, (), arguments.named, arguments.place)
        return Partial(arguments.positional[0], arguments.positional[1:], arguments.named, arguments.place)
    if name in COPIES and arguments.positional:
        call = machine.record(callee, arguments)
        call.result = copy_of(arguments.positional[0])
        return call.result
    if name in WRAPPERS:
        call = machine.record(callee, arguments)
        wrapped = next((each for each in arguments.positional if _is_code(each)), None)
        if wrapped is not None:
            call.result = Wrapped(wrapped, callee, call)
        return call.result or Unknown()
    return _call_outside(machine, callee, arguments)


def _is_code(value: Value) -> bool:
    """Whether a value is a function of the project, or a class, in whatever it is wrapped."""
    while isinstance(value, (Bound, Wrapped, Partial)):
        value = value.function
    return isinstance(value, (Function, Class))


def _call_outside(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """A call of which only its arguments are known; functions among these are run where they are handed over."""
    call = machine.record(callee, arguments)
    if _runs_functions(call.name):
        _run_callbacks(machine, call, arguments)
    if call.name in MAINS and not call.callbacks:
        main = machine.scopes[machine.module].find(MAINS[call.name])
        if main is not None and _is_code(main):
            with machine.inside(Callback(call, MAINS[call.name])):
                run_free(machine, main, None, arguments)
    if isinstance(callee, Attribute) and callee.name in SAME:
        call.result = callee.of
    if isinstance(callee, Attribute):
        _of_container(machine, callee, arguments)
        if callee.name in SPREADS:
            spread(machine, call, callee.of, callee.name, arguments)
    back = _handed_back(call)
    if back is not None:
        call.result = back
    return call.result or Unknown()


def _of_container(machine: Machine, callee: Attribute, arguments: Arguments) -> None:
    """What a call does to the layers that something holds."""
    if callee.name == "__init__" and isinstance(callee.of, Super) and isinstance(callee.of.instance, Instance):
        containers.made_by_base(callee.of.instance, arguments.positional, arguments.more, machine.journal)
    containers.grow(
        callee.of, callee.name, arguments.positional, lambda inner: iterate(machine, inner), machine.journal
    )


def _handed_back(call: Call) -> Value | None:
    """What a call gives that only makes ready what it is given; `None` if it is another."""
    receiver = call.receiver.call.name if isinstance(call.receiver, Product) else ""
    if f"{receiver}{call.name}" not in HANDS_BACK or call.more or not call.arguments:
        return None
    return call.arguments[0] if len(call.arguments) == 1 else listed(call.arguments, "tuple")


def _runs_functions(name: str) -> bool:
    """Whether a call may run the functions that it is given as a part of the program's way."""
    return name in RUNNING or not (name in LATER or name.startswith(ABOUT_CODE))


def _run_callbacks(machine: Machine, call: Call, arguments: Arguments) -> None:
    given_to: list[tuple[int | str, Value]] = [*enumerate(arguments.positional), *arguments.named.items()]
    if call.name in EXPORTS:
        tables = [value for value in arguments.named.values() if isinstance(value, Table)]
        given_to += [(str(key), value) for table in tables for key, value in table.entries.items()]
    if isinstance(call.receiver, Wrapped) and call.name in RUN_BY:
        given_to.append((call.name, call.receiver))
    for key, value in given_to:
        if not _is_code(value) or isinstance(value, Class):
            continue
        given = _handed_on(call.name, arguments, key, _count_parameters(value))
        with machine.inside(Callback(call, key)):
            call.callbacks[key] = (
                run_free(machine, value, None, arguments) if given is None else machine.call(value, given)
            )


def _handed_on(name: str, arguments: Arguments, key: int | str, count: int) -> Arguments | None:
    """What is handed to a function together with it, as by `Thread(target=f, args=(x,))`."""
    functions, first = OPERANDS.get(name, ((), 0))
    if key in functions:
        return Arguments(arguments.positional[first:], {}, False, arguments.place)
    args, kwargs = arguments.named.get("args"), arguments.named.get("kwargs")
    named = dict(kwargs.entries) if isinstance(kwargs, Table) else {}
    if isinstance(args, Items) and args.whole:
        return Arguments(args.items, named, True, arguments.place)
    if args is not None and args != Known(None):
        return Arguments(tuple(Item(args, Known(index)) for index in range(count)), named, True, arguments.place)
    return None


def _count_parameters(value: Value) -> int:
    while isinstance(value, (Wrapped, Partial)):
        value = value.function
    return len(value.node.args.args) if isinstance(value, Function) else 0


_CALLERS: dict[type[Value], Callable[[Machine, Any, Arguments], Value]] = {
    Function: _call_function,
    Bound: _call_bound,
    Class: _make,
    Instance: _call_instance,
    Partial: _call_partial,
    Wrapped: _call_wrapped,
    Choice: _call_each,
    Product: _call_product,
    External: _call_external,
    Attribute: _call_attribute,
    Item: _call_item,
}
