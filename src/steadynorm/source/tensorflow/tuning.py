"""SN305, SN601 and SN104 in TensorFlow 1: averaged and copied weights, frozen layers that move, slow decays."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults, Number, length_of_range
from steadynorm.source.symbolic.flow import inputs, inside, parts, walk
from steadynorm.source.symbolic.trace import Branch, Call, Loop
from steadynorm.source.symbolic.values import Item, Items, Known, Product, Value, constant_int
from steadynorm.source.tensorflow.counting import how_many
from steadynorm.source.tensorflow.norms import Kind, Norm, places_of, written
from steadynorm.source.tensorflow.origins import options_place
from steadynorm.source.tensorflow.runs import Session, estimator_of
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.variables import Held, held, trains
from steadynorm.source.tensorflow.weights import trains_before
from steadynorm.source.tensorflow.words import INITIALIZERS, short
from steadynorm.source.tensorflow.world import World

_AVERAGES = "tensorflow.train.ExponentialMovingAverage"
_ARITHMETIC = tuple(
    f"tensorflow.{module}{name}" for module in ("", "math.") for name in ("add", "multiply", "subtract", "scalar_mul")
)
_TRAINING_LOOPS = {"slim.learning.train": "number_of_steps"}


def _is_average(value: Value | None) -> bool:
    return isinstance(value, Product) and value.call.name == _AVERAGES


def averages_read(world: World) -> bool:
    """Whether a run restores or assigns averages of weights in the place of the weights."""
    for call in world.run.calls():
        if call.name == ".variables_to_restore" and _is_average(call.receiver):
            return True
        if call.name in (".assign", ".load") or short(call.name) == "tensorflow.assign":
            given = call.argument(0 if call.name.startswith(".") else 1, "value")
            if given is not None and any(_is_read(each) for each in inside(given)):
                return True
    return False


def _is_read(value: Value) -> bool:
    return isinstance(value, Product) and value.call.name == ".average" and _is_average(value.call.receiver)


def averaged(world: World, read: bool) -> Iterator[Sighting]:
    """Averages of the weights without those of the statistics that belong to them."""
    for call in world.run.calls():
        if call.name != ".apply" or not _is_average(call.receiver) or not read or call.more:
            continue
        given = call.argument(0, "var_list")
        missing = [norm for norm in world.norms if norm.call.index < call.index and _leaves_out(given, norm)]
        if missing:
            yield seen(
                "SN305",
                call.place,
                written(call),
                "averages",
                related=places_of(missing),
                layers=how_many(world, missing),
                first=missing[0].place,
                given=given is not None,
            )


def _leaves_out(variables: Value | None, norm: Norm) -> bool:
    if not norm.keeps_statistics or norm.kind is Kind.HAND:
        return False
    found = Held(True, False) if variables is None or variables == Known(None) else held(variables, norm)
    return found.parameters is True and found.statistics is False


def copied(world: World) -> Iterator[Sighting]:
    """Weights that are copied to a second network, whose statistics stay as they began."""
    for call in world.run.calls():
        if not _assigns(call):
            continue
        value = call.argument(0 if call.name == ".assign" else 1, "value")
        lists = _gone_through(_target(call))
        if (
            lists is None
            or value is None
            or not any(_gone_through(each) not in (None, lists) for each in walk((value,), _led_by))
        ):
            continue
        missing = [norm for norm in world.norms if _leaves_out(lists, norm) and _predicts(world, norm)]
        missing = [norm for norm in missing if not _others_copy(world, call, norm)]
        if missing:
            yield seen(
                "SN305",
                call.place,
                written(call),
                "copied",
                related=places_of(missing),
                layers=how_many(world, missing),
                first=missing[0].place,
            )


def _assigns(call: Call) -> bool:
    return call.name == ".assign" or short(call.name) == "tensorflow.assign"


def _target(call: Call) -> Value | None:
    """The variable that a call assigns to."""
    return call.receiver if call.name == ".assign" else call.argument(0, "ref")


def _led_by(value: Value) -> tuple[Value, ...]:
    """What a value is worked out from directly, by operators and what TensorFlow has for them."""
    if isinstance(value, Product) and short(value.call.name) in _ARITHMETIC:
        return inputs(value.call)
    return parts(value)


def _gone_through(value: Value | None) -> Value | None:
    """The list that a variable comes from, in a loop over several lists or over their indices."""
    if not isinstance(value, Item):
        return None
    if isinstance(value.key, Item) and value.key.key is None and _is_range(value.key.of):
        return value.of
    if not isinstance(value.of, Item):
        return None
    pairs, position = value.of.of, constant_int(value.key)
    if value.of.key is not None or not isinstance(pairs, Product) or pairs.call.name != "builtins.zip":
        return None
    return pairs.call.arguments[position] if position is not None and position < len(pairs.call.arguments) else None


def _is_range(value: Value) -> bool:
    return isinstance(value, Product) and value.call.name == "builtins.range"


def _predicts(world: World, norm: Norm) -> bool:
    """Whether a layer is run and never trained."""
    if any(norm.call in step.data and trains(step.variables, norm) is not False for step in world.trained_steps):
        return False
    return any(norm.call in each.reached and world.mode_in(norm, each) is False for each in world.sessions)


def _others_copy(world: World, call: Call, norm: Norm) -> bool:
    for each in world.run.calls():
        if each is call or not _assigns(each):
            continue
        lists = _gone_through(_target(each))
        if lists is None and each.place == call.place:
            continue
        if held(_target(each) if lists is None else lists, norm).statistics is not False:
            return True
    return False


def frozen_moves(world: World) -> Iterator[Sighting]:
    """Layers whose gamma and beta no step trains, and whose statistics a train step moves."""
    found: dict[tuple[Place, str], list[Norm]] = {}
    for norm in world.norms:
        if norm.stands_still or norm.kind in (Kind.HAND, Kind.FUSED):
            continue
        sessions = [
            each for each in world.trainings if world.mode_in(norm, each) is True and norm in world.moved_by(each)
        ]
        steps = [step for each in sessions for step in world.steps_in(each) if norm.call in step.data]
        if not steps or any(trains(step.variables, norm) is not False for step in world.trained_steps):
            continue
        if not norm.frozen and any(trains_before(world, step, norm) for step in world.trained_steps):
            continue
        place, how = (norm.place, "trainable") if norm.frozen else (steps[0].call.place, "variables")
        found.setdefault((place, how), []).append(norm)
    for (place, how), norms in found.items():
        yield seen(
            "SN601",
            place,
            norms[0].subject,
            how,
            related=places_of(norms),
            layers=how_many(world, norms),
            first=norms[0].place,
            keyword="is_training" if norms[0].kind is Kind.CONTRIB else "training",
        )


def slow_decay(world: World, defaults: Defaults) -> Iterator[Sighting]:
    """Averages that a run of known length leaves with much of what they began with; the check says from where on."""
    for norm in world.norms:
        if norm.kind in (Kind.HAND, Kind.FUSED) or norm.stands_still or not norm.keeps_statistics:
            continue
        decay = defaults.number(norm.decay) if norm.decay is not None else Number(norm.decay_default)
        if decay is None or not 0 < decay.value < 1 or _is_debiased(norm):
            continue
        counted = [_steps(world, each, defaults) for each in world.trainings if _moves(world, each, norm)]
        known = [each for each in counted if each is not None]
        if not known or len(known) != len(counted):
            continue
        # The same loop, run several times, goes on where it was.
        steps = sum(each.value for each in known)
        sure = decay.sure and all(each.sure for each in known)
        yield seen(
            "SN104",
            options_place(norm, norm.decay),
            norm.subject,
            "default" if norm.decay is None else "decay",
            Certainty.PROVEN if sure else Certainty.LIKELY,
            None
            if sure
            else "how many steps it is trained for: they are a default, which the command line or a caller may change",
            decay=decay.value,
            steps=int(steps),
            option="decay" if norm.kind is Kind.CONTRIB else "momentum",
            restored=any(call.name == ".restore" or "from_checkpoint" in call.name for call in world.restores),
        )


def _is_debiased(norm: Norm) -> bool:
    given = norm.call.argument(None, "zero_debias_moving_mean", "renorm")
    return given is not None and given != Known(False)


def _moves(world: World, session: Session, norm: Norm) -> bool:
    return norm in world.moved_by(session) and world.mode_in(norm, session) is True


def _steps(world: World, session: Session, defaults: Defaults) -> Number | None:
    """How many times something is run, where the program tells."""
    if session.estimator is not None:
        return _of_estimator(world, session, defaults)
    name = short(session.call.name)
    if name in _TRAINING_LOOPS:
        return defaults.number(session.call.argument(None, _TRAINING_LOOPS[name]))
    loops = [block for block in session.call.within if isinstance(block, Loop)]
    if not loops or (world.run.kind != "script" and not _begins_anew(world, session)):
        return None  # whoever calls this may do so in a loop
    total = Number(1)
    for block in loops:
        times = _times(block, defaults)
        if times is None:
            return None
        total = Number(total.value * times.value, total.sure and times.sure)
    return total


def _begins_anew(world: World, session: Session) -> bool:
    """Whether a function of nobody's initializes all variables before it trains, whenever somebody calls it."""
    if world.run.kind != "function" or world.restores:
        return False
    return any(
        each.call.index < session.call.index
        and not any(isinstance(block, Loop | Branch) for block in each.call.within)
        and any(
            isinstance(value, Product) and short(value.call.name) in INITIALIZERS
            for fetch in each.fetches
            for value in inside(fetch)
        )
        for each in world.sessions
    )


def _times(loop: Loop, defaults: Defaults) -> Number | None:
    over = loop.over
    if isinstance(over, Items):
        # A short loop is gone through item by item, each with its own events.
        return Number(1 if loop.unrolled else len(over.items)) if over.counted else None
    while isinstance(over, Product) and over.call.name.rpartition(".")[2] in ("tqdm", "trange", "enumerate"):
        if over.call.name.endswith("trange"):
            return defaults.number(over.call.argument(0))
        if not over.call.arguments:
            return None
        over = over.call.arguments[0]
    if isinstance(over, Product) and over.call.name in ("builtins.range", "builtins.xrange", "six.moves.range"):
        return length_of_range(over.call, defaults)
    return None


def _of_estimator(world: World, session: Session, defaults: Defaults) -> Number | None:
    estimator = estimator_of(session.call)
    if estimator is None or estimator.result is None:
        return None
    counts: list[Number] = []
    for call in world.run.calls():
        if call.name == ".train" and call.receiver is estimator.result:
            most = call.argument(3, "max_steps")
            given = most if most is not None else call.argument(2, "steps")
            found = defaults.number(given)
            if found is None or any(isinstance(block, Loop) for block in call.within):
                return None
            counts.append(found)
        elif call.name == "tensorflow.estimator.TrainSpec":
            found = defaults.number(call.argument(1, "max_steps"))
            if found is None:
                return None
            counts.append(found)
    if not counts:
        return None
    return Number(sum(each.value for each in counts), all(each.sure for each in counts))
