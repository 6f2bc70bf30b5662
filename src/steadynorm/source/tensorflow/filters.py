"""What a test says of a variable by its name, as in `[v for v in variables if "moving" in v.name]`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from steadynorm.source.symbolic.values import Attribute, Expression, Item, Items, Known, Product, Value

_COMPARING: dict[str, Callable[[Any, Any], bool]] = {
    "In": lambda one, other: one in other,
    "NotIn": lambda one, other: one not in other,
    "Eq": operator.eq,
    "NotEq": operator.ne,
}
_METHODS = {f".{name}": getattr(str, name) for name in ("split", "startswith", "endswith", "lower", "strip", "replace")}
_PATTERNS = {f"re.{name}": getattr(re, name) for name in ("match", "search", "findall")}
_QUANTIFYING = {"builtins.any": any, "builtins.all": all}


class _UnknownError(Exception):
    """Something of a test is not known."""


def passes(test: Value, name: str) -> bool | None:
    """Whether a variable passes a test; `None` if that is not known.

    Arguments:
        test: the test of a comprehension over variables.
        name: the variable's name, as `scope/gamma:0`.
    """
    if isinstance(test, Expression):
        if test.operator == "Not":
            inner = passes(test.operands[0], name)
            return None if inner is None else not inner
        if test.operator in ("And", "Or"):
            answers = [passes(each, name) for each in test.operands]
            stops = test.operator == "Or"
            return stops if stops in answers else (None if None in answers else not stops)
    try:
        return bool(_evaluated(test, name))
    except (_UnknownError, TypeError, ValueError, IndexError, re.error):
        return None


def _evaluated(value: Value, name: str) -> Any:
    if isinstance(value, Known):
        return value.value
    if isinstance(value, Attribute) and value.name == "name":
        is_of_operation = isinstance(value.of, Attribute) and value.of.name == "op"
        return name.removesuffix(":0") if is_of_operation else name
    if isinstance(value, Items) and value.whole:
        return tuple(_evaluated(each, name) for each in value.items)
    if isinstance(value, Item) and isinstance(value.key, Known):
        return _evaluated(value.of, name)[value.key.value]
    if isinstance(value, Expression):
        if value.operator in _COMPARING:
            one, other = (_evaluated(each, name) for each in value.operands)
            return _COMPARING[value.operator](one, other)
        answer = passes(value, name) if value.operator in ("Not", "And", "Or") else None
        if answer is not None:
            return answer
    if isinstance(value, Product):
        return _called(value, name)
    raise _UnknownError


def _called(value: Product, name: str) -> Any:
    call = value.call
    given = list(_given(call.arguments, name))
    if call.keywords or call.more:
        raise _UnknownError
    if call.name in _METHODS and call.receiver is not None:
        return _METHODS[call.name](_evaluated(call.receiver, name), *given)
    if call.name in _PATTERNS:
        return _PATTERNS[call.name](*given)
    if call.name in _QUANTIFYING:
        return _QUANTIFYING[call.name](*given)
    raise _UnknownError


def _given(arguments: tuple[Value, ...], name: str) -> Iterator[Any]:
    return (_evaluated(each, name) for each in arguments)
