"""SN107 and SN2 in Keras: the mode in which each call of a model runs the normalization layers inside."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.exports import export_of
from steadynorm.source.keras.built_in import look_at_built_in
from steadynorm.source.keras.calls import (
    MODES,
    PHASE,
    PREDICTIONS,
    KerasRun,
    ModelCall,
    call_of,
    called_model,
    is_inside,
    mode_given,
    parameters_of,
)
from steadynorm.source.layers.choices import both_modes, stands_in_branch
from steadynorm.source.layers.graph import LayerGraph, is_building
from steadynorm.source.layers.models import is_ready_made
from steadynorm.source.layers.places import subject_of
from steadynorm.source.layers.words import made_by
from steadynorm.source.purpose import EVALUATION, purpose_of_place
from steadynorm.source.switches import State, Switch, states_at
from steadynorm.source.symbolic.flow import Uses
from steadynorm.source.symbolic.trace import Call, Frame, Loop
from steadynorm.source.symbolic.values import Function, Instance, Known, Product, Value

_SINKS = (
    ".numpy",
    "keras.ops.convert_to_numpy",
    ".argmax",
    "tensorflow.argmax",
    "numpy.argmax",
    "keras.ops.argmax",
    ".update_state",
    "builtins.print",
    ".write",
    ".save",
)
"""Calls that end a way on which gradients could flow."""

_KERAS_3_RUNS = (
    "whether Keras 3 runs it, which this holds for (TensorFlow 2.16 and later have it): "
    "python -c 'import keras; print(keras.__version__)'"
)
_KERAS_2_RUNS = (
    "whether Keras 2 runs it (TensorFlow before 2.16), which this holds for: "
    "python -c 'import keras; print(keras.__version__)'"
)


def look_at_modes(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """Calls that run a model in the wrong mode."""
    switches = tuple(_switches(keras))
    for each in keras.model_calls:
        export = export_of(each.call, keras.run)
        if export is not None:
            if each.mode == Known(True) and not keras.is_frozen(each.norms):
                related = (each.call.place,)
                yield Sighting("SN209", "keras", export.place, keras.name_of(each.model), "constant", related=related)
        elif each.purpose == "training":
            if not _told_inside(graph, each).issuperset(each.norms):
                yield from _training(keras, each, switches, _other_name(graph, each))
        elif each.purpose in ("plain", "test") and not _is_layer(each):
            yield from _inference(keras, each, switches)
    yield from _fixed_layers(keras, graph)
    yield from _fixed_parts(keras, graph)
    yield from look_at_built_in(keras, lambda made: _predicts(keras, made), _KERAS_2_RUNS)
    yield from _lost_in_fit(keras)
    yield from _phase_in_predictions(keras, switches)


def _is_layer(each: ModelCall) -> bool:
    """Whether a layer is called on its own, as where a functional model is built."""
    return isinstance(each.model, Product) and each.model.call in each.norms and not is_ready_made(each.model.call)


def _told_inside(graph: LayerGraph, each: ModelCall) -> set[Call]:
    """The calls that made the layers which a model's own call tells to train, as by a parameter of another name."""
    told = (None, Known(False))
    inside = (norm for norm in graph.norms if mode_given(norm.call) not in told)
    return {norm.made for norm in inside if _frame_of(norm.call, each) is not None}


def _frame_of(call: Call, each: ModelCall) -> Frame | None:
    """The model's own function, where a call is made inside of it."""
    frames = (frame for frame in call.stack if frame.receiver is each.call.callee and frame.place == each.call.place)
    return next(frames, None)


def _other_name(graph: LayerGraph, each: ModelCall) -> str | None:
    """The parameter by which a model tells its layers to run in inference mode, if it is not called `training`."""
    if not isinstance(each.model, Instance) or "training" in parameters_of(each.model):
        return None
    for norm in graph.norms:
        frame = _frame_of(norm.call, each) if mode_given(norm.call) == Known(False) else None
        if frame is not None:
            return next((name for name, value in frame.arguments.items() if value == Known(False)), None)
    return None


def _switches(keras: KerasRun) -> Iterator[Switch]:
    for call in keras.run.calls():
        if call.name in PHASE:
            given = call.argument(0, "value")
            if isinstance(given, Known) and given.value in (0, 1):
                yield Switch(call, bool(given.value))


def _training(
    keras: KerasRun, each: ModelCall, switches: tuple[Switch, ...], other_name: str | None
) -> Iterator[Sighting]:
    mode = each.mode
    if mode not in (None, Known(False)) or keras.is_filled(each.norms) or keras.is_frozen(each.norms):
        return
    if keras.told_where_built.issuperset(each.norms):
        return
    if mode is None and switches:
        yield from _after_switches(keras, each, tuple(states_at(each.call, switches)))
        return
    if other_name is not None:
        name = keras.name_at(each.call, each.model)
        yield Sighting("SN202", "keras", each.call.place, name, "named", facts={"argument": other_name})
        return
    taken = None if each.training is not None else _not_handed_on(each.call)
    code, how = (
        ("SN205", "wrapper") if taken else ("SN202", _way(each.call) if each.training is not None else "omitted")
    )
    facts = {"parameter": taken or "training", "line": _line(each.call)}
    yield Sighting(code, "keras", each.call.place, keras.name_at(each.call, each.model), how, facts=facts)


def _after_switches(keras: KerasRun, each: ModelCall, states: tuple[State, ...]) -> Iterator[Sighting]:
    off = [state for state in states if state.switch is not None and not state.switch.training]
    for state in off:
        assert state.switch is not None
        if state.loop is not None:
            place = state.switch.call.place
            yield Sighting("SN203", "keras", place, "set_learning_phase", "loop", related=(each.call.place,))
    if off and off[0].loop is None:
        assert off[0].switch is not None
        related = (off[0].switch.call.place,)
        yield Sighting(
            "SN202", "keras", each.call.place, keras.name_at(each.call, each.model), "phase", related=related
        )
    elif not off and states[0].switch is None:
        yield Sighting("SN202", "keras", each.call.place, keras.name_at(each.call, each.model), "omitted")


def _way(call: Call) -> str:
    """How a mode comes to a call: written there, or handed on by the function around it."""
    node = call.node
    given = [] if node is None else [each.value for each in node.keywords if each.arg == "training"]
    if node is not None and not given:
        given = list(node.args[1:2])
    return "constant" if all(isinstance(each, ast.Constant) for each in given) else "handed"


def _line(call: Call) -> int:
    """Where the function around a call is called."""
    return next((frame.place for frame in reversed(call.stack) if frame.place is not None), call.place).line


def _not_handed_on(call: Call) -> str | None:
    """The parameter by which a function around a call is told to train, and does not hand it on."""
    arguments = call.stack[-1].arguments if call.stack else {}
    return next((name for name in MODES if arguments.get(name) == Known(True)), None)


def _inference(keras: KerasRun, each: ModelCall, switches: tuple[Switch, ...]) -> Iterator[Sighting]:
    mode = each.mode
    how = _way(each.call) if each.training is not None else "default"
    if mode is None and switches:
        states = tuple(states_at(each.call, switches))
        if not all(state.switch is not None and state.switch.training for state in states):
            return
        mode, how = Known(True), "phase"
    if mode != Known(True) or keras.is_frozen(each.norms, each.call) or not _is_inference(keras, each):
        return
    facts = {"line": _line(each.call)}
    yield Sighting("SN201", "keras", each.call.place, keras.name_at(each.call, each.model), how, facts=facts)
    if _goes_on(keras, each):
        yield Sighting("SN107", "keras", each.call.place, keras.name_at(each.call, each.model), how)


def _is_inference(keras: KerasRun, each: ModelCall) -> bool:
    """Whether what a call gives is used, and in no training step."""
    result = each.call.result
    if each.call.dropped or result is None:
        return False
    if each.purpose == "test":
        return True
    after = tuple(_readers(keras.uses, each.call, result))
    if any(_is_under_tape(keras, call) for call in after) or _method(each.call) == "train_step":
        return False
    if keras.run.kind == "script":
        return bool(after) or keras.uses.is_kept(result)
    if purpose_of_place(each.call.within) == EVALUATION:
        return True
    return any(call.name.startswith("numpy.") or call.name in _SINKS for call in after)


def _readers(uses: Uses, call: Call, result: Value) -> Iterator[Call]:
    """What is done with a result, the calls inside the model left out."""
    return (each for each in uses.after(result) if each.index > call.index and not is_inside(each))


def _is_under_tape(keras: KerasRun, call: Call) -> bool:
    return keras.purpose(call, ()) in ("training", "other_training", "unknown")


def _method(call: Call) -> str:
    return call.stack[-1].function.name.rpartition(".")[2] if call.stack else ""


def _goes_on(keras: KerasRun, each: ModelCall) -> bool:
    """Whether the model is trained on after an evaluation that moves its statistics."""
    if each.purpose == "test":
        return keras.trains(each.norms)
    wanted = set(each.norms)
    loops = [block for block in each.call.within if isinstance(block, Loop)]
    for other in keras.model_calls:
        if other.purpose != "training" or not wanted & set(other.norms):
            continue
        if other.call.index > each.call.index or any(loop in other.call.within for loop in loops):
            return True
    return any(
        wanted & set(keras.norms(call.receiver))
        and (call.index > each.call.index or any(loop in call.within for loop in loops))
        for call in keras.fits
    )


def _fixed_layers(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """Layers whose own call says the mode, whatever the model is told."""
    chosen = both_modes(graph)
    for norm in graph.norms:
        if norm.framework != "keras" or is_building(norm.call):
            continue
        given, norms = mode_given(norm.call), (norm.made,)
        if not isinstance(given, Known) or type(given.value) is not bool:
            continue
        if norm.made in chosen or stands_in_branch(norm.call):
            continue
        in_call = any(_is_call(block) for block in norm.call.within)
        if keras.is_frozen(norms) or _is_handed(norm.call):
            continue
        if in_call:
            if given.value and _predicts(keras, norm.made):
                yield _in_call("SN201", norm.call, subject_of(norm.made))
            elif not given.value and keras.trains(norms) and not keras.is_filled(norms):
                yield _in_call("SN202", norm.call, subject_of(norm.made))
        elif given.value and not is_inside(norm.call) and _predicts(keras, norm.made) and not keras.is_keras_3:
            likely = Certainty.LIKELY
            subject = subject_of(norm.made)
            yield Sighting("SN201", "keras", norm.call.place, subject, "functional", likely, _KERAS_2_RUNS)


def _fixed_parts(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """Parts of a model with layers inside that its own call runs in one mode, whatever the model is told."""
    chosen = both_modes(graph)
    for call in keras.run.calls():
        part = called_model(call)
        frames = call.stack
        given = mode_given(call)
        if part is None or not frames or not _is_call(frames[-1]) or given not in (Known(False), Known(True)):
            continue
        norms = keras.norms(part)
        made = made_by(call)
        is_layer = made in norms and not is_ready_made(made)
        if not norms or is_layer or set(norms) & set(chosen):
            continue
        if _is_handed(call) or _way(call) != "constant" or stands_in_branch(call) or _stops(keras, call):
            continue
        if given == Known(True):
            if not keras.is_frozen(norms) and any(_predicts(keras, each) for each in norms):
                yield _in_call("SN201", call, keras.name_at(call, part))
        elif keras.trains(norms) and not (keras.is_frozen(norms) or keras.is_filled(norms) or keras.is_assigned(norms)):
            yield _in_call("SN202", call, keras.name_at(call, part))


def _in_call(code: str, call: Call, subject: str) -> Sighting:
    """A constant mode of a layer, or of a part, in the `call` around it, with what is to be written there."""
    around = next((frame for frame in reversed(call.stack) if _is_call(frame)), None)
    mode = next((name for name in MODES if around is not None and name in around.arguments), None)
    write = f"Write training={mode or 'training'} here"
    if mode is None:
        write = "Give call() the parameter training=None, and write training=training here"
    return Sighting(code, "keras", call.place, subject, "layer", facts={"write": write})


def _stops(keras: KerasRun, call: Call) -> bool:
    """Whether no gradient goes through a result."""
    return call.result is not None and any(each.name.endswith("stop_gradient") for each in keras.uses.of(call.result))


def _is_call(block: object) -> bool:
    return isinstance(block, Frame) and block.function.name.rpartition(".")[2] == "call"


def _is_handed(call: Call) -> bool:
    """Whether the mode of a layer's call is a parameter of the function around it."""
    frames = call.stack
    if call.node is None:
        return True
    if not frames:
        return False
    names = {each.arg for each in frames[-1].function.node.args.args}
    given = next((each.value for each in call.node.keywords if each.arg == "training"), None)
    given = call.node.args[1] if given is None and len(call.node.args) > 1 else given
    return getattr(given, "id", None) in names or not hasattr(given, "value")


def _predicts(keras: KerasRun, made: Call) -> bool:
    """Whether the run uses a layer for inference: by Keras's own methods, or in a call outside of any gradient."""
    for call in keras.run.calls():
        named = call.name in PREDICTIONS or (call.name in (".fit",) and "validation_data" in call.keywords)
        if named and made in keras.norms(call.receiver):
            return True
    return any(
        made in each.norms and each.purpose in ("plain", "test") and each.mode in (None, Known(False))
        for each in keras.model_calls
        if _is_inference(keras, each)
    )


def _lost_in_fit(keras: KerasRun) -> Iterator[Sighting]:
    """Models whose `call` has no parameter for the mode: Keras 3 then trains them in inference mode."""
    for fit in keras.fits:
        model = fit.receiver
        if not isinstance(model, Instance) or call_of(model) is None:
            continue
        if "training" in parameters_of(model) or _trains_itself(model):
            continue
        norms = keras.norms(model)
        if not norms or keras.is_frozen(norms):
            continue
        call = _first_without_mode(keras, model, norms)
        if call is not None:
            certain = keras.is_keras_3
            made = made_by(call)
            yield Sighting(
                "SN205",
                "keras",
                call.place,
                subject_of(made) if made is not None else keras.name_of(call.callee),
                "fit",
                Certainty.PROVEN if certain else Certainty.LIKELY,
                None if certain else _KERAS_3_RUNS,
                {"parameter": "training"},
                (fit.place,),
            )


def _trains_itself(model: Instance) -> bool:
    """Whether a model's class has a train step of its own that does not only add to Keras's, which calls the model."""
    step = model.of.member("train_step")
    calls = [node for node in ast.walk(step.node) if isinstance(node, ast.Call)] if isinstance(step, Function) else []
    called = [ast.unparse(node.func) for node in calls]
    return step is not None and ("super().train_step" not in called or "self" in called)


def _first_without_mode(keras: KerasRun, model: Value, norms: tuple[Call, ...]) -> Call | None:
    """The first call in a model's `call` of a layer, or of an inner model, that normalizes and is given no mode."""
    for call in keras.run.calls():
        frames = call.stack
        if not frames or frames[-1].receiver is not model or not _is_call(frames[-1]):
            continue
        if set(keras.norms(call.callee)) & set(norms) and mode_given(call) is None:
            return call
    return None


def _phase_in_predictions(keras: KerasRun, switches: tuple[Switch, ...]) -> Iterator[Sighting]:
    """`predict` after the learning phase was set to training for good."""
    for call in keras.run.calls():
        if not switches or call.name not in PREDICTIONS or not keras.norms(call.receiver):
            continue
        states = tuple(states_at(call, switches))
        if all(state.switch is not None and state.switch.training for state in states):
            related = tuple(state.switch.call.place for state in states if state.switch is not None)
            settle = (
                "whether TensorFlow 1 runs it, where a learning phase that is set holds for predict() as well: "
                "python -c 'import tensorflow; print(tensorflow.__version__)'"
            )
            name = keras.name_of(call.receiver)
            yield Sighting("SN201", "keras", call.place, name, "phase", Certainty.LIKELY, settle, {}, related)
