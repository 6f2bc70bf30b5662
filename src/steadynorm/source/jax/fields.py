"""The mode as a field of a network's object, as `train: bool = False` in a module of Flax's."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.source.jax.mode import written_at
from steadynorm.source.jax.words import INFERENCE_NAMES, TRAINING_NAMES, trains_if
from steadynorm.source.layers.graph import Norm
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Instance, Value, constant_bool


@dataclass(frozen=True, slots=True)
class LeftField:
    """A module's field for the mode that is left to its default by a module that has such a field itself.

    Arguments:
        made: where the inner module is made.
        name: the inner module's field.
        value: its default.
        outer: the field of the module around it, as `self.train`.
    """

    made: Call
    name: str
    value: bool
    outer: str


def field_of(model: Value | None) -> tuple[str, bool] | None:
    """The field of a network's object that holds the mode, with its value."""
    if isinstance(model, Instance):
        for name in (*TRAINING_NAMES, *INFERENCE_NAMES):
            value = constant_bool(model.attributes.get(name) or _default(model, name))
            if value is not None:
                return name, value
    return None


def left_field(norm: Norm, training: bool) -> LeftField | None:
    """The field around a layer that is left to a default which means this mode, where a module around says the other.

    A layer whose own mode is written has it from no field. Only where that module makes the inner one itself, so that
    it has its own field at hand there.
    """
    for frame in norm.call.stack if written_at(norm) is None else ():
        inner = frame.receiver
        made = inner.created if isinstance(inner, Instance) else None
        if not isinstance(inner, Instance) or made is None or not made.stack or made.more:
            continue
        around = made.stack[-1]
        own, told = field_of(inner), field_of(around.receiver)
        if own is None or told is None or _is_given(inner, made, own[0]) or not around.function.node.args.args:
            continue
        if trains_if(*own) is training and trains_if(*told) is not training:
            return LeftField(made, *own, f"{around.function.node.args.args[0].arg}.{told[0]}")
    return None


def _is_given(inner: Instance, made: Call, name: str) -> bool:
    return name in made.keywords or len(made.arguments) > _fields(inner).index(name)


def _fields(inner: Instance) -> list[str]:
    return [name for each in reversed(inner.of.lineage()) for name in each.fields]


def _default(model: Instance, name: str) -> Value | None:
    return model.of.member(name) if name in _fields(model) else None
