"""SN1 in TensorFlow 1: updates that no train step runs, are read too early, are missing, or run in an evaluation."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Block, Call, Callback
from steadynorm.source.symbolic.values import Parameter, Product, Value
from steadynorm.source.tensorflow.apart import of_others, scope_of
from steadynorm.source.tensorflow.builds import shared
from steadynorm.source.tensorflow.by_hand import over_batch
from steadynorm.source.tensorflow.counting import how_many
from steadynorm.source.tensorflow.flags import asks_options, holds_at
from steadynorm.source.tensorflow.mode import Source
from steadynorm.source.tensorflow.norms import Kind, Norm, Updates, places_of, written
from steadynorm.source.tensorflow.rows import acts_on_one_row
from steadynorm.source.tensorflow.runs import APPLY, Session, Step
from steadynorm.source.tensorflow.scopes import control_inputs
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import names_of, trains
from steadynorm.source.tensorflow.words import LAYERS, op_name, short
from steadynorm.source.tensorflow.world import World

_LONGEST = 55
"""Characters of a statement that a remedy shows in a line of 80."""
_ASKED = "whether the option of the command line that decides the mode of the layers is set to train where this runs"
_INITIAL = "inference normalizes by their initial values"
_ALWAYS_BY_BATCH = "they keep their initial values, which a network that is built for inference normalizes by"
_OURS = ("tensorflow.", "slim.", "keras.", "builtins.", "numpy.", "functools.", "itertools.", "horovod.", "six.")


def updates(world: World) -> Iterator[Sighting]:
    """Layers that are trained in training mode and whose averages nothing moves."""
    if not world.run.whole:
        return
    moved = {id(norm) for session in world.sessions for norm in world.moved_by(session)}
    stuck = [norm for norm in world.norms if _wants_updates(norm) and id(norm) not in moved]
    stuck = [norm for norm in stuck if not _may_be_moved(world, norm) and not _moves_elsewhere(world, norm, moved)]
    by_hand = [norm for norm in stuck if norm.updates is Updates.BY_HAND]
    yield from _dropped(world, by_hand)
    for step in world.trained_steps:
        sessions = [each for each in world.sessions if step.call in each.reached]
        mine = [norm for norm in stuck if norm not in by_hand and _belongs(world, step, norm)]
        asked = [norm for norm in mine if _is_asked(world, norm, step, sessions)]
        mine = [norm for norm in mine if _is_trained(world, norm, step, sessions)]
        if any(_is_lost(step, session) for session in sessions):
            continue
        if mine:
            yield from _of_step(world, step, sessions, mine)
        elif asked:
            yield from _of_step(world, step, sessions, asked, _ASKED)


def _wants_updates(norm: Norm) -> bool:
    if norm.stands_still or norm.updates not in (Updates.COLLECTED, Updates.LAYER, Updates.BY_HAND):
        return False
    if norm.updates is Updates.BY_HAND and not norm.assignments:
        return False
    # A layer of Keras that is never told its mode is in inference, which is another mistake.
    return not (norm.mode.source is Source.FIXED and not norm.mode.fixed)


def _is_trained(world: World, norm: Norm, step: Step, sessions: list[Session]) -> bool:
    modes = {world.mode_in(norm, session) for session in sessions}
    if True in modes or (None in modes and norm.mode.source in (Source.FED, Source.ESTIMATOR)):
        return True
    return None in modes and any(_flag_says(norm, step, session) is True for session in sessions)


def _is_asked(world: World, norm: Norm, step: Step, sessions: list[Session]) -> bool:
    """Whether options of the command line decide the mode of a layer, and nothing around the step asks for them."""
    if not asks_options(norm.given):
        return False
    return any(world.mode_in(norm, session) is None and _flag_says(norm, step, session) is None for session in sessions)


def _flag_says(norm: Norm, step: Step, session: Session) -> bool | None:
    """Whether a layer whose mode options decide is in training mode, by the conditions that a step is run under."""
    if norm.given is None or norm.mode.source is not Source.UNKNOWN or not asks_options(norm.given):
        return None
    return holds_at(norm.given, (session.call, step.call))


def _belongs(world: World, step: Step, norm: Norm) -> bool:
    """Whether a step trains a layer; one that others train for sure is theirs."""
    if norm.call not in step.data:
        return False
    own = trains(step.variables, norm)
    if own is not None:
        return own
    others = [each for each in world.trained_steps if each is not step and norm.call in each.data]
    return not any(trains(each.variables, norm) for each in others)


def _may_be_moved(world: World, norm: Norm) -> bool:
    """Whether something that is run reads a collection of which it is not known whether it holds the updates.

    What methods that the framework calls, as those of a hook, do with a collection that they read is not known either,
    nor what somebody does who runs the steps elsewhere.
    """
    if norm.updates is not Updates.COLLECTED:
        return False
    readers = world.reach.reading
    if not any(session.elsewhere for session in world.sessions):
        readers = [call for call in readers if any(_is_called_from_outside(each) for each in call.within)]
    if any(world.collects(call, norm) is not False for call in readers):
        return True
    return any(
        world.collects(call, norm) is None for session in world.sessions for call in world.collectors(session.reached)
    )


def _moves_elsewhere(world: World, norm: Norm, moved: set[int]) -> bool:
    """Whether the updates of another application of the same variables are run, as those of another replica."""
    for other in world.norms:
        if other is norm or id(other) not in moved or world.reach.graph(other.call) != world.reach.graph(norm.call):
            continue
        same = other.place == norm.place or names_of(other) == names_of(norm) is not None
        if same and shared(world, other, norm) is True:
            return True
    return False


def _is_called_from_outside(block: Block) -> bool:
    return isinstance(block, Callback) and block.call is None


def _is_lost(step: Step, session: Session) -> bool:
    """Whether something from outside of the project is run with a step, which may hold updates."""
    beside: list[Value] = [value for fetch in session.fetches for value in inside(fetch)]
    for call in session.reached.calls.values():
        if call not in step.data:
            beside += control_inputs(call)
    for value in inside(*beside):
        if isinstance(value, Parameter):
            return True
        if isinstance(value, Product) and _is_foreign(value.call) and value.call not in step.data:
            return True
    return False


def _is_foreign(call: Call) -> bool:
    if call.name.startswith("."):
        receiver = call.receiver
        while isinstance(receiver, Product) and receiver.call.name.startswith("."):
            receiver = receiver.call.receiver
        return not (isinstance(receiver, Product) and not _is_foreign(receiver.call))
    return bool(call.name) and not short(call.name).startswith((*_OURS, "contrib."))


def _of_step(
    world: World, step: Step, sessions: list[Session], stuck: list[Norm], settle: str | None = None
) -> Iterator[Sighting]:
    readers = {call.index: call for session in sessions for call in world.collectors(session.reached)}
    missed = [norm for norm in stuck if norm.updates is Updates.COLLECTED]
    for call in readers.values():
        if call in world.reach.reading and world.reach.key(call) in {norm.collection for norm in missed}:
            early = [norm for norm in missed if norm.call.index > call.index]
            yield seen(
                "SN102",
                call.place,
                missed[0].subject,
                "early" if early else "scope",
                Certainty.PROVEN if settle is None else Certainty.LIKELY,
                settle,
                related=(step.call.place, *places_of(missed)),
                layers=how_many(world, missed),
                first=missed[0].place,
                statement=_statement(world, step),
                name=world.run.named.get(call.result) if call.result is not None else None,
            )
            return
    if all(session.elsewhere for session in sessions):
        return  # whoever runs the step may fetch the collection beside it
    if world.run.kind == "class":
        settle = "whether the program that uses this class fetches the update operations beside its train step"
    how = "collection" if stuck[0].kind is Kind.KERAS else "apply" if step.kind is APPLY else step.kind
    others = of_others(world, step) if how in ("minimize", "apply") else []
    scope = scope_of(stuck, others) if others else None
    yield seen(
        "SN101",
        step.call.place,
        stuck[0].subject,
        how if not others else "apart" if scope is None else "scoped",
        Certainty.PROVEN if settle is None else Certainty.LIKELY,
        settle,
        related=places_of(stuck),
        layers=how_many(world, stuck),
        first=stuck[0].place,
        statement=_statement(world, step),
        scope=scope,
        kept=_ALWAYS_BY_BATCH if all(norm.mode.source is Source.FIXED for norm in stuck) else _INITIAL,
    )


def _statement(world: World, step: Step) -> str:
    """The line that trains, as far as it is short."""
    name = (world.run.named.get(step.call.result) if step.call.result is not None else None) or "train_op"
    written_out = "" if step.call.node is None else f"{name} = {ast.unparse(step.call.node)}"
    if 0 < len(written_out) <= _LONGEST:
        return written_out
    if name == "optimizer":
        name = "train_op"
    return f"{name} = optimizer.{'apply_gradients(gradients)' if step.kind is APPLY else 'minimize(loss)'}"


def _dropped(world: World, norms: list[Norm]) -> Iterator[Sighting]:
    """Averages by hand whose updates nothing runs, though the layer is trained."""
    for norm in norms:
        steps = [step for step in world.trained_steps if norm.call in step.data]
        sessions = [each for each in world.trainings if any(step.call in each.reached for step in steps)]
        if not steps or all(world.mode_in(norm, each) is False for each in sessions):
            continue
        if any(each.elsewhere for each in sessions) and not all(call.dropped for call in norm.assignments):
            continue  # what is kept may be fetched there
        if any(_is_lost(step, each) for step in steps for each in sessions):
            continue
        # The mean's update and the variance's are dropped together: one mistake.
        first, *others = sorted(norm.assignments, key=lambda call: call.index)
        yield seen(
            "SN101",
            first.place,
            norm.subject,
            "dropped",
            related=(norm.place, *(call.place for call in others), *(step.call.place for step in steps)),
            update=f"{written(first)}()",
            others="".join(f", and what the one in line {call.place.line} gives" for call in others[:1]),
            layers=1,
            first=norm.place,
        )


def moments_alone(world: World) -> Iterator[Sighting]:
    """Normalization by the moments of the batch, of which nothing is kept."""
    for norm in world.norms:
        if norm.keeps_statistics or not world.run.whole:
            continue
        if norm.mode.source is not Source.FIXED or not norm.mode.fixed or not _is_behind_weights(world, norm):
            continue
        if norm.moments is not None and over_batch(norm.moments) is None:
            # Over axes that are not known each sample may be normalized by itself.
            continue
        trained = any(norm.call in step.data for step in world.trained_steps)
        restored = bool(world.restores) and any(norm.call in each.reached for each in world.sessions)
        if trained or restored:
            yield seen("SN106", norm.place, norm.subject, "fused" if norm.kind is Kind.FUSED else "moments")


def _is_behind_weights(world: World, norm: Norm) -> bool:
    """Whether what is normalized comes from a layer, and is not the data themselves."""
    reached = world.reach.of(norm.input, data=True)
    return any(op_name(call) in LAYERS for call in reached.calls.values())


def moved_in_evaluation(world: World) -> Iterator[Sighting]:
    """Evaluations that run the updates."""
    for session in world.sessions:
        if session.estimator is not None:
            continue
        is_inference = world.is_inference(session)
        moved = [norm for norm in world.moved_by(session) if _really_moves(world, norm, session)]
        if not is_inference:
            moved = [norm for norm in moved if acts_on_one_row(world, norm, session)]
        if moved and world.trainings:
            how = "fetched" if all(_is_fetched(norm, session) for norm in moved) else "fed"
            how = how if is_inference else "row"
            yield seen(
                "SN107",
                session.call.place,
                moved[0].subject,
                how,
                related=places_of(moved),
                layers=how_many(world, moved),
                first=moved[0].place,
            )


def _really_moves(world: World, norm: Norm, session: Session) -> bool:
    if (
        norm.stands_still
        or norm.told_not_to_train
        or (norm.mode.source is Source.FIXED and norm.updates is not Updates.BY_HAND)
    ):
        return False
    if norm.updates is Updates.BY_HAND:
        # What a condition chooses moves in training mode only; what is fetched by itself moves whenever it is.
        fixed = norm.mode.source is Source.FIXED
        return _is_fetched(norm, session) or (not fixed and world.mode_in(norm, session) is True)
    return world.mode_in(norm, session) is True


def _is_fetched(norm: Norm, session: Session) -> bool:
    """Whether a session fetches the updates of averages that are written by hand."""
    return any(
        isinstance(value, Product) and call.result is value
        for fetch in session.fetches
        for value in inside(fetch)
        for call in norm.assignments
    )
