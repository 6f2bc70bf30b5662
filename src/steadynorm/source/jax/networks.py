"""SN208, SN4 and SN601 in JAX: networks that share a step, parts that are frozen, and parts that nobody knows of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.data_roots import differ, roots
from steadynorm.source.jax.calls import OTHER, PLAIN, TRAINED, JaxRun, Use, name_of_model
from steadynorm.source.jax.mode import trains
from steadynorm.source.jax.words import EQUINOX, LINEN, NNX, is_gradient, library_of
from steadynorm.source.layers.graph import Norm
from steadynorm.source.layers.sizes import times_around
from steadynorm.source.symbolic.derived import original
from steadynorm.source.symbolic.flow import behind, held, inside
from steadynorm.source.symbolic.trace import Assign, Call, Frame, Loop, With
from steadynorm.source.symbolic.values import Instance, Known, Product, Value
from steadynorm.source.symbolic.vocabulary import LISTS

_OPTIMIZERS = ("flax.nnx.Optimizer", "flax.nnx.optimizer.Optimizer", "flax.nnx.ModelAndOptimizer")
_BASES = {NNX: "nnx.Module", EQUINOX: "eqx.Module", LINEN: "nn.Module"}
_FREEZING = ("optax.multi_transform", "optax.transforms.partition", "optax.partition")
_STOPPED = ("jax.lax.stop_gradient",)


def look_at_networks(jax: JaxRun) -> Iterator[Sighting]:
    """What several networks, or parts of one, do to each other."""
    moving = [use for use in jax.model_uses if any(trains(jax, use, norm) for norm in use.norms)]
    trained = [use for use in moving if use.purpose == TRAINED]
    yield from _several_inputs(jax, trained)
    for use in moving:
        if use.purpose in (PLAIN, OTHER):
            yield from _in_other_step(jax, use, trained)
        if use.purpose == OTHER:
            yield from _left_out(jax, use)
    for use in trained:
        yield from _stopped(jax, use)
        yield from _not_updated(jax, use)
    yield from _plain_parts(jax)


def _several_inputs(jax: JaxRun, trained: list[Use]) -> Iterator[Sighting]:
    """One network under one gradient on data of two origins."""
    for index, second in enumerate(trained):
        for first in trained[:index]:
            if first.gradient is not second.gradient or _network(first) is not _network(second):
                continue
            if not first.data or not second.data:
                continue
            origins = [roots(each.data[0]) for each in (first, second)]
            if origins[0] and origins[1] and differ(origins[0], origins[1]):
                names = [jax.run.named.get(each.data[0]) for each in (first, second)]
                facts = {
                    "first": f"'{names[0]}'" if names[0] else "one input",
                    "second": f"'{names[1]}'" if names[1] else "another one",
                }
                place, related = jax.place_of(second, (first,)), (jax.place_of(first, (second,)),)
                yield Sighting("SN401", "jax", place, name_of_model(second), "inputs", facts=facts, related=related)
                break


def _network(use: Use) -> Value:
    return original(use.model)


def _in_other_step(jax: JaxRun, use: Use, trained: list[Use]) -> Iterator[Sighting]:
    """A network whose statistics a step moves that trains others."""
    own = [other for other in trained if _network(other) is _network(use) and other.gradient is not use.gradient]
    if not own or not jax.keeps_state(use) or not _feeds_gradient(jax, use):
        return
    if any(isinstance(block, With) and _is_merged(block) for block in use.norms[0].call.within):
        return
    shared = {id(block) for block in own[0].outside if isinstance(block, Loop)}
    counts = [_count(block) for block in use.outside if isinstance(block, Loop) and id(block) not in shared]
    times = prod(each for each in counts if each is not None) * sum(_is_same(other, use) for other in jax.model_uses)
    if times < 2 and None not in counts:
        return
    facts = {"trained": _trained(jax, use), "times": int(times) if None not in counts and times > 1 else "several"}
    place = jax.place_of(use, tuple(own))
    how = "mode" if use.library == NNX else "step"
    yield Sighting("SN403", "jax", place, name_of_model(use), how, facts=facts, related=(own[0].place,))


def _is_same(other: Use, use: Use) -> bool:
    """Whether two calls are one place in the source, in iterations that were gone through one by one."""
    return other.path == use.path and other.purpose == use.purpose


def _count(loop: Loop) -> float | None:
    call = Call(0, loop.over, "", None, (), {}, False, loop.place, (loop,))
    return times_around(call)


def _is_merged(block: With) -> bool:
    return isinstance(block.context, Product) and block.context.call.name == "flax.nnx.merge"


def _feeds_gradient(jax: JaxRun, use: Use) -> bool:
    """Whether what a network gives is used in a gradient, of which its own parameters are no part."""
    if use.purpose == OTHER:
        return True
    result = use.norms[-1].output if use.call is None or use.call.result is None else use.call.result
    first = getattr(result, "items", (result,))[:1]
    after = [each for value in first for each in jax.uses.after(value)]
    return any(is_gradient(block) for each in after for block in each.within)


def _trained(jax: JaxRun, use: Use) -> str:
    """The network that the step trains: the innermost function around a use that takes a gradient is the step."""
    for block in reversed(use.outside):
        if not isinstance(block, Frame):
            continue
        inside_gradient = [
            call for call in jax.run.calls() if block in call.within and any(map(is_gradient, call.within))
        ]
        for call in inside_gradient:
            callee = call.receiver if call.name == ".apply" else call.callee
            model = None if callee is None else original(callee)
            if isinstance(model, Instance) and model is not _network(use):
                return model.of.name
            if isinstance(model, Product) and library_of(model.call.name) and model in jax.run.named:
                return jax.run.named[model]
        if inside_gradient:
            return block.function.name
    return "another network"


def _left_out(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """A pretrained network beside the one that the optimizer has."""
    if use.library != NNX or not jax.restores:
        return
    if any(other.purpose == TRAINED and _network(other) is _network(use) for other in jax.model_uses):
        return
    wanted = jax.differentiated(use)
    for call in jax.run.calls():
        if call.name not in _OPTIMIZERS or not call.arguments or wanted is None:
            continue
        if any(original(call.arguments[0]) is original(each) for each in wanted):
            facts, related = {"way": "model.eval()"}, (use.place,)
            yield Sighting("SN601", "jax", call.place, name_of_model(use), "optimizer", facts=facts, related=related)
            return


def _stopped(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """Parts of a network behind which the gradient is stopped, that run in training mode."""
    for call in jax.run.calls():
        if call.name not in _STOPPED or use.block not in call.within or not call.arguments:
            continue
        led = {id(value) for value in behind(call.arguments[0])}
        norms = [norm for norm in use.norms if id(norm.output) in led or id(norm.call.result) in led]
        moving = [norm for norm in norms if trains(jax, use, norm)]
        if moving and all(_ends_in(jax, norm, call) for norm in norms):
            yield Sighting(
                "SN601", "jax", call.place, _part(moving[0], use), "stopped", related=(moving[0].made.place,)
            )
            return


def _ends_in(jax: JaxRun, norm: Norm, stop: Call) -> bool:
    """Whether everything that a layer gives goes through the call."""
    pending: list[Call] = list(jax.uses.of(norm.output))
    seen: set[int] = set()
    for call in pending:
        if call is stop or id(call) in seen:
            continue
        seen.add(id(call))
        if call.index > stop.index:
            return False
        if call.result is not None:
            pending.extend(jax.uses.of(call.result))
    return True


def _part(norm: Norm, use: Use) -> str:
    """The part of a network that a layer is in."""
    inner = [frame.receiver for frame in norm.call.stack]
    names = [each.of.name for each in inner if isinstance(each, Instance) and each is not use.model]
    return names[-1] if names else name_of_model(use)


def _not_updated(jax: JaxRun, use: Use) -> Iterator[Sighting]:
    """Parts of a network whose parameters an optimizer does not update, by their names."""
    for call in jax.run.calls():
        if call.name not in _FREEZING or not _freezes(call):
            continue
        labels = call.argument(1, "param_labels")
        words = {value.value for value in behind(*(() if labels is None else (labels,))) if isinstance(value, Known)}
        words |= _words(labels)
        for norm in use.norms:
            if trains(jax, use, norm) and words & _names(norm):
                facts, related = {"way": "train=False"}, (norm.made.place,)
                yield Sighting("SN601", "jax", call.place, _part(norm, use), "optimizer", facts=facts, related=related)
                return


def _freezes(call: Call) -> bool:
    return any(isinstance(v, Product) and v.call.name == "optax.set_to_zero" for v in inside(*call.arguments[:1]))


def _words(labels: Value | None) -> set[object]:
    """The strings that the function which gives the labels compares with."""
    found: set[object] = set()
    for value in behind(*(() if labels is None else (labels,))):
        if isinstance(value, Product):
            node = value.call.node
            for block in () if node is None else _strings(node):
                found.add(block)
    return found


def _strings(node: object) -> Iterator[str]:
    assert isinstance(node, ast.AST)
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def _names(norm: Norm) -> set[object]:
    """What the parts of a network around a layer are called among its parameters."""
    found: set[object] = set()
    for frame in norm.call.stack:
        if isinstance(frame.receiver, Instance) and frame.receiver.created is not None:
            given = frame.receiver.created.keywords.get("name")
            if isinstance(given, Known):
                found.add(given.value)
    return found


def _plain_parts(jax: JaxRun) -> Iterator[Sighting]:
    """Parts of a network whose class is none of the library's, by themselves or in lists and tables."""
    told: set[tuple[Place, str]] = set()
    for event in jax.run.events:
        if not isinstance(event, Assign) or not isinstance(event.target, Instance):
            continue
        library = next((each for base in event.target.of.external_bases() if (each := library_of(base))), None)
        if library is None or library == LINEN:
            continue
        for part in _parts(event.value):
            spot = event.place, part.of.name
            if spot in told or not _is_plain(part) or not jax.norms(part):
                continue
            told.add(spot)
            whose = f"its class '{part.of.name}'" if part is event.value else f"the class '{part.of.name}' in it"
            facts = {"holder": f"{whose} is no {_BASES[library]}", "base": _BASES[library]}
            place = part.place or event.place
            yield Sighting("SN208", "jax", place, f"self.{event.name}", "class", facts=facts, related=(event.place,))


def _parts(value: Value) -> Iterator[Instance]:
    """The objects that an attribute is: itself, or the members of a list or table, which may be the library's own."""
    if isinstance(value, Instance):
        yield value
    members = value.call.arguments if isinstance(value, Product) and value.call.name in LISTS else held(value)
    for each in members:
        yield from _parts(each)


def _is_plain(part: Instance) -> bool:
    """Whether the class of an object is all in the project, and derived from nothing outside of it."""
    outside = [each for each in part.of.external_bases() if each not in ("builtins.object", "abc.ABC")]
    return part.of.whole and not outside and not part.of.decorators
