"""The mode in which a call of a network runs a layer, and what in the program says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.source.jax.calls import JaxRun, Use
from steadynorm.source.jax.words import INFERENCE_NAMES, TRAINING_NAMES, trains_if
from steadynorm.source.layers.graph import Norm
from steadynorm.source.switches import State, Switch, states_at
from steadynorm.source.symbolic.derived import state_before
from steadynorm.source.symbolic.trace import Call, Carry, Frame, With
from steadynorm.source.symbolic.values import Attribute, Choice, Known, Product, Value, constant_bool

_ARGUMENT = {"flax.": "use_running_average", "equinox.": "inference"}
INFERENCE_MODES = ("equinox.nn.inference_mode", "equinox.tree_inference")
_LEFT_OUT = (None, Known(None))
_VIEWS = ("flax.nnx.view", "flax.nnx.with_attributes")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that holds the mode.

    Arguments:
        frame: the function that has it.
        name: its name.
        value: its value in this call.
        given: whether the call gave it, rather than its default.
        training: whether it means the training mode.
    """

    frame: Frame
    name: str
    value: bool
    given: bool
    training: bool


def own_mode(norm: Norm) -> Value | None:
    """The mode that a layer is told itself, at its call or where it is made; `None` if it is left out."""
    name = next(argument for start, argument in _ARGUMENT.items() if norm.made.name.startswith(start))
    given = norm.call.argument(1 if name == "use_running_average" else None, name)
    if given is not None and given != Known(None):
        return given
    given = norm.made.argument(0 if norm.made.name.startswith("flax.linen.") else None, name)
    return None if given == Known(None) else given


def is_told_in_call(norm: Norm) -> bool:
    """Whether the call of a Flax layer says its mode."""
    return norm.call.argument(1, "use_running_average") not in _LEFT_OUT


def written_at(norm: Norm) -> Call | None:
    """The call in which a layer's mode is written as a constant: its own, or the one that makes it."""
    for call in (norm.call, norm.made):
        for keyword in () if call.node is None else call.node.keywords:
            if keyword.arg in _ARGUMENT.values() and isinstance(keyword.value, ast.Constant):
                return call if keyword.value.value is not None else None
            if keyword.arg in _ARGUMENT.values():
                return None
    return None


def is_written_both_ways(norm: Norm, call: Call) -> bool:
    """Whether the function around a layer writes both modes, so that a branch chooses."""
    frames = norm.call.stack
    if not frames:
        return False
    written = {
        keyword.value.value
        for node in ast.walk(frames[-1].function.node)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in _ARGUMENT.values() and isinstance(keyword.value, ast.Constant)
    }
    return {True, False} <= written


def trains(jax: JaxRun, use: Use, norm: Norm) -> bool | None:
    """Whether a layer normalizes by the batch in this call; `None` where that is not known."""
    given = own_mode(norm)
    if norm.made.name.startswith("equinox."):
        return _trains_equinox(norm, given)
    if norm.made.name.startswith("flax.linen.") or is_told_in_call(norm):
        known = constant_bool(given)
        return None if known is None else not known
    states = tuple(states_of(jax, norm))
    modes = {_starts_training(norm) if state.switch is None else state.switch.training for state in states}
    return modes.pop() if len(modes) == 1 and not _is_viewed(norm) else None


def _is_viewed(norm: Norm) -> bool:
    return any(
        isinstance(step, Product) and step.call.name in _VIEWS
        for block in norm.call.within
        if isinstance(block, With)
        for step in chain(block.context)
    )


def _starts_training(norm: Norm) -> bool | None:
    given = norm.made.keywords.get("use_running_average")
    known = constant_bool(given)
    return True if given is None else None if known is None else not known


def states_of(jax: JaxRun, norm: Norm) -> Iterator[State]:
    """The modes of a Flax nnx layer that a call may find."""
    return states_at(norm.call, switches(jax, norm.made))


def switches(jax: JaxRun, made: Call) -> tuple[Switch, ...]:
    """The calls that set the mode of a Flax nnx layer."""
    found: list[Switch] = []
    for call in jax.run.calls():
        training = _switch(call)
        if training is not None and made in jax.norms(call.receiver):
            found.append(Switch(call, training))
    return tuple(found)


def _switch(call: Call) -> bool | None:
    if call.name in (".train", ".eval"):
        return call.name == ".train"
    if call.name == ".set_attributes":
        known = constant_bool(call.keywords.get("use_running_average"))
        return None if known is None else not known
    return None


def chain(value: Value) -> Iterator[Value]:
    """A value and the states before it that it was made from, the latest first."""
    each: Value | None = value
    while each is not None:
        yield each
        if isinstance(each, Choice):
            each = each.options[-1]
            continue
        each = state_before(each)


def equinox_switches(norm: Norm) -> Iterator[tuple[Call, bool]]:
    """What set the inference flag of an Equinox layer before this call, the latest first."""
    contexts = [block.context for block in norm.call.within if isinstance(block, With)]
    for context in contexts:
        for value in chain(context):
            if not isinstance(value, Product):
                continue
            call = value.call
            if call.name in INFERENCE_MODES:
                known = constant_bool(call.argument(1, "value") or Known(True))
                if known is not None:
                    yield call, not known
            elif call.name == "equinox.tree_at" and _names_inference(call):
                known = constant_bool(call.argument(2, "replace"))
                if known is not None:
                    yield call, not known


def _names_inference(call: Call) -> bool:
    return any(isinstance(each, Attribute) and each.name == "inference" for each in call.callbacks.values())


def _trains_equinox(norm: Norm, given: Value | None) -> bool | None:
    if "inference" in norm.call.keywords:
        known = constant_bool(given)
        return None if known is None else not known
    for _, training in equinox_switches(norm):
        return training
    known = constant_bool(given)
    return True if given is None else None if known is None else not known


def parameters(use: Use, norm: Norm) -> Iterator[Parameter]:
    """The parameters that hold the mode in the functions around a layer, outermost first."""
    for frame in norm.call.stack:
        for name in (*TRAINING_NAMES, *INFERENCE_NAMES):
            value = constant_bool(frame.arguments.get(name))
            training = None if value is None else trains_if(name, value)
            if value is not None and training is not None:
                yield Parameter(frame, name, value, name in frame.given, training)
                break


def rebound(jax: JaxRun) -> Iterator[tuple[Carry, Call]]:
    """Names that a loop's next iteration finds in inference mode, with the call that did it."""
    for event in jax.run.events:
        if isinstance(event, Carry):
            for value in chain(event.after):
                if isinstance(value, Product) and value.call.name in INFERENCE_MODES:
                    if constant_bool(value.call.argument(1, "value") or Known(True)):
                        yield event, value.call
                    break
