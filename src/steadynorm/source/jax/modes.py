"""SN107, SN2 in JAX: networks that are called in the wrong mode."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.exports import export_of
from steadynorm.source.jax.calls import OTHER, PLAIN, TRAINED, JaxRun, Use, name_of_model
from steadynorm.source.jax.fields import LeftField, field_of, left_field
from steadynorm.source.jax.mode import (
    Parameter,
    equinox_switches,
    is_told_in_call,
    is_written_both_ways,
    own_mode,
    parameters,
    rebound,
    states_of,
    switches,
    trains,
    written_at,
)
from steadynorm.source.jax.words import EQUINOX, LINEN, NNX, is_gradient, trains_if
from steadynorm.source.layers.choices import both_modes, stands_in_branch
from steadynorm.source.layers.graph import Norm
from steadynorm.source.layers.places import subject_of
from steadynorm.source.purpose import EVALUATION, TRAINING, purpose_of_place
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import behind
from steadynorm.source.symbolic.trace import Call, Loop, With
from steadynorm.source.symbolic.values import Instance, Items, Product, Value, constant_bool

_BLANK = ("ones", "zeros", "empty", "ShapeDtypeStruct", "full", "ones_like", "zeros_like")
_DRAWN = ("normal", "uniform", "randn", "rand", "standard_normal", "random", "randint", "bernoulli")
_RANDOM = ("jax.random.", "numpy.random.")
_SINKS = (".argmax", "jax.numpy.argmax", "numpy.argmax", "builtins.print", ".item", "jax.device_get", ".tolist")
_WAYS = {
    EQUINOX: "eqx.nn.inference_mode(model)",
    NNX: "model.eval()",
    LINEN: "train=False, without mutable=['batch_stats']",
}


def look_at_modes(jax: JaxRun) -> Iterator[Sighting]:
    """Calls that run a network in the wrong mode."""
    chosen = both_modes(jax.graph)
    for use in jax.model_uses:
        if any(norm.made in chosen for norm in use.norms):
            continue
        export = export_of(use.norms[0].call, jax.run)
        if export is not None:
            if any(trains(jax, use, norm) for norm in use.norms):
                facts = {"way": _WAYS[use.library]}
                yield Sighting("SN209", "jax", export.place, name_of_model(use), facts=facts, related=(use.place,))
        elif use.purpose == TRAINED:
            yield from _training(jax, use)
        elif use.purpose == PLAIN:
            yield from _inference(jax, use)
    yield from _left_in_inference(jax)
    yield from _unfrozen(jax)


def _training(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """A call under a gradient in inference mode."""
    off = [norm for norm in use.norms if _is_off(jax, use, norm) and not _is_frozen(jax, use, norm)]
    if not off or (jax.restores and use.library != NNX) or _is_trained_elsewhere(jax, off):
        return
    norm = off[0]
    if stands_in_branch(norm.call) and written_at(norm) is not None:
        return
    lost = _not_handed_on(use, norm, training=False) or left_field(norm, training=False)
    if lost is not None:
        yield _lost(lost, use)
        return
    written = written_at(norm)
    if written is not None and not is_written_both_ways(norm, written):
        facts = {"argument": _argument(norm), "value": True, "handed": _handed(norm), "in_place": use.library == NNX}
        yield Sighting("SN202", "jax", written.place, subject_of(norm.made), "layer", facts=facts)
        return
    if use.library == NNX and constant_bool(own_mode(norm)) is None:
        yield from _switched(jax, use, norm)
    elif use.library == EQUINOX:
        found = next(equinox_switches(norm), None)
        related = () if found is None else (found[0].place,)
        yield Sighting("SN202", "jax", _place(jax, use), name_of_model(use), "inference_mode", related=related)
    else:
        yield _told("SN202", jax, use, norm)


def _is_off(jax: JaxRun, use: Use, norm: Norm) -> bool:
    """Whether a call under a gradient may find a layer in inference mode."""
    if trains(jax, use, norm) is False:
        return True
    if use.library != NNX or norm.call.argument(1, "use_running_average") is not None:
        return False
    return any(state.switch is not None and not state.switch.training for state in states_of(jax, norm))


def _is_frozen(jax: JaxRun, use: Use, norm: Norm) -> bool:
    """Whether a part of the network alone was set to inference mode, as one does to freeze it."""
    if use.library == EQUINOX:
        found = next(equinox_switches(norm), None)
        return found is not None and found[0].name == "equinox.tree_at"
    states = () if use.library == LINEN else tuple(states_of(jax, norm))
    off = [state.switch.call.receiver for state in states if state.switch and not state.switch.training]
    model = original(use.model)
    return bool(off) and all(each is not None and original(each) is not model for each in off)


def _switched(jax: JaxRun, use: Use, norm: Norm) -> Iterator[Sighting]:
    off = [state for state in states_of(jax, norm) if state.switch is not None and not state.switch.training]
    for state in off:
        assert state.switch is not None
        if state.loop is not None:
            call = state.switch.call
            yield Sighting("SN203", "jax", call.place, _receiver(jax, call), "eval", related=(use.place,))
    # A network that comes trained may be meant to keep its statistics.
    if off and all(state.loop is None for state in off) and not jax.restores:
        assert off[0].switch is not None
        related = (off[0].switch.call.place,)
        yield Sighting("SN202", "jax", _place(jax, use), name_of_model(use), "mode", related=related)


def _receiver(jax: JaxRun, call: Call) -> str:
    receiver = call.receiver
    named = None if receiver is None else jax.run.named.get(receiver)
    if named is not None:
        return named
    return receiver.of.name if isinstance(receiver, Instance) else "model"


def _is_trained_elsewhere(jax: JaxRun, norms: list[Norm]) -> bool:
    """Whether the layers are trained in training mode as well, so that this is a second phase."""
    wanted = {_layer(norm) for norm in norms}
    return any(
        _layer(norm) in wanted and written_at(norm) is None and trains(jax, use, norm)
        for use in jax.model_uses
        if use.purpose == TRAINED
        for norm in use.norms
    )


def _inference(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """A call outside of any gradient in training mode."""
    on = [norm for norm in use.norms if trains(jax, use, norm)]
    if not on or not _is_inference(jax, use):
        return
    norm = on[0]
    lost = _not_handed_on(use, norm, training=True) or left_field(norm, training=True)
    written = written_at(norm)
    place = _place(jax, use)
    # What an nnx layer is told in its call goes before what train() and eval() have set.
    told = use.library == LINEN or (use.library == NNX and is_told_in_call(norm))
    if lost is not None:
        yield _lost(lost, use)
    elif told and written is not None and not is_written_both_ways(norm, written):
        if stands_in_branch(norm.call):
            return
        place = written.place
        facts = {"argument": _argument(norm), "value": False}
        yield Sighting("SN201", "jax", place, subject_of(norm.made), "layer", facts=facts, related=(use.place,))
        return
    elif told:
        yield _told("SN201", jax, use, norm)
    else:
        how = "mode" if use.library == NNX else "inference_mode"
        facts, related = _way_in(use, place)
        yield Sighting("SN201", "jax", place, name_of_model(use), how, facts=facts, related=related)
    if lost is None and _moves(jax, use) and _goes_on(jax, use):
        yield Sighting("SN107", "jax", place, name_of_model(use))


def _moves(jax: JaxRun, use: Use) -> bool:
    """Whether the statistics that a call moves are those that go on."""
    if use.library != NNX:
        return jax.keeps_state(use)
    contexts = [block.context for block in use.norms[0].call.within if isinstance(block, With)]
    merged = any(isinstance(each, Product) and each.call.name == "flax.nnx.merge" for each in contexts)
    return not merged


def _goes_on(jax: JaxRun, use: Use) -> bool:
    """Whether the network is trained on after an evaluation."""
    wanted = {_layer(norm) for norm in use.norms}
    loops = [block for block in use.outside if isinstance(block, Loop)]
    for other in jax.model_uses:
        later = other.index > use.index or any(loop in other.outside for loop in loops)
        if later and other.purpose == TRAINED and wanted & {_layer(norm) for norm in other.norms}:
            return True
    return False


def _layer(norm: Norm) -> object:
    """What tells a layer from others: linen's are made in each call, and known by their place."""
    return norm.made.place if norm.made.name.startswith("flax.linen.") else norm.made


def _is_inference(jax: JaxRun, use: Use) -> bool:
    """Whether what a call gives is wanted for itself, and in no training step."""
    call = use.call
    result = use.norms[-1].output if call is None or call.result is None else call.result
    if (call is not None and call.dropped) or _is_trial(jax, use):
        return False
    purpose = purpose_of_place(use.outside)
    if purpose == TRAINING:
        return False
    after = [each for value in _outputs(result) for each in jax.uses.after(value) if use.block not in each.within]
    if any(any(is_gradient(block) for block in each.within) for each in after):
        return False
    if jax.run.kind == "script":
        kept = any(jax.uses.is_kept(value) for value in _outputs(result))
        return bool(after) or kept or purpose == EVALUATION
    return purpose == EVALUATION or any(each.name in _SINKS or each.name.startswith("numpy.") for each in after)


def _outputs(result: Value) -> tuple[Value, ...]:
    """The results of a call without its new state."""
    return result.items[:1] if isinstance(result, Items) and result.items else (result,)


def _is_trial(jax: JaxRun, use: Use) -> bool:
    """Whether a network is only tried out: on an array of ones, or on noise before any training."""
    first = use.data[:1]
    made = [value.call.name for value in behind(*first) if isinstance(value, Product)]
    words = [name.rpartition(".")[2] for name in made]
    if any(word in _BLANK for word in words):
        return True
    if any(word in _DRAWN and name.startswith(_RANDOM) for word, name in zip(words, made, strict=True)):
        return not any(other.purpose == TRAINED and other.index < use.index for other in jax.model_uses) and not any(
            restore.index < use.index for restore in jax.restores
        )
    return False


def _place(jax: JaxRun, use: Use) -> Place:
    others = [other for other in jax.model_uses if other.purpose != use.purpose]
    return jax.place_of(use, tuple(others))


def _way_in(use: Use, place: Place) -> tuple[dict[str, object], tuple[Place, ...]]:
    """What a fix has to know of a place that is not the network's own call, and what belongs to it."""
    node = None if use.call is None else use.call.node
    if place == use.place:
        return {}, ()
    return {"inner": str(use.place), "calls": "" if node is None else ast.unparse(node.func)}, (use.place,)


def _told(code: str, jax: JaxRun, use: Use, norm: Norm) -> Sighting:
    """What the call of a Flax network says about the mode, or leaves to a default."""
    training = code == "SN201"
    found = next(
        (each for each in parameters(use, norm) if each.frame is use.frame and each.training is training), None
    )
    stored = field_of(use.model)
    name, value, given = _argument(norm), not training, True
    if found is not None:
        name, value, given = found.name, found.value, found.given
    elif stored is not None:
        name, value = stored
    place = _place(jax, use)
    facts: dict[str, object] = {"argument": name, "value": value, "right": not value}
    # Flax nnx keeps the statistics in the network; linen gives new ones, for which it must be asked.
    if use.library == LINEN:
        asked = " and mutable=['batch_stats'] here, and keep the new statistics"
        facts["keeping"] = asked if training is False else " here, without mutable=['batch_stats']"
    else:
        facts |= {"keeping": " here", "in_place": place == use.place}
    how = "constant" if given else "default"
    return Sighting(code, "jax", place, name_of_model(use), how, facts=facts)


def _not_handed_on(use: Use, norm: Norm, training: bool) -> tuple[Parameter, Parameter] | None:
    """The parameter that is left to its default, and the one around it that says otherwise."""
    told: Parameter | None = None
    for each in parameters(use, norm):
        if not each.given and each.training is training and told is not None:
            return each, told
        told = each if each.training is not training else told
    return None


def _lost(lost: tuple[Parameter, Parameter] | LeftField, use: Use) -> Sighting:
    if isinstance(lost, LeftField):
        return _field_lost(lost)
    left, told = lost
    receiver = left.frame.receiver
    subject = receiver.of.name if isinstance(receiver, Instance) else left.frame.function.name
    facts = {"argument": left.name, "value": left.value, "parameter": _expression(left, told)}
    place = left.frame.place or use.place
    return Sighting("SN205", "jax", place, subject, "inner", facts=facts)


def _field_lost(lost: LeftField) -> Sighting:
    same = trains_if(lost.name, True) is trains_if(lost.outer.rpartition(".")[2], True)
    parameter = lost.outer if same else f"not {lost.outer}"
    facts = {"argument": lost.name, "value": lost.value, "parameter": parameter}
    subject = lost.made.name.rpartition(".")[2]
    return Sighting("SN205", "jax", lost.made.place, subject, "field", facts=facts)


def _expression(left: Parameter, told: Parameter) -> str:
    same = (left.value is left.training) is (told.value is told.training)
    return told.name if same else f"not {told.name}"


def _argument(norm: Norm) -> str:
    return "inference" if norm.made.name.startswith("equinox.") else "use_running_average"


def _handed(norm: Norm) -> str:
    return "inference=not train" if norm.made.name.startswith("equinox.") else "use_running_average=not train"


def _left_in_inference(jax: JaxRun) -> Iterator[Sighting]:
    """A name that a loop binds to the inference mode of its model, and trains in its next iteration."""
    for carry, call in rebound(jax):
        loops = [block for block in carry.within if isinstance(block, Loop)]
        wanted = set(jax.norms(carry.after))
        for use in jax.model_uses:
            trained = use.purpose == TRAINED and wanted & {norm.made for norm in use.norms}
            if trained and use.index < call.index and loops and loops[-1] in use.outside:
                subject = carry.name
                yield Sighting("SN203", "jax", call.place, subject, "inference_mode", related=(use.place,))
                break


def _unfrozen(jax: JaxRun) -> Iterator[Sighting]:
    """Layers whose inference mode is meant to freeze them, and is undone before the training."""
    for use in jax.model_uses:
        if use.purpose not in (TRAINED, OTHER):
            continue
        for norm in use.norms:
            if use.library == NNX:
                yield from _unfrozen_nnx(jax, norm)
            elif use.library == EQUINOX:
                found = list(equinox_switches(norm))
                if len(found) > 1 and found[0][1] and not found[1][1] and found[1][0].name == "equinox.tree_at":
                    undone = found[0][0].place
                    facts, subject = {"line": undone.line}, subject_of(norm.made)
                    place, related = found[1][0].place, (undone,)
                    yield Sighting("SN603", "jax", place, subject, "eval", facts=facts, related=related)


def _unfrozen_nnx(jax: JaxRun, norm: Norm) -> Iterator[Sighting]:
    states = list(states_of(jax, norm))
    if not states or not all(state.switch is not None and state.switch.training for state in states):
        return
    last = states[0].switch
    assert last is not None
    for switch in reversed(switches(jax, norm.made)):
        call = switch.call
        if switch.training or call.index > last.call.index or call.receiver is last.call.receiver:
            continue
        part = set(jax.norms(call.receiver)) <= set(jax.norms(last.call.receiver))
        if part and not any(call.index < other.index < last.call.index for other in jax.model_uses):
            subject = _receiver(jax, call)
            facts, related = {"line": last.call.place.line}, (last.call.place,)
            yield Sighting("SN603", "jax", call.place, subject, "eval", facts=facts, related=related)
            return
