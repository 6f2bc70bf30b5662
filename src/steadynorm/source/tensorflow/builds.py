"""SN206 and SN4 in TensorFlow 1: networks that are built twice, with variables of their own or with shared ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import Product, Value
from steadynorm.source.tensorflow.flags import contradict
from steadynorm.source.tensorflow.inputs import differ, making
from steadynorm.source.tensorflow.mode import Source
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates
from steadynorm.source.tensorflow.runs import Session, Step
from steadynorm.source.tensorflow.scopes import contexts, exclusive, scope_around, scopes_around
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import names_of, trains
from steadynorm.source.tensorflow.words import short
from steadynorm.source.tensorflow.world import World


def shared(world: World, one: Norm, other: Norm) -> bool | None:
    """Whether two applications from one place of the source have the same variables; `None` if that is not known."""
    if one.call.index > other.call.index:
        one, other = other, one
    if one.layer is not None or other.layer is not None:
        return one.layer is other.layer
    if one.kind is Kind.HAND:
        return _shares_by_hand(one, other)
    if one.kind is Kind.FUSED:
        return None
    names = names_of(one), names_of(other)
    if None not in names and names[0] != names[1]:
        return False
    if None in (one.scoping.text, other.scoping.text) and not _in_scopes_alike(one.call, other.call):
        return None
    if not one.name and not other.name and _turn(world, one) != _turn(world, other):
        return False  # in one scope layers without names get names of their own
    reused = {other.scoping.reused, other.reuse}
    if True in reused or None in reused or _reuses_variables(world, other):
        return True if None not in reused else None
    return False


def _in_scopes_alike(one: Call, other: Call) -> bool:
    """Whether two calls stand in variable scopes of the same names, known or not."""
    mine, theirs = (
        [each if isinstance(each, str) else making(each) for each in scopes_around(call)] for call in (one, other)
    )
    return mine == theirs


def _turn(world: World, norm: Norm) -> int:
    """How many layers of its kind without a name stand before a layer in its scope.

    TensorFlow numbers them so, anew each time that a scope is entered.
    """
    block = scope_around(norm.call)
    before = (each for each in world.norms if each.call.index < norm.call.index and each.kind is norm.kind)
    return sum(scope_around(each.call) is block for each in before if not each.name)


def _shares_by_hand(one: Norm, other: Norm) -> bool | None:
    mine, theirs = (_variables(each.variables) for each in (one, other))
    if not mine or not theirs:
        return None
    if {call.index for call in mine} & {call.index for call in theirs}:
        return True
    made = {short(call.name) for call in (*mine, *theirs)}
    if made == {"tensorflow.Variable"}:
        return False
    if made <= {"tensorflow.Variable", "tensorflow.get_variable"}:
        return None if other.scoping.reused is not False else False
    return None


def _variables(values: Iterable[Value]) -> list[Call]:
    """The calls that made variables; of averages those of what is averaged."""
    found: list[Call] = []
    for value in values:
        if isinstance(value, Product) and value.call.name == ".average":
            found += _variables(value.call.arguments)
        elif isinstance(value, Product):
            found.append(value.call)
    return found


def _reuses_variables(world: World, other: Norm) -> bool:
    """Whether a scope was told to share between two applications."""
    return any(
        call.name in (".reuse_variables", "tensorflow.make_template") and call.index < other.call.index
        for call in world.run.calls()
    )


def second_call(one: Norm, other: Norm) -> Place | None:
    """The call through which the second application came about: the outermost that the first has not."""
    first = [frame.place for frame in one.call.stack]
    second = [frame.place for frame in other.call.stack]
    for index, place in enumerate(second):
        if place is not None and (index >= len(first) or first[index] != place):
            return place
    return other.place if one.place != other.place else None


def built_twice(world: World) -> Iterator[Sighting]:
    """A second build for inference with variables that training never writes."""
    for predicting in world.norms:
        if not _is_inference_build(world, predicting):
            continue
        graph = world.reach.graph(predicting.call)
        trained = [
            each
            for each in world.norms
            if _is_train_build(world, each)
            and _is_one_layer(each, predicting)
            and world.reach.graph(each.call) == graph
            and not exclusive(each.call, predicting.call)
        ]
        place = _second_of(trained[0], predicting) if trained else None
        if place is not None and all(shared(world, each, predicting) is False for each in trained):
            yield seen(
                "SN206",
                place,
                predicting.subject,
                "variables" if predicting.kind is Kind.HAND else "scope",
                related=(trained[0].place,),
                first=trained[0].place,
                paths=[trained[0].scoping.text, predicting.scoping.text],
            )


def _second_of(one: Norm, other: Norm) -> Place | None:
    first, second = sorted((one, other), key=lambda norm: norm.call.index)
    return second_call(first, second)


def _is_one_layer(one: Norm, other: Norm) -> bool:
    """Whether two applications are one layer of the source: one written by hand may have a formula for each mode."""
    if one.place == other.place:
        return True
    frames = [norm.call.stack[-1].function.node if norm.call.stack else None for norm in (one, other)]
    return one.kind is other.kind is Kind.HAND and frames[0] is not None and frames[0] is frames[1]


def _is_train_build(world: World, norm: Norm) -> bool:
    return (
        norm.mode.fixed and norm.mode.source is Source.FIXED and any(norm.call in s.data for s in world.trained_steps)
    )


def _is_inference_build(world: World, norm: Norm) -> bool:
    """Whether a build in inference mode is run and never trained, nor filled by a restore or by assignments."""
    if norm.mode.source is not Source.FIXED or norm.mode.fixed:
        return False
    if any(norm.call in step.data for step in world.steps):
        return False
    if any(call.name == ".restore" for call in world.restores) or _is_copied(world):
        return False
    return any(norm.call in each.reached for each in world.sessions if not world.is_training(each))


def _is_copied(world: World) -> bool:
    """Whether variables are assigned to others, as weights are to those of a second network."""
    return any(
        short(call.name) in ("tensorflow.assign",) or call.name in (".assign", ".load") for call in world.run.calls()
    ) and not any(norm.assignments for norm in world.norms)


def several_inputs(world: World) -> Iterator[Sighting]:
    """One layer's averages, moved by the moments of different inputs."""
    found: set[Place] = set()
    for one, other in combinations(world.norms, 2):
        if (
            one.place != other.place
            or exclusive(one.call, other.call)
            or not (_trains_by_batch(world, one) and _trains_by_batch(world, other))
        ):
            continue
        place = second_call(one, other)
        if place is None or place in found or shared(world, one, other) is not True:
            continue
        if _both_move(world, one, other) and differ(world, one, other):
            found.add(place)
            yield seen(
                "SN401",
                place,
                one.subject,
                "reused",
                Certainty.LIKELY,
                "the moments of the layer's inputs: 'steadynorm diagnose' measures them",
                related=(second_call(other, one) or one.place, one.place),
                first=one.place,
                other=second_call(other, one) or one.place,
            )


def _trains_by_batch(world: World, norm: Norm) -> bool:
    if norm.stands_still or not norm.keeps_statistics:
        return False
    return any(world.mode_in(norm, each) is True and norm.call in each.reached for each in world.trainings)


def _both_move(world: World, one: Norm, other: Norm) -> bool:
    for each in world.trainings:
        moved = world.moved_by(each)
        if one in moved and other in moved:
            return True
    return False


def moved_by_others(world: World) -> Iterator[Sighting]:
    """Train steps that run the updates of a layer that another step trains."""
    pairs = _movements(world)
    apart = {
        frozenset((own.call.index, other.call.index)) for norm, own, other in pairs if _foreign(world, norm, own, other)
    }
    found: dict[Place, list[Norm]] = {}
    for norm, own, other in pairs:
        if frozenset((own.call.index, other.call.index)) in apart:
            found.setdefault(_hung_on(other), []).append(norm)
    for place, norms in found.items():
        yield seen(
            "SN403",
            place,
            norms[0].subject,
            "in place" if all(norm.updates is Updates.IN_PLACE for norm in norms) else "collected",
            related=tuple(dict.fromkeys(norm.place for norm in norms)),
            layers=len({norm.call.index for norm in norms}),
            first=norms[0].place,
        )


def _movements(world: World) -> list[tuple[Norm, Step, Step]]:
    steps = world.trained_steps
    if len(steps) < 2 or any(len(world.steps_in(each)) > 1 for each in world.trainings):
        return []
    found = []
    for norm in world.norms:
        if norm.stands_still or norm.updates not in (Updates.COLLECTED, Updates.IN_PLACE):
            continue
        own = [step for step in steps if norm.call in step.data and trains(step.variables, norm)]
        for session in world.trainings:
            for other in world.steps_in(session):
                if not own or other in own or _are_alternatives(norm.call, other.call):
                    continue
                if norm in world.moved_by(session) and _alone(world, session, norm, other):
                    found += [(norm, one, other) for one in own if not _are_alternatives(one.call, other.call)]
    return found


def _alone(world: World, session: Session, norm: Norm, step: Step) -> bool:
    """Whether it is the step itself that runs the updates, not something fetched beside it."""
    return world.moves(world.reach.of(step.call.result, whole=True), norm) and world.may_train(norm, session)


def _are_alternatives(one: Call, other: Call) -> bool:
    """Whether two calls are never made in one run of the program."""
    return exclusive(one, other) or contradict(one, other)


def _foreign(world: World, norm: Norm, own: Step, other: Step) -> bool:
    """Whether a step moves a layer by other data than the one that trains it."""
    if norm.call not in other.data:
        return True
    twins = [each for each in world.norms if each.place == norm.place and shared(world, norm, each) is True]
    return any(each.call in own.data and each.call not in other.data for each in twins)


def _hung_on(step: Step) -> Place:
    """The control_dependencies around a step, else the step."""
    for context in contexts(step.call):
        if context.name == "tensorflow.control_dependencies":
            return context.place
    return step.call.place
