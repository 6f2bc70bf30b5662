"""Builtin functions, and methods of lists, dicts and strings, where what they give is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from steadynorm.source.symbolic.attributes import attribute, item, iterate
from steadynorm.source.symbolic.expressions import set_attribute
from steadynorm.source.symbolic.growing import grow, made_here
from steadynorm.source.symbolic.machine import Arguments, Machine
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.values import (
    Attribute,
    Class,
    Comprehension,
    External,
    Instance,
    Items,
    Known,
    Product,
    Table,
    Unknown,
    Value,
    choice,
    constant_int,
    constant_text,
    is_counted,
    options_of,
)

Builtin: TypeAlias = Callable[[Machine, Arguments], Value | None]

MOST_ITEMS = 64
_SAFE_TEXT = ("lower", "upper", "startswith", "endswith", "split", "strip", "lstrip", "rstrip", "partition", "title")


def call_builtin(machine: Machine, name: str, arguments: Arguments) -> Value | None:
    """What a builtin function gives; `None` where that is not known, so that the call is noted as any other."""
    function = _BUILTINS.get(name)
    return None if function is None or arguments.more else function(machine, arguments)


def call_method(machine: Machine, callee: Attribute, arguments: Arguments) -> Value | None:
    """What a method of a list, a dict or a string gives; `None` where it is not known, or not theirs."""
    of = callee.of
    if type(of) is Items:
        return _of_items(machine, of, callee, arguments)
    if type(of) is Table:
        return _of_table(machine, of, callee.name, arguments)
    if type(of) is Comprehension:
        return _of_comprehension(of, callee.name, arguments)
    if type(of) is Known and isinstance(of.value, str):
        return _of_text(of.value, callee.name, arguments)
    return None


def _of_items(machine: Machine, of: Items, callee: Attribute, arguments: Arguments) -> Value | None:
    name, given = callee.name, arguments.positional
    if name in ("append", "add") and len(given) == 1:
        grow(machine, of, (*of.items, given[0]))
        return Known(None)
    if name in ("extend", "update") and len(given) == 1:
        members = iterate(machine, given[0])
        machine.record(callee, arguments).result = Known(None)
        new = (item(machine, given[0], None),) if members is None else members
        grow(machine, of, of.items + new, is_counted(given[0]))
        if members is None:
            machine.journal.put(of.cell, "lost", True)
        return Known(None)
    if name == "insert" and len(given) == 2:
        position = given[0].value if isinstance(given[0], Known) else None
        if type(position) is int:
            items = list(of.items)
            items.insert(position, given[1])
            grow(machine, of, tuple(items))
            return Known(None)
    if name == "pop" and of.whole and of.items and not given:
        *first, last = of.items
        if of.counted:
            machine.journal.put(of.cell, "items", tuple(first))
        return last
    if name == "copy":
        return made_here(machine, listed(of.items, of.kind, of.whole, of.counted))
    if name in ("pop", "remove", "insert", "clear", "reverse", "sort"):
        machine.journal.put(of.cell, "lost", True)
    return None


def _of_table(machine: Machine, of: Table, name: str, arguments: Arguments) -> Value | None:
    given = arguments.positional
    constant = of.complete and not any(isinstance(key, Value) for key in of.entries)
    if name == "items" and of.complete:
        pairs = (
            listed((key if isinstance(key, Value) else Known(key), value), "tuple") for key, value in of.entries.items()
        )
        return listed(tuple(pairs), counted=constant)
    if name == "values" and of.complete:
        return listed(tuple(of.entries.values()), counted=constant)
    if name == "keys" and constant:
        return listed(tuple(map(Known, of.entries)))
    if name in ("get", "pop", "setdefault") and given and isinstance(given[0], Known):
        key = given[0].value
        default = given[1] if len(given) > 1 else Known(None)
        if key in of.entries:
            value: Value = of.entries[key]
            if name == "pop":
                machine.journal.drop(of.entries, key)
            return value
        if name == "setdefault":
            machine.journal.put(of.entries, key, default)
            return default
        return default if constant else Unknown()
    if name == "update":
        for key, value in arguments.named.items():
            machine.journal.put(of.entries, key, value)
        for each in given:
            if isinstance(each, Table):
                for key, value in each.entries.items():
                    machine.journal.put(of.entries, key, value)
        return Known(None) if all(isinstance(each, Table) for each in given) else None
    if name == "copy":
        return Table(dict(of.entries), of.complete)
    return None


def _of_comprehension(of: Comprehension, name: str, arguments: Arguments) -> Value | None:
    """Of a dict that is made by a comprehension, what stands for all of its values or pairs."""
    if of.key is None or arguments.positional or name not in ("values", "items"):
        return None
    element = of.element if name == "values" else listed((of.key, of.element), "tuple")
    return replace(of, element=element, key=None)


def _of_text(text: str, name: str, arguments: Arguments) -> Value | None:
    values = [each.value if isinstance(each, Known) else None for each in arguments.positional]
    if (
        name == "format"
        and not arguments.named
        and "{:" not in text
        and all(isinstance(v, (str, int, float)) for v in values)
    ):
        try:
            return Known(text.format(*values))
        except (ValueError, IndexError, KeyError, AttributeError):
            return None
    if name not in _SAFE_TEXT or arguments.named or not all(isinstance(value, str) for value in values):
        return None
    result = getattr(text, name)(*values)
    return listed(tuple(map(Known, result))) if isinstance(result, (list, tuple)) else Known(result)


def _len(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional[0] if arguments.positional else None
    if isinstance(given, Items) and given.counted:
        return Known(len(given.items))
    return Known(len(given.value)) if isinstance(given, Known) and isinstance(given.value, str) else None


def _range(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional
    values = [value for each in given if (value := constant_int(each)) is not None]
    if not values or len(values) != len(given) or (len(values) == 3 and not values[2]):
        return None
    numbers = range(*values[:3])
    return listed(tuple(map(Known, numbers))) if len(numbers) <= MOST_ITEMS else None


def _listed(kind: str) -> Builtin:
    def make(machine: Machine, arguments: Arguments) -> Value | None:
        if not arguments.positional:
            return made_here(machine, listed((), kind))
        given = arguments.positional[0]
        members = iterate(machine, given)
        if members is None:
            return None
        whole = given.whole if isinstance(given, Items) else True
        return made_here(machine, listed(members, kind, whole, is_counted(given)))

    return make


def _dict(machine: Machine, arguments: Arguments) -> Value | None:
    entries: dict[object, Value] = {}
    for each in arguments.positional:
        if isinstance(each, Table) and each.complete:
            entries |= each.entries
        elif isinstance(each, Items) and each.whole:
            for pair in each.items:
                if not isinstance(pair, Items) or len(pair.items) != 2 or not isinstance(pair.items[0], Known):
                    return None
                entries[pair.items[0].value] = pair.items[1]
        else:
            return None
    return Table({**entries, **arguments.named})


def _zip(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional
    lists = [iterate(machine, each) for each in given]
    known = [each for each in lists if each is not None]
    if not known or (len(known) < len(lists) and not any(map(_are_made, known))):
        return _comprehended(machine, given)
    # Layers stand beside something for each of them, as keys or features are, whose number is not known here.
    count = min(map(len, known))
    full = [
        (item(machine, given[position], None),) * count if each is None else each for position, each in enumerate(lists)
    ]
    pairs = tuple(listed(each, "tuple") for each in zip(*full, strict=False))
    return listed(pairs, counted=all(map(is_counted, given)))


def _are_made(members: tuple[Value, ...]) -> bool:
    """Whether the members of a list are all made of a class, as layers are."""
    return bool(members) and all(map(_is_made, members))


def _is_made(value: Value) -> bool:
    return type(value) is Instance or (
        type(value) is Product and value.call.receiver is None and value.call.name.rpartition(".")[2][:1].isupper()
    )


def _comprehended(machine: Machine, given: tuple[Value, ...]) -> Comprehension | None:
    """Lists side by side that are as long as one of layers is, one of which stands for all."""
    if not any(map(_is_comprehended, given)):
        return None
    return Comprehension(listed(tuple(item(machine, each, None) for each in given), "tuple"), given, ())


def _is_comprehended(value: Value) -> bool:
    return type(value) is Comprehension and value.key is None and _is_made(value.element)


def _enumerate(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional[0] if arguments.positional else Unknown()
    members = iterate(machine, given)
    if members is None:
        pair = listed((Unknown(), item(machine, given, None)), "tuple") if _is_comprehended(given) else None
        return None if pair is None else Comprehension(pair, (given,), ())
    counted = is_counted(given)
    # Of a member that stands for several the position is not known, nor that of those behind it.
    positions = (Known(index) if counted else Unknown() for index in range(len(members)))
    pairs = (listed(pair, "tuple") for pair in zip(positions, members, strict=True))
    return listed(tuple(pairs), counted=counted)


def _reversed(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional[0] if arguments.positional else Unknown()
    members = iterate(machine, given)
    return None if members is None else listed(tuple(reversed(members)), counted=is_counted(given))


def _getattr(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional
    name = constant_text(given[1]) if len(given) >= 2 else None
    if name is not None:
        found = attribute(machine, given[0], name, arguments.place)
        if len(given) == 3 and isinstance(found, Unknown):
            return given[2]
        # What is not there for sure may as well be the default.
        return choice([found, given[2]]) if len(given) == 3 and isinstance(found, Attribute) else found
    return None


def _setattr(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional
    name = constant_text(given[1]) if len(given) == 3 else None
    if name is not None and arguments.node is not None:
        set_attribute(machine, given[0], name, given[2], arguments.node)
        return Known(None)
    return None


def _hasattr(machine: Machine, arguments: Arguments) -> Value | None:
    given = arguments.positional
    if len(given) != 2 or not isinstance(given[0], Instance) or not isinstance(given[1], Known):
        return None
    instance, name = given[0], given[1].value
    if name in instance.attributes or instance.of.member(name) is not None:
        return Known(True)
    # An object that was made in this run has what it was given since, and nothing else.
    own = instance.place is not None and instance.of.whole and not instance.of.external_bases()
    return Known(False) if own else None


def _isinstance(machine: Machine, arguments: Arguments) -> Value | None:
    if len(arguments.positional) != 2:
        return None
    of, kinds = arguments.positional
    wanted = kinds.items if isinstance(kinds, Items) else (kinds,)
    answers = {_is_of(each, kind) for each in options_of(of) for kind in wanted}
    if answers == {False}:
        return Known(False)
    return Known(True) if True in answers and len(options_of(of)) == 1 else None


def _is_of(value: Value, kind: Value) -> bool | None:
    if isinstance(value, Known) and isinstance(kind, External) and kind.name.startswith("builtins."):
        return type(value.value).__name__ == kind.name.removeprefix("builtins.") or None
    if isinstance(value, Items) and isinstance(kind, External) and kind.name.startswith("builtins."):
        return kind.name == f"builtins.{value.kind}"
    if isinstance(value, Instance):
        if isinstance(kind, Class):
            return kind in value.of.lineage() or (False if value.of.whole else None)
        if isinstance(kind, External) and kind.name in value.of.external_bases():
            return True
    if isinstance(value, Product) and isinstance(kind, External) and value.call.name == kind.name:
        return True
    return None


def _convert(kind: type) -> Builtin:
    def convert(machine: Machine, arguments: Arguments) -> Value | None:
        given = arguments.positional[0] if len(arguments.positional) == 1 else None
        if not isinstance(given, Known) or not isinstance(given.value, (bool, int, float, str)):
            return None
        try:
            return Known(kind(given.value))
        except (ValueError, OverflowError):
            return None

    return convert


_BUILTINS: dict[str, Builtin] = {
    "len": _len,
    "range": _range,
    "list": _listed("list"),
    "tuple": _listed("tuple"),
    "dict": _dict,
    "zip": _zip,
    "enumerate": _enumerate,
    "reversed": _reversed,
    "getattr": _getattr,
    "setattr": _setattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "int": _convert(int),
    "float": _convert(float),
    "bool": _convert(bool),
    "str": _convert(str),
}
