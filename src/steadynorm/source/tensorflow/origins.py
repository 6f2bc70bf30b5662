"""Where the mode or another constant that reaches a layer was written, or left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.place import Place
from steadynorm.source.symbolic.trace import Frame, Run
from steadynorm.source.symbolic.values import (
    Attribute,
    Choice,
    Expression,
    External,
    Instance,
    Known,
    Parameter,
    Product,
    Table,
    Value,
)
from steadynorm.source.tensorflow.norms import Norm
from steadynorm.source.tensorflow.scopes import argument, defaults_around
from steadynorm.source.tensorflow.words import op_name

_FLAG = re.compile(
    r"(?:is_?|in_?|bn_?)?(?:train(?:ing)?|phase(?:_?train)?|train(?:ing)?_?(?:phase|mode|flag)|is_?test)$", re.I
)
_MODES = ("training", "is_training")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a constant was written.

    Arguments:
        place: the place.
        left_out: whether a call left it out there, so that it is a default.
        name: the parameter that carries it, where a function of the project takes it.
    """

    place: Place
    left_out: bool = False
    name: str | None = None


def origin_of(run: Run, norm: Norm, value: Value | None) -> Origin:
    """Where a constant that a layer is given comes from: the outermost call that hands it on, or that leaves it out."""
    if value is None:
        return Origin(told_at(norm), True)
    asked = _asked(norm) if norm.told_by is None else ()
    for each in (value, *asked):
        found = _handed_in(run, norm, each)
        if found is not None:
            return found
    return Origin(_nearest(norm, value))


def _handed_in(run: Run, norm: Norm, value: Value) -> Origin | None:
    """The outermost call that hands a constant to a function, or leaves it to a default."""
    around = [block for block in norm.call.within if isinstance(block, Frame)]
    for frame in run.events[: norm.call.index]:
        if isinstance(frame, Frame) and frame.place is not None:
            if frame not in around and any(frame.function is each.function for each in around):
                continue  # another call of the same function, whose default is the same constant
            for name, given in frame.arguments.items():
                if given is value:
                    return Origin(frame.place or norm.place, frame.function.defaults.get(name) is value, name)
    return None


def _asked(norm: Norm) -> Iterator[Value]:
    """The constants of names and attributes that the mode is worked out from, as in `training=self.mode == "train"`."""
    frame = norm.call.stack[-1] if norm.call.stack else None
    if norm.call.node is None or frame is None:
        return
    for keyword in norm.call.node.keywords:
        # A bare name stands for the mode itself, not for what it is worked out from: where another value was put into a
        # parameter since, what a caller gave for it is not the mode.
        if keyword.arg in _MODES and not isinstance(keyword.value, ast.Name):
            for node in ast.walk(keyword.value):
                found: Value | None = None
                if isinstance(node, ast.Name):
                    found = frame.arguments.get(node.id)
                elif isinstance(node, ast.Attribute) and isinstance(frame.receiver, Instance):
                    found = frame.receiver.attributes.get(node.attr)
                if isinstance(found, Known):
                    yield found


def _nearest(norm: Norm, value: Value) -> Place:
    params = argument(norm.call, op_name(norm.call), None, "normalizer_params")
    if (
        isinstance(params, Table)
        and params.place is not None
        and any(each is value for each in params.entries.values())
    ):
        return params.place
    for defaults in defaults_around(norm.call):
        if any(each is value for each in defaults.values.values()):
            return defaults.call.place
    return told_at(norm)


def told_at(norm: Norm) -> Place:
    """The call that says the mode of a layer, or leaves it out."""
    return norm.place if norm.told_by is None else norm.told_by.place


def options_place(norm: Norm, value: Value | None) -> Place:
    """Where an option of a layer is written: in its call, in a dict of parameters, or in an arg_scope."""
    return norm.place if value is None else _nearest(norm, value)


def flag_around(norm: Norm) -> str | None:
    """The name of a flag for the mode that the function around a layer, or its object, has; `None` without one."""
    for block in reversed(norm.call.within):
        if not isinstance(block, Frame):
            continue
        for name, value in block.arguments.items():
            if _FLAG.match(name) and _may_be_flag(value):
                return name
        if isinstance(block.receiver, Instance):
            for name, value in block.receiver.attributes.items():
                if _FLAG.match(name) and _may_be_flag(value):
                    return f"self.{name}"
    return None


def _may_be_flag(value: Value) -> bool:
    """Whether something called `train` may be a mode, and not data or a method."""
    if isinstance(value, Known):
        return isinstance(value.value, bool | int)
    if isinstance(value, Product):
        return "placeholder" in value.call.name or value.call.name in ("tensorflow.equal", "tensorflow.logical_not")
    return isinstance(value, Parameter | Expression | Attribute | External | Choice)
