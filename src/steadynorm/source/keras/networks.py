"""SN4 and SN6 in Keras: networks that share a step, parts that are frozen, and freezes that are undone."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.data_roots import differ, roots
from steadynorm.source.keras.calls import TAPE, KerasRun, ModelCall, is_inside
from steadynorm.source.keras.freezing import is_for_norms, model_of_layer
from steadynorm.source.layers.words import made_by
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Assign, Call, Loop, With
from steadynorm.source.symbolic.values import Attribute, Instance, Items, Known, Product, Value

_STOPPED = ("keras.ops.stop_gradient", "tensorflow.stop_gradient", "keras.backend.stop_gradient")


def look_at_networks(keras: KerasRun) -> Iterator[Sighting]:
    """What several networks, or parts of one, do to each other."""
    moving = [each for each in keras.model_calls if _runs_in_training(each)]
    yield from _several_inputs(keras, moving)
    for each in moving:
        if each.purpose in ("other_training", "plain"):
            yield from _without_gradient(keras, each)
    yield from _stopped(keras)
    yield from _thawed(keras)


def _runs_in_training(each: ModelCall) -> bool:
    return each.mode == Known(True)


def _several_inputs(keras: KerasRun, moving: list[ModelCall]) -> Iterator[Sighting]:
    """One network under one gradient on data of two origins."""
    trained = [each for each in moving if each.purpose == "training" and not keras.is_frozen(each.norms)]
    for index, second in enumerate(trained):
        for first in trained[:index]:
            if first.model is not second.model or _function(first.call) is not _function(second.call):
                continue
            if not _may_be_one_step(first.call, second.call):
                continue
            values = [each.call.argument(0, "inputs", "x") for each in (first, second)]
            origins = [None if value is None else roots(value) for value in values]
            if origins[0] and origins[1] and differ(origins[0], origins[1]):
                names = [_named(keras, value) for value in values]
                facts = {"first": names[0] or "one input", "second": names[1] or "another one"}
                place, subject = second.call.place, keras.name_of(second.model)
                yield Sighting("SN401", "keras", place, subject, "inputs", facts=facts, related=(first.call.place,))
                break


def _named(keras: KerasRun, value: Value | None) -> str | None:
    name = None if value is None else keras.run.named.get(value)
    return None if name is None else f"'{name}'"


def _function(call: Call) -> object:
    return call.stack[-1] if call.stack else None


def _may_be_one_step(first: Call, second: Call) -> bool:
    """Whether two calls under gradients are made for one step, and not in loops of their own or in two iterations."""
    tape = _tape(first)
    if tape is not None and tape is _tape(second):
        return True
    mine, theirs = ([each for each in call.within if isinstance(each, Loop)] for call in (first, second))
    pairs = zip(mine, theirs, strict=False)
    one, other = next(((one, other) for one, other in pairs if one is not other), (None, None))
    # Loops that follow each other in one that stands around both take turns.
    return one is None or other is None or (one is not mine[0] and one.place != other.place)


def _without_gradient(keras: KerasRun, each: ModelCall) -> Iterator[Sighting]:
    """A network in training mode in a step that trains others."""
    if keras.is_frozen(each.norms) or keras.is_assigned(each.norms):
        return
    steps = list(_readers_under_tape(keras, each))
    if each.purpose == "plain" and not steps:
        return
    own = [other for other in keras.model_calls if other.purpose == "training" and set(other.norms) & set(each.norms)]
    if own:
        times = _times(each.call, own)
        if times > 1:
            facts = {"trained": _trained(keras, each.call, steps), "times": times}
            subject, place = keras.name_of(each.model), each.call.place
            yield Sighting("SN403", "keras", place, subject, "step", facts=facts, related=(own[0].call.place,))
    elif not any(set(keras.norms(fit.receiver)) & set(each.norms) for fit in keras.fits):
        gradient = _gradient(keras, each.call)
        facts = {"name": keras.run.named.get(each.model, "model")}
        if each.purpose == "other_training" and gradient is not None:
            related = (each.call.place,)
            yield Sighting(
                "SN601", "keras", gradient.place, keras.name_of(each.model), "gradient", facts=facts, related=related
            )
        elif each.purpose == "plain":
            yield Sighting("SN601", "keras", each.call.place, keras.name_of(each.model), "outside", facts=facts)


def _readers_under_tape(keras: KerasRun, each: ModelCall) -> Iterator[Call]:
    result = each.call.result
    for call in () if result is None else keras.uses.after(result):
        if call.index > each.call.index and not is_inside(call) and _tape(call) is not None:
            yield call


def _tape(call: Call) -> Product | None:
    for block in reversed(call.within):
        if isinstance(block, With) and isinstance(block.context, Product) and block.context.call.name == TAPE:
            return block.context
    return None


def _gradient(keras: KerasRun, call: Call) -> Call | None:
    tape = _tape(call)
    if tape is None:
        return None
    return next((each for each in keras.uses.of(tape) if each.name == ".gradient"), None)


def _trained(keras: KerasRun, call: Call, steps: list[Call]) -> str:
    """What the step is for, as its author calls it."""
    for each in (call, *steps):
        gradient = _gradient(keras, each)
        sources = None if gradient is None else gradient.argument(1, "sources")
        for value in inside(*(() if sources is None else (sources,))):
            if isinstance(value, Attribute) and value.name.startswith("trainable"):
                return keras.run.named.get(value.of) or "another network"
    return "another network"


def _times(call: Call, own: list[ModelCall]) -> int:
    """How often a call is made for each step of the network's own."""
    times = 1
    for block in call.within:
        shared = any(_is_in(block, other.call) for other in own)
        if isinstance(block, Loop) and not shared:
            times *= len(block.over.items) if isinstance(block.over, Items) and block.over.counted else 1
    return times


def _is_in(block: Loop | object, call: Call) -> bool:
    return isinstance(block, Loop) and any(isinstance(b, Loop) and b.place == block.place for b in call.within)


def _stopped(keras: KerasRun) -> Iterator[Sighting]:
    """Inner networks that a trained model runs in training mode, with no gradient behind them."""
    for call in keras.run.calls():
        if call.name not in _STOPPED or not call.arguments:
            continue
        value = call.arguments[0]
        for inner in keras.run.calls():
            if inner.result is not value or not keras.norms(inner.callee):
                continue
            norms = keras.norms(inner.callee)
            training = inner.argument(1, "training")
            off = training is not None and training == Known(False)
            if off or keras.is_frozen(norms) or keras.is_assigned(norms):
                continue
            if keras.trains(norms):
                made = made_by(inner)
                name = made.name.rpartition(".")[2] if made is not None else "model"
                name = inner.callee.of.name if isinstance(inner.callee, Instance) else name
                yield Sighting("SN601", "keras", inner.place, name, "stopped", related=(call.place,))


def _thawed(keras: KerasRun) -> Iterator[Sighting]:
    """Normalization layers that are frozen one by one, and thawed with all the others before they are trained."""
    switches = [event for event in keras.run.assigns() if event.name == "trainable"]
    trains = [call for call in keras.run.calls() if call.name in (".fit", ".compile", ".apply_gradients")]
    for freeze in switches:
        model = model_of_layer(freeze.target)
        if freeze.value != Known(False) or model is None or is_for_norms(freeze) is None:
            continue
        for thaw in switches:
            if thaw.index < freeze.index or thaw.value != Known(True) or is_for_norms(thaw) is not None:
                continue
            whole = thaw.target is model or model_of_layer(thaw.target) is model
            again = any(each.index > thaw.index and _is_freeze(each, model) for each in switches)
            if whole and not again and any(call.index > thaw.index for call in trains):
                facts = {"line": thaw.place.line}
                related = (thaw.place,)
                yield Sighting("SN603", "keras", freeze.place, "trainable", "thawed", facts=facts, related=related)
                break


def _is_freeze(event: Assign, model: Value) -> bool:
    return event.value == Known(False) and model_of_layer(event.target) is model
