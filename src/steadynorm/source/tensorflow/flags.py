"""Modes that options of the command line decide, and what the conditions around a train step say of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeAlias

from steadynorm.source.defaults import option_of
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Expression, Known, Product, Value

_COMPARING = {"Eq": True, "Is": True, "NotEq": False, "IsNot": False}
_CONNECTING = {"And": False, "Or": True}
"""By operator: the answer of one operand that decides."""

_CONVERTING = ("builtins.bool", "builtins.int")

Key: TypeAlias = tuple[Hashable, ...]
"""What tells a condition from others: of one on an option its name and what it is compared with, `True` for itself."""

Facts: TypeAlias = Mapping[Key, bool]


def asks_options(value: Value | None) -> bool:
    """Whether a value is a condition on options of the command line and on nothing else."""
    if value is None:
        return False
    if _atom(value) is not None:
        return True
    if isinstance(value, Product) and value.call.name in _CONVERTING and value.call.arguments:
        return asks_options(value.call.arguments[0])
    if not isinstance(value, Expression) or value.operator not in (*_CONNECTING, "Not", "IfExp"):
        return False
    asked = [each for each in value.operands if not isinstance(each, Known)]
    return bool(asked) and all(map(asks_options, asked))


def holds_at(test: Value, calls: Iterable[Call]) -> bool | None:
    """Whether a condition holds where some calls are made; `None` if the conditions around them do not tell."""
    facts: dict[Key, bool] = {}
    for call in calls:
        for block in call.within:
            if isinstance(block, Branch):
                facts.update(_facts(block.test, block.arm))
    return _answer(test, facts)


def contradict(one: Call, other: Call) -> bool:
    """Whether the conditions around two calls, as far as they ask options, never hold together."""
    tests = [block for block in other.within if isinstance(block, Branch)]
    return any(holds_at(block.test, (one,)) is (not block.arm) for block in tests)


def _atom(value: Value) -> tuple[Key, bool] | None:
    """A condition on one option, and whether it holds where the option is what it is compared with."""
    name = option_of(value)
    if name is not None:
        return (name, True), True
    if isinstance(value, Expression) and value.operator in _COMPARING and len(value.operands) == 2:
        for one, other in (value.operands, value.operands[::-1]):
            name = option_of(one)
            if name is not None and isinstance(other, Known):
                holds = _COMPARING[value.operator]
                # A number or a bool that is compared with 0 or 1 is asked itself.
                is_truth = isinstance(other.value, bool | int) and other.value in (0, 1)
                return ((name, True), holds is bool(other.value)) if is_truth else ((name, other.value), holds)
    return None


def _key(value: Value) -> Key | None:
    found = _atom(value)
    if found is not None:
        return found
    if isinstance(value, Product) and value.call.name in _CONVERTING and value.call.arguments:
        return _key(value.call.arguments[0])
    if isinstance(value, Expression):
        keys = [_key(each) for each in value.operands]
        return None if None in keys else (value.operator, *keys)
    return None


def _facts(test: Value, holds: bool) -> Iterator[tuple[Key, bool]]:
    """What is known of conditions where one holds, or does not."""
    if isinstance(test, Product) and test.call.name in _CONVERTING and test.call.arguments:
        yield from _facts(test.call.arguments[0], holds)
        return
    found = _atom(test)
    if found is not None:
        yield found[0], found[1] is holds
    elif isinstance(test, Expression):
        key = _key(test)
        if key is not None:
            yield key, holds
        if test.operator == "Not":
            yield from _facts(test.operands[0], not holds)
        elif test.operator in _CONNECTING and _CONNECTING[test.operator] is not holds:
            for each in test.operands:
                yield from _facts(each, holds)


def _answer(test: Value, facts: Facts) -> bool | None:
    if isinstance(test, Known):
        return bool(test.value)
    if isinstance(test, Product) and test.call.name in _CONVERTING and test.call.arguments:
        return _answer(test.call.arguments[0], facts)
    found = _atom(test)
    if found is not None:
        known = _of_option(found[0], facts)
        return None if known is None else known is found[1]
    if not isinstance(test, Expression):
        return None
    key = _key(test)
    if key in facts and key is not None:
        return facts[key]
    answers = [_answer(each, facts) for each in test.operands]
    if test.operator == "Not":
        return None if answers[0] is None else not answers[0]
    if test.operator == "IfExp":
        return None if answers[0] is None else answers[1 if answers[0] else 2]
    if test.operator in _CONNECTING:
        decides = _CONNECTING[test.operator]
        return decides if decides in answers else (None if None in answers else not decides)
    return None


def _of_option(key: Key, facts: Facts) -> bool | None:
    """Whether an option is something, which it is not where it is something else of the kind."""
    if key in facts:
        return facts[key]
    name, value = key
    others = [other for other, holds in facts.items() if holds and len(other) == 2 and other[0] == name]
    return False if any(type(other[1]) is type(value) for other in others) else None
