"""Modes that an option of the command line decides, and what the conditions around a train step say of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from steadynorm.source.defaults import option_of
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Expression, Known, Value

_COMPARING = {"Eq": True, "Is": True, "NotEq": False, "IsNot": False}


@dataclass(frozen=True, slots=True)
class Flag:
    """A condition on one option.

    Arguments:
        option: its name.
        value: what it is compared with; `True` where it is asked itself.
        holds: whether the condition holds for that value.
    """

    option: str
    value: object
    holds: bool = True


def flag_of(value: Value | None) -> Flag | None:
    """The condition on an option that a value is; `None` if it is something else."""
    name = option_of(value)
    if name is not None:
        return Flag(name, True)
    if not isinstance(value, Expression):
        return None
    if value.operator == "Not":
        inner = flag_of(value.operands[0])
        return None if inner is None else replace(inner, holds=not inner.holds)
    if value.operator in _COMPARING and len(value.operands) == 2:
        for one, other in (value.operands, value.operands[::-1]):
            name = option_of(one)
            if name is not None and isinstance(other, Known):
                return Flag(name, other.value, _COMPARING[value.operator])
    return None


def holds_at(flag: Flag, calls: Iterable[Call]) -> bool | None:
    """Whether a condition on an option holds where some calls are made; `None` if nothing around them asks for it."""
    for call in calls:
        for block in call.within:
            asked = flag_of(block.test) if isinstance(block, Branch) else None
            if asked is None or asked.option != flag.option or not isinstance(block, Branch):
                continue
            is_value = asked.holds is block.arm
            if asked.value == flag.value:
                return flag.holds is is_value
            if is_value and type(asked.value) is type(flag.value):
                return not flag.holds
    return None
