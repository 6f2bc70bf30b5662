"""Calls of what is not in the project: they are noted, and functions of the project that they are given are run."""

from __future__ import annotations

from steadynorm.source.symbolic import containers
from steadynorm.source.symbolic.attributes import iterate
from steadynorm.source.symbolic.builtin_calls import call_builtin
from steadynorm.source.symbolic.copies import copy_of
from steadynorm.source.symbolic.functions import count_parameters, is_code, run_free
from steadynorm.source.symbolic.kept_by_base import keep
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.spreading import spread
from steadynorm.source.symbolic.trace import Call, Callback
from steadynorm.source.symbolic.values import (
    Attribute,
    Class,
    External,
    Instance,
    Item,
    Items,
    Known,
    Partial,
    Product,
    Super,
    Table,
    Unknown,
    Value,
    Wrapped,
)
from steadynorm.source.symbolic.vocabulary import (
    ABOUT_CODE,
    COPIES,
    EXPORTS,
    HANDS_BACK,
    LATER,
    MAINS,
    OPERANDS,
    RUN_BY,
    RUNNING,
    SAME,
    SPREADS,
    WRAPPERS,
)


def call_external(machine: Machine, callee: External, arguments: Arguments) -> Value:
    """A call of something outside of the project by its name, some of which do what is known."""
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
        wrapped = next((each for each in arguments.positional if is_code(each)), None)
        if wrapped is not None:
            call.result = Wrapped(wrapped, callee, call)
        return call.result or Unknown()
    return call_outside(machine, callee, arguments)


def call_outside(machine: Machine, callee: Value, arguments: Arguments) -> Value:
    """A call of which only its arguments are known; functions among these are run where they are handed over."""
    call = machine.record(callee, arguments)
    if _runs_functions(call.name):
        _run_callbacks(machine, call, arguments)
    if call.name in MAINS and not call.callbacks:
        main = machine.scopes[machine.module].find(MAINS[call.name])
        if main is not None and is_code(main):
            with machine.inside(Callback(call, MAINS[call.name])):
                run_free(machine, main, None, arguments)
    if type(callee) is Attribute:
        if callee.name in SAME:
            call.result = callee.of
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
        keep(callee.of.instance, arguments, machine.journal)
    containers.grow(
        callee.of, callee.name, arguments.positional, lambda inner: iterate(machine, inner), machine.journal
    )


def _handed_back(call: Call) -> Value | None:
    """What a call gives that only makes ready what it is given; `None` if it is another."""
    receiver = call.receiver.call.name if type(call.receiver) is Product else ""
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
        if not is_code(value) or isinstance(value, Class):
            continue
        given = _handed_on(call.name, arguments, key, count_parameters(value))
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
