"""SN5 for layers that are objects: what stands around a normalization layer, its axis, its momentum and its scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.layers.axes import wrong_axis
from steadynorm.source.layers.channels import keeps_channels
from steadynorm.source.layers.graph import LayerGraph, Norm, Step, is_building
from steadynorm.source.layers.words import has_bias, made_by
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Known, constant_number, constant_text

_PASSED_BY_DROPOUT = ("activation", "reshape", "pooling")
_SCALE_MATTERS = ("sigmoid", "tanh", "softmax")
_MOMENTUM = {"keras": 1, "flax.linen": 2, "flax.nnx": None, "equinox": None}


def look_around(graph: LayerGraph) -> Iterator[Sighting]:
    """Everything about the places of the layers of a run."""
    for made in graph.made:
        yield from _momentum(made)
    uses = [norm for norm in graph.norms if not is_building(norm.call)] or graph.norms
    yield from _biases(graph, uses)
    yield from _everywhere(uses, lambda norm: _saturated(graph, norm))
    yield from _everywhere(uses, lambda norm: _unscaled(graph, norm))
    for norm in uses:
        yield from _dropout(graph, norm)
        yield from wrong_axis(graph, norm)


def _everywhere(uses: list[Norm], question: Callable[[Norm], Sighting | None]) -> Iterator[Sighting]:
    """What holds for all uses of the layers that are made in one place: a helper builds them for several purposes."""
    by_place: dict[Place, list[Sighting | None]] = defaultdict(list)
    for norm in uses:
        by_place[norm.made.place].append(question(norm))
    for answers in by_place.values():
        if answers[0] is not None and None not in answers:
            yield answers[0]


def _momentum(made: Call) -> Iterator[Sighting]:
    library = next(name for name in _MOMENTUM if made.name.startswith(name))
    given, epsilon = made.argument(_MOMENTUM[library], "momentum"), made.argument(None, "epsilon")
    if isinstance(given, Known) and isinstance(given.value, float):
        facts = {"momentum": given.value, "is_epsilon": given == epsilon}
        yield Sighting("SN510", framework_of(made), made.place, subject_of(made), facts=facts)


def _biases(graph: LayerGraph, uses: list[Norm]) -> Iterator[Sighting]:
    """Layers with a bias that nobody but a normalization layer reads, wherever a layer of that place stands."""
    found: dict[Place, Sighting] = {}
    needed: set[Place] = set()
    normalized = {step.call.index for norm in uses if (step := _producer(graph, norm)) is not None}
    for norm in uses:
        step = _producer(graph, norm)
        if step is not None and step.made is not None and has_bias(step.made):
            facts = {"normalization": subject_of(norm.made)}
            related = (norm.made.place,)
            place = step.made.place
            found[place] = Sighting("SN501", norm.framework, place, subject_of(step.made), facts=facts, related=related)
    for call in graph.run.calls():
        made = made_by(call)
        if made is not None and made.place in found and call.index not in normalized and not is_building(call):
            needed.add(made.place)
    yield from (each for place, each in found.items() if place not in needed)


def _producer(graph: LayerGraph, norm: Norm) -> Step | None:
    """The layer right before, if its whole result goes to this one."""
    reshaped: list[Call] = []
    for step in graph.before(norm.input):
        readers = [] if step.call.result is None else graph.readers(step.call.result)
        if len(readers) != 1 or readers[0].kind == "arithmetic":
            return None
        if step.kind == "reshape":
            reshaped.append(step.call)
            continue
        kept = all(keeps_channels(each, step.made or step.call) for each in reshaped)
        return step if step.kind in ("convolution", "linear") and kept else None
    return None


def _saturated(graph: LayerGraph, norm: Norm) -> Sighting | None:
    following = graph.after(norm.output)
    kinds = {step.kind for step in following}
    if not kinds or not kinds <= {"sigmoid", "tanh"}:
        return None
    facts = {"activation": min(kinds)}
    related = tuple(step.call.place for step in following)
    return Sighting("SN502", norm.framework, norm.made.place, subject_of(norm.made), facts=facts, related=related)


def _unscaled(graph: LayerGraph, norm: Norm) -> Sighting | None:
    scale, center = (norm.made.argument(None, *names) for names in (("scale", "use_scale"), ("center", "use_bias")))
    if scale != Known(False) or center not in (None, Known(True)):
        return None
    following = graph.after(norm.output)
    kinds = {step.kind for step in following}
    if not kinds or not kinds <= set(_SCALE_MATTERS):
        return None
    facts = {"reader": min(kinds)}
    return Sighting("SN508", norm.framework, norm.made.place, subject_of(norm.made), facts=facts)


def _dropout(graph: LayerGraph, norm: Norm) -> Iterator[Sighting]:
    for step in graph.before(norm.input):
        if step.kind == "dropout":
            rate = None if step.made is None else step.made.argument(0, "rate", "p")
            if rate == Known(0) or rate == Known(0.0):
                return
            facts = {"dropout": subject_of(step.made or step.call), "rate": constant_number(rate)}
            place = norm.made.place
            related = ((step.made or step.call).place,)
            yield Sighting("SN507", norm.framework, place, subject_of(norm.made), facts=facts, related=related)
            return
        if step.kind not in _PASSED_BY_DROPOUT:
            return


def subject_of(made: Call) -> str:
    """What a layer's author calls it: its name if it is given one, else its class."""
    name = constant_text(made.keywords.get("name"))
    return made.name.rpartition(".")[2] if name is None else name


def framework_of(made: Call) -> str:
    """The framework whose program a layer belongs to."""
    return "keras" if made.name.startswith("keras.") else "jax"
