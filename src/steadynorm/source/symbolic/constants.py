"""Operators on constants, worked out where that is cheap and safe."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from steadynorm.place import Place
from steadynorm.source.symbolic.scope import listed
from steadynorm.source.symbolic.values import (
    Bound,
    Class,
    Expression,
    External,
    Function,
    Instance,
    Items,
    Known,
    ModuleValue,
    Product,
    Value,
    truth,
)

LONGEST = 1000
"""Characters or items that a folded constant may have."""

LARGEST = 10**12
"""Size up to which whole numbers are multiplied or raised to a power."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NEVER_NONE = (Items, Instance, Function, Class, Bound, ModuleValue, Product)
_WIDE_FORMAT = re.compile(r"%[^a-zA-Z%]*[\d*]")


def binary(op: ast.operator, left: Value, right: Value, place: Place) -> Value:
    """`left op right`."""
    if type(left) is Known and type(right) is Known:
        folded = _folded(op, left.value, right.value)
        if folded is not None:
            return folded
    if type(left) is Items and isinstance(op, ast.Add) and isinstance(right, Items):
        counted = left.counted and right.counted
        return listed(left.items + right.items, left.kind, left.whole and right.whole, counted)
    if type(left) is Items and isinstance(op, ast.Mult):
        times = right.value if isinstance(right, Known) else None
        if type(times) is int and 0 <= times * len(left.items) <= LONGEST:
            return listed(left.items * times, left.kind, left.whole, left.counted)
    return Expression(type(op).__name__, (left, right), place)


def _folded(op: ast.operator, left: Any, right: Any) -> Known | None:
    function = _BINARY.get(type(op))
    if function is None or not _is_small(left) or not _is_small(right):
        return None
    if isinstance(op, ast.Pow) and (abs(right) > 64 if isinstance(right, (int, float)) else True):
        return None
    if isinstance(left, str) and (
        not isinstance(op, (ast.Add, ast.Mod)) or (isinstance(op, ast.Mod) and _WIDE_FORMAT.search(left))
    ):
        return None
    if isinstance(right, str) and not isinstance(left, str):
        return None
    try:
        result = function(left, right)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return Known(result) if _is_small(result) else None


def _is_small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    return isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) <= LARGEST)


def unary(op: ast.unaryop, operand: Value, place: Place) -> Value:
    """`op operand`."""
    if isinstance(op, ast.Not):
        known = truth(operand)
        if known is not None:
            return Known(not known)
    elif isinstance(operand, Known) and isinstance(operand.value, (int, float)):
        if isinstance(op, ast.USub):
            return Known(-operand.value)
        if isinstance(op, ast.UAdd):
            return operand
    return Expression(type(op).__name__, (operand,), place)


def compare(op: ast.cmpop, left: Value, right: Value, place: Place) -> Value:
    """`left op right` for a comparison."""
    if type(left) is Known and type(right) is Known:
        if isinstance(op, (ast.Is, ast.IsNot)):
            same = left == right
            return Known(same if isinstance(op, ast.Is) else not same)
        function = _COMPARE.get(type(op))
        if function is not None:
            try:
                return Known(bool(function(left.value, right.value)))
            except TypeError:
                pass
        if isinstance(right.value, str) and isinstance(left.value, str) and isinstance(op, (ast.In, ast.NotIn)):
            return Known((left.value in right.value) is isinstance(op, ast.In))
    if isinstance(op, (ast.Is, ast.IsNot)) and right == Known(None) and isinstance(left, _NEVER_NONE):
        return Known(isinstance(op, ast.IsNot))
    if isinstance(op, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)) and isinstance(left, External):
        # Two names of a framework's are the same (ModeKeys.TRAIN) or they are not; of classes that is sure.
        if isinstance(right, External) and left == right:
            return Known(isinstance(op, (ast.Eq, ast.Is)))
        if isinstance(right, External) and left.name.rpartition(".")[0] == right.name.rpartition(".")[0]:
            return Known(isinstance(op, (ast.NotEq, ast.IsNot)))
    if isinstance(op, (ast.In, ast.NotIn)) and isinstance(left, Known) and isinstance(right, Items):
        constant = right.whole and all(isinstance(each, Known) for each in right.items)
        if constant:
            return Known((left in right.items) is isinstance(op, ast.In))
    return Expression(type(op).__name__, (left, right), place)


def formatted(parts: list[Value], plain: bool, place: Place) -> Value:
    """An f-string of these parts; `plain` without format specifications."""
    if plain and all(isinstance(part, Known) and isinstance(part.value, (str, int, float)) for part in parts):
        text = "".join(str(part.value) for part in parts if isinstance(part, Known))
        if len(text) <= LONGEST:
            return Known(text)
    return Expression("JoinedStr", tuple(parts), place)
