"""Numbers of a program, with those that its command line sets unless somebody says otherwise."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    External,
    Item,
    Known,
    Parameter,
    Product,
    Value,
    constant_text,
)

_DEFINING = ("DEFINE_integer", "DEFINE_float", "DEFINE_bool", "DEFINE_boolean", "DEFINE_string")
_OPTIONS = (".add_argument", *_DEFINING)
_CONVERTING = ("builtins.int", "builtins.float", "builtins.round")
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
}

_LARGEST = 2.0**53
"""Up to here each whole number is a float of its own; no program counts further."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the program.

    Arguments:
        value: the number.
        sure: whether the source alone decides it, not the command line.
    """

    value: float
    sure: bool = True


class Defaults:
    """The defaults of a project's options: argparse, absl and tf.flags, click's excepted."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._values: dict[str, Value] = {}
        for run in runs:
            for call in run.calls():
                name = _defined(call)
                if name is None:
                    continue
                default = call.argument(None, "default")
                if default is None and not call.name.endswith(".add_argument"):
                    default = call.argument(1)
                if default is not None:
                    self._values.setdefault(name, default)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._values)

    def number(self, value: Value | None) -> Number | None:
        """What a value is as a number, if that can be told."""
        if isinstance(value, Known):
            return _finite(value.value)
        if isinstance(value, Expression) and value.operator in _OPERATORS:
            left, right = (self.number(each) for each in value.operands)
            if left is None or right is None or (not right.value and "Div" in value.operator):
                return None
            return _finite(_OPERATORS[value.operator](left.value, right.value), left.sure and right.sure)
        if isinstance(value, Product) and value.call.name in _CONVERTING and value.call.arguments:
            return self.number(value.call.arguments[0])
        if isinstance(value, Parameter) and value.default is not None:
            found = self.number(value.default)
            return None if found is None else Number(found.value, False)
        name = option_of(value)
        if name is None or name not in self._values:
            return None
        found = self.number(self._values[name])
        return None if found is None else Number(found.value, False)


def _finite(value: object, sure: bool = True) -> Number | None:
    """A number that a program can count with; `None` for infinities, and for what is no number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LARGEST:
        return None
    return Number(value, sure)


def length_of_range(call: Call, defaults: Defaults) -> Number | None:
    """How many numbers a call of `range` gives; `None` where that is not known, or where the call fails."""
    bounds = [each for given in call.arguments if (each := defaults.number(given)) is not None]
    if call.more or len(bounds) != len(call.arguments) or not 1 <= len(bounds) <= 3:
        return None
    values = [int(each.value) for each in bounds]
    if values[2:] == [0]:
        return None
    return Number(len(range(*values)), all(each.sure for each in bounds))


def _defined(call: Call) -> str | None:
    """The option that a call defines."""
    if not call.name.endswith(_OPTIONS):
        return None
    given = constant_text(call.argument(0))
    if given is None:
        return None
    if call.name.endswith(".add_argument"):
        long = [each.value for each in call.arguments if isinstance(each, Known) and str(each.value).startswith("--")]
        named = call.argument(None, "dest")
        if isinstance(named, Known):
            return str(named.value)
        return (long[0] if long else given).lstrip("-").replace("-", "_")
    return given


def option_of(value: Value | None) -> str | None:
    """The option that a value reads, as `FLAGS.batch_size`, `args.batch_size` or `vars(args)["batch_size"]`."""
    if isinstance(value, External) and "FLAGS" in value.name:
        return value.name.rpartition(".")[2]
    if isinstance(value, Attribute):
        of = value.of
        if isinstance(of, External) and of.name.endswith("FLAGS"):
            return value.name
        return value.name if _is_parsed(of) else None
    if isinstance(value, Item):
        of = value.of
        if isinstance(of, External) and of.name == "sys.argv" and isinstance(value.key, Known):
            return f"argv[{value.key.value}]"
        if isinstance(of, Product) and of.call.name == "builtins.vars" and of.call.arguments:
            return constant_text(value.key) if _is_parsed(of.call.arguments[0]) else None
        if isinstance(of, Attribute) and of.name == "__dict__" and _is_parsed(of.of):
            return constant_text(value.key)
    return None


def _is_parsed(value: Value) -> bool:
    """Whether a value is what a parser of the command line gave."""
    if isinstance(value, Item):
        return isinstance(value.of, Product) and value.of.call.name == ".parse_known_args"
    return isinstance(value, Product) and value.call.name in (".parse_args", ".parse_known_args")
