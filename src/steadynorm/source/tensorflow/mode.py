"""What decides the mode of a layer: a constant, a placeholder, an estimator's mode, or what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import (
    Attribute,
    Expression,
    External,
    Items,
    Known,
    Parameter,
    Product,
    Table,
    Value,
)
from steadynorm.source.tensorflow.words import PLACEHOLDERS, short

TRAIN, EVAL, PREDICT = "train", "eval", "infer"
_KEYS = {"TRAIN": TRAIN, "EVAL": EVAL, "PREDICT": PREDICT, "INFER": PREDICT}

_PASSING = frozenset(
    {
        "tensorflow.identity",
        "tensorflow.cast",
        "tensorflow.convert_to_tensor",
        "tensorflow.squeeze",
        "tensorflow.reshape",
        "tensorflow.stop_gradient",
        "builtins.bool",
        "builtins.int",
    }
)
_LEARNING_PHASE = frozenset({"keras.backend.learning_phase", "keras.backend.symbolic_learning_phase"})


class Source(StrEnum):
    """What decides."""

    FIXED = "fixed"
    FED = "fed"
    PHASE = "learning phase"
    ESTIMATOR = "estimator"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Mode:
    """What decides the mode of a layer.

    Arguments:
        source: what it is.
        fixed: whether it is training mode, where it is fixed.
        tensor: the placeholder that decides.
        inverted: whether the placeholder says that it is inference.
        test: of an estimator: the comparison with its mode.
    """

    source: Source
    fixed: bool = False
    tensor: Value | None = None
    inverted: bool = False
    test: Value | None = None

    def fed(self, feeds: Mapping[object, Value] | None) -> bool | None:
        """Whether it is training mode where this is fed; `None` if that is not known, or nothing was said of feeds."""
        if self.source is Source.FIXED:
            return self.fixed
        if self.source is Source.PHASE:
            return None if feeds is None else _phase(feeds)
        if self.source is not Source.FED or feeds is None or self.tensor is None:
            return None
        value = feeds.get(self.tensor)
        if value is None:
            value = _default(self.tensor)
        known = truth_of(value)
        return None if known is None else known is not self.inverted

    def under(self, mode: str) -> bool | None:
        """Whether it is training mode when an estimator runs in a mode."""
        if self.source is Source.FIXED:
            return self.fixed
        if self.source is Source.ESTIMATOR and self.test is not None:
            return holds(self.test, mode)
        return None


def mode_of(value: Value | None, otherwise: bool) -> Mode:
    """What a mode argument decides.

    Arguments:
        value: the argument; `None` where it is left out.
        otherwise: the mode of a layer that is not told.
    """
    if value is None:
        return Mode(Source.FIXED, otherwise)
    if isinstance(value, Known):
        return Mode(Source.FIXED, bool(value.value)) if isinstance(value.value, bool | int) else Mode(Source.UNKNOWN)
    if isinstance(value, Product):
        return _of_call(value)
    if isinstance(value, Expression):
        if _compares_mode(value):
            return Mode(Source.ESTIMATOR, test=value)
        if value.operator == "Not":
            inner = mode_of(value.operands[0], otherwise)
            return replace(inner, inverted=not inner.inverted) if inner.source is Source.FED else Mode(Source.UNKNOWN)
    return Mode(Source.UNKNOWN)


def _of_call(value: Product) -> Mode:
    call = value.call
    name = short(call.name)
    if name in PLACEHOLDERS:
        return Mode(Source.FED, tensor=value)
    if name in _LEARNING_PHASE:
        return Mode(Source.PHASE, tensor=value)
    if name == "tensorflow.constant":
        known = truth_of(call.argument(0, "value"))
        return Mode(Source.UNKNOWN) if known is None else Mode(Source.FIXED, known)
    if name in ("tensorflow.logical_not", "tensorflow.math.logical_not"):
        inner = mode_of(call.argument(0, "x"), False)
        return replace(inner, inverted=not inner.inverted) if inner.source is Source.FED else Mode(Source.UNKNOWN)
    if name in _PASSING and call.arguments:
        return mode_of(call.arguments[0], False)
    if name == "tensorflow.equal" and len(call.arguments) == 2:
        wanted = truth_of(call.arguments[1])
        inner = mode_of(call.arguments[0], False)
        if wanted is not None and inner.source is Source.FED:
            return replace(inner, inverted=inner.inverted is wanted)
    return Mode(Source.UNKNOWN)


def truth_of(value: Value | None) -> bool | None:
    """Whether a constant that is fed means training; `None` if it is no constant."""
    if isinstance(value, Known) and isinstance(value.value, bool | int | float):
        return bool(value.value)
    if isinstance(value, Items) and len(value.items) == 1:
        return truth_of(value.items[0])
    if isinstance(value, External) and value.name in ("numpy.True_", "numpy.False_"):
        return value.name == "numpy.True_"
    return None


def _default(tensor: Value) -> Value | None:
    if isinstance(tensor, Product) and tensor.call.name == "tensorflow.placeholder_with_default":
        given = tensor.call.argument(0, "input")
        if isinstance(given, Product) and given.call.name == "tensorflow.constant":
            return given.call.argument(0, "value")
        return given
    return None


def _phase(feeds: Mapping[object, Value]) -> bool | None:
    for key, value in feeds.items():
        if isinstance(key, Product) and key.call.name in _LEARNING_PHASE:
            return truth_of(value)
    return False


def feeds_of(value: Value | None) -> Mapping[object, Value] | None:
    """What a feed_dict feeds; `None` if that is not known."""
    if value is None or value == Known(None):
        return {}
    if isinstance(value, Table) and value.complete:
        return value.entries
    return None


def key_of(value: Value) -> str | None:
    """The estimator's mode that a constant names, as `tf.estimator.ModeKeys.TRAIN` or "train"."""
    if isinstance(value, External) and "ModeKeys" in value.name:
        return _KEYS.get(value.name.rpartition(".")[2])
    if isinstance(value, Attribute) and value.name in _KEYS:
        return _KEYS[value.name]
    if isinstance(value, Known) and value.value in (TRAIN, EVAL, PREDICT):
        return str(value.value)
    return None


def _compares_mode(value: Value) -> bool:
    """Whether an expression asks for the mode of an estimator."""
    if not isinstance(value, Expression):
        return False
    if value.operator in ("Eq", "NotEq", "Is", "IsNot"):
        return any(key_of(each) for each in value.operands) and any(_is_mode(each) for each in value.operands)
    if value.operator in ("In", "NotIn"):
        return _is_mode(value.operands[0])
    return value.operator in ("Not", "And", "Or", "IfExp") and any(map(_compares_mode, value.operands))


def _is_mode(value: Value) -> bool:
    return isinstance(value, Parameter) and value.name in ("mode", "mode_key", "run_mode")


def holds(test: Value, mode: str) -> bool | None:
    """Whether a condition holds when an estimator runs in a mode; `None` if that is not known."""
    if isinstance(test, Known):
        return bool(test.value)
    if not isinstance(test, Expression):
        return None
    operands = test.operands
    if test.operator in ("Eq", "NotEq", "Is", "IsNot"):
        asked = next((key for key in map(key_of, operands) if key is not None), None)
        if asked is None or not any(map(_is_mode, operands)):
            return None
        return (asked == mode) is (test.operator in ("Eq", "Is"))
    if test.operator in ("In", "NotIn") and _is_mode(operands[0]) and isinstance(operands[1], Items):
        keys = [key_of(each) for each in operands[1].items]
        return None if None in keys else (mode in keys) is (test.operator == "In")
    if test.operator == "IfExp":
        chosen = holds(operands[0], mode)
        return None if chosen is None else holds(operands[1 if chosen else 2], mode)
    answers = [holds(each, mode) for each in operands]
    if test.operator == "Not":
        return None if answers[0] is None else not answers[0]
    if test.operator in ("And", "Or"):
        stops = test.operator == "Or"
        return stops if stops in answers else (None if None in answers else not stops)
    return None


def is_reached(call: Call, mode: str) -> bool:
    """Whether a call may be made when an estimator runs in a mode, by the conditions around it."""
    return all(holds(block.test, mode) is not (not block.arm) for block in call.within if isinstance(block, Branch))
