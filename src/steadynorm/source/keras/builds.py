"""SN206 and SN208 in Keras: a second model with statistics of its own, and layers that a model does not know of."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.keras.calls import PREDICTIONS, KerasRun, ModelCall, method_of_framework
from steadynorm.source.keras.variables import TRAINABLE, variables_in
from steadynorm.source.layers.models import is_loaded, norms_in
from steadynorm.source.symbolic.trace import Assign, Call, Frame, Loop
from steadynorm.source.symbolic.values import Instance, Items, Product, Table, Value

_TRACKED = ("keras.", "tensorflow.Module")


def look_at_builds(keras: KerasRun) -> Iterator[Sighting]:
    """Models that are built twice, and layers that are kept where nobody tracks them."""
    yield from _second_builds(keras)
    for event in keras.run.assigns():
        yield from _untracked(event)


def _second_builds(keras: KerasRun) -> Iterator[Sighting]:
    trained = {id(model): model for model in _trained(keras)}
    used = {id(model): (model, call) for model, call in _predicting(keras)}
    seen: set[Place] = set()
    for key, (model, call) in used.items():
        first = next((each for each in trained.values() if _same_make(each, model)), None)
        if key in trained or first is None or is_loaded(model):
            continue
        norms = keras.norms(model)
        if set(norms) & set(keras.norms(first)) or keras.is_filled(norms) or _is_given(keras, norms):
            continue
        place = _place_of_build(model, first)
        if place not in seen:
            seen.add(place)
            yield Sighting("SN206", "keras", place, keras.name_of(model), "build", related=(call.place,))


def _trained(keras: KerasRun) -> Iterator[Value]:
    for fit in keras.fits:
        if fit.receiver is not None and keras.norms(fit.receiver):
            yield fit.receiver
    yield from (each.model for each in keras.model_calls if each.purpose == "training")


def _predicting(keras: KerasRun) -> Iterator[tuple[Value, Call]]:
    """The models that the run uses for inference, each with the call."""
    for call in keras.run.calls():
        if call.name in PREDICTIONS and call.receiver is not None and keras.norms(call.receiver):
            yield call.receiver, call
    for each in keras.model_calls:
        # Layers that nobody in the project calls are run as well, to see what stands in them: that is no use of them.
        asked = each.purpose == "plain" and not each.call.dropped and method_of_framework(each.call) != "call"
        if asked and not _feeds_training(keras, each):
            yield each.model, each.call


def _feeds_training(keras: KerasRun, each: ModelCall) -> bool:
    """Whether a result becomes a part of a loss, as that of a target network."""
    result = each.call.result
    after = () if result is None else keras.uses.after(result)
    return any(keras.purpose(call, ()) != "plain" for call in after)


def _same_make(first: Value, second: Value) -> bool:
    if isinstance(first, Instance) and isinstance(second, Instance):
        return first.of is second.of
    if isinstance(first, Product) and isinstance(second, Product):
        return first.call is not second.call and first.call.place == second.call.place
    return False


def _is_given(keras: KerasRun, norms: tuple[Call, ...]) -> bool:
    """Whether a model gets more than trainable variables from elsewhere, or gets these again and again."""
    wanted = set(norms)
    for call in keras.run.calls():
        if call.name not in (".assign", ".assign_add") or call.receiver is None:
            continue
        for target in variables_in(call.receiver):
            if wanted & set(keras.norms(target.model)):
                repeated = sum(isinstance(block, Loop) for block in call.within) > 1
                if target.name not in TRAINABLE or repeated or _is_called_in_loop(call):
                    return True
    return False


def _is_called_in_loop(call: Call) -> bool:
    """Whether a call stands in a function that a loop calls."""
    loops = [index for index, block in enumerate(call.within) if isinstance(block, Loop)]
    frames = [index for index, block in enumerate(call.within) if isinstance(block, Frame)]
    return bool(loops and frames) and loops[0] < frames[-1]


def _place_of_build(model: Value, first: Value) -> Place:
    """Where the second model is built: the call of the function that builds both."""
    call, other = (_creation(each) for each in (model, first))
    if call is None or other is None:
        assert isinstance(model, Instance | Product)
        return model.place if isinstance(model, Instance) and model.place else call.place if call else Place("", 0)
    known = {id(block) for block in other.within}
    for block in call.within:
        if isinstance(block, Frame) and id(block) not in known and block.place is not None:
            shared = any(isinstance(each, Frame) and each.function is block.function for each in other.within)
            if shared:
                return block.place
    return call.place


def _creation(model: Value) -> Call | None:
    if isinstance(model, Instance):
        return model.created
    return model.call if isinstance(model, Product) else None


def _untracked(event: Assign) -> Iterator[Sighting]:
    """Layers in objects that Keras does not look into."""
    owner = event.target
    if not isinstance(owner, Instance) or not any(base.startswith("keras.") for base in owner.of.external_bases()):
        return
    value = event.value
    plain = _plain_in(value)
    if plain is not None:
        holder = f"an object of the plain class {plain.of.name}"
    elif isinstance(value, Items) and value.kind == "set":
        holder = "a set"
    else:
        return
    inside = set(norms_in(value))
    elsewhere = {
        made
        for name, other in owner.attributes.items()
        if other is not value and name != event.name and not _is_plain(other)
        for made in norms_in(other)
    }
    if inside - elsewhere:
        facts = {"holder": holder}
        yield Sighting("SN208", "keras", event.place, event.name, "attribute", facts=facts)


def _plain_in(value: Value) -> Instance | None:
    """The first object of a class that Keras does not track: the value itself, or a member of a list or dict."""
    if isinstance(value, Items | Table):
        members = value.items if isinstance(value, Items) else tuple(value.entries.values())
        return next((found for each in members if (found := _plain_in(each)) is not None), None)
    return value if isinstance(value, Instance) and value.of.whole and _is_plain(value) else None


def _is_plain(value: Value) -> bool:
    return isinstance(value, Instance) and not any(base.startswith(_TRACKED) for base in value.of.external_bases())
