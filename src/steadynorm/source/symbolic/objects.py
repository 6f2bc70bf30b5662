"""Objects of classes of the project: how they are made and called, and what runs before their first call."""

from __future__ import annotations

from steadynorm.source.symbolic import containers
from steadynorm.source.symbolic.attributes import iterate
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.functions import run_free
from steadynorm.source.symbolic.kept_by_base import keep
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.trace import Call, Callback, With
from steadynorm.source.symbolic.values import (
    Attribute,
    Bound,
    Class,
    External,
    Function,
    Instance,
    Item,
    Known,
    Parameter,
    Product,
    Unknown,
    Value,
    Wrapped,
    constant_text,
)
from steadynorm.source.symbolic.vocabulary import (
    APPLIED,
    APPLIED_BASES,
    CALL_METHODS,
    FIELD_BASES,
    FIELD_DECORATORS,
    NOT_HANDED_ON,
    READY_METHODS,
)


def make(machine: Machine, cls: Class, arguments: Arguments) -> Instance:
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
        keep(instance, arguments, machine.journal)
    return instance


def make_by(machine: Machine, cls: Class, callee: Attribute, arguments: Arguments) -> Instance:
    """An object that a method of a framework's base class makes, as from a file."""
    call = machine.record(callee, arguments)
    with machine.inside(Callback(call, "__init__")):
        instance = make(machine, cls, Arguments((), arguments.named, True, arguments.place))
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
            continue
        default = _default(machine, cls.member(name), arguments)
        if arguments.more:
            machine.journal.put(instance.attributes, name, Parameter(name, default))
        elif default is not None and default is not cls.member(name):
            machine.journal.put(instance.attributes, name, default)


def _default(machine: Machine, member: Value | None, arguments: Arguments) -> Value | None:
    """What a field begins with: what stands in the class, also in `field(default_factory=dict)`."""
    if not isinstance(member, Product) or member.call.name != "dataclasses.field":
        return member
    factory = member.call.argument(None, "default_factory")
    if factory is not None:
        return machine.call(factory, Arguments((), {}, False, arguments.place))
    return member.call.argument(None, "default") or member


def call_instance(machine: Machine, instance: Instance, arguments: Arguments) -> Value:
    """A call of an object: of its `__call__`, or of the method that its framework's base class calls."""
    name = "__call__" if instance.of.member("__call__") is not None else method_called(instance.of, CALL_METHODS)
    method = instance.of.member(name) if name else None
    call = machine.record(instance, arguments)
    if method is None:
        call_members(machine, call, instance, arguments)
        return call.result or Unknown()
    make_ready(machine, instance, arguments)
    call.result = machine.call(
        Bound(method, instance), Arguments(arguments.positional, arguments.named, arguments.more, arguments.place)
    )
    return call.result


def method_called(cls: Class, table: tuple[tuple[str, str], ...]) -> str | None:
    """The method that a table of beginnings names for a class's bases outside of the project."""
    for base in cls.external_bases():
        for beginning, method in table:
            if base.startswith(beginning):
                return method
    return None


def make_ready(machine: Machine, instance: Instance, arguments: Arguments) -> None:
    """Runs what an object runs once before its first call."""
    ready = method_called(instance.of, READY_METHODS)
    before = instance.of.member(ready) if ready else None
    if ready and before is not None and f"{ready}()" not in instance.attributes:
        machine.journal.put(instance.attributes, f"{ready}()", Known(True))
        run_free(machine, Bound(before, instance), instance, arguments)


def call_members(machine: Machine, call: Call, sequence: Product | Instance, arguments: Arguments) -> None:
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


def call_applied(machine: Machine, callee: Attribute, arguments: Arguments) -> Value | None:
    """A method that runs its object on what follows after variables or random keys; `None` if it is none."""
    of, first = original(callee.of), APPLIED.get(callee.name)
    if first is None or not isinstance(of, Instance):
        return None
    if not any(base.startswith(APPLIED_BASES) for base in of.of.external_bases()):
        return None
    call = machine.record(callee, arguments)
    method = arguments.named.get("method")
    name = constant_text(method)
    if name is not None:
        method = of.of.member(name)
    inner = method if method is not None and method != Known(None) else of.of.member("__call__")
    named = {key: value for key, value in arguments.named.items() if key not in NOT_HANDED_ON}
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
