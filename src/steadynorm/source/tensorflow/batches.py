"""How large the batches are that a TensorFlow 1 program trains on, and in which order they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.finding import Certainty
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults, Number
from steadynorm.source.symbolic.trace import Call, Loop
from steadynorm.source.symbolic.values import Items, Known, Product, Value, constant_int
from steadynorm.source.tensorflow.data import values_per_sample
from steadynorm.source.tensorflow.mode import Source
from steadynorm.source.tensorflow.norms import Kind, Norm
from steadynorm.source.tensorflow.reach import Reached
from steadynorm.source.tensorflow.rows import acts_on_one_row, takes_one_row
from steadynorm.source.tensorflow.runs import Session, estimator_of, gradients_of
from steadynorm.source.tensorflow.sightings import seen
from steadynorm.source.tensorflow.words import short
from steadynorm.source.tensorflow.world import World

_BATCHING = {
    ".batch": (0, "batch_size"),
    ".padded_batch": (0, "batch_size"),
    ".next_batch": (0, "batch_size"),
    "tensorflow.train.batch": (1, "batch_size"),
    "tensorflow.train.shuffle_batch": (1, "batch_size"),
    "tensorflow.train.maybe_shuffle_batch": (1, "batch_size"),
    "tensorflow.contrib.data.map_and_batch": (1, "batch_size"),
    "tensorflow.data.experimental.map_and_batch": (1, "batch_size"),
    "tensorflow.estimator.inputs.numpy_input_fn": (2, "batch_size"),
    "tensorflow.estimator.inputs.pandas_input_fn": (2, "batch_size"),
}
_STRATEGIES = (
    "tensorflow.distribute.MirroredStrategy",
    "tensorflow.contrib.distribute.MirroredStrategy",
    "tensorflow.contrib.distribute.CollectiveAllReduceStrategy",
)
_SETTLE = "the batch size that it is run with: it is an option of the command line"


@dataclass(frozen=True, slots=True)
class Batch:
    """Where the batches that something trains on are made, and of how many samples."""

    call: Call
    size: Number


def batches_of(world: World, session: Session, defaults: Defaults) -> list[Batch]:
    """The batches that a training session takes in."""
    found = []
    for call in data_of(world, session).calls.values():
        position = _BATCHING.get(call.name)
        if position is not None and not (call.name == ".batch" and not isinstance(call.receiver, Product)):
            size = defaults.number(call.argument(*position))
            if size is not None and size.value >= 1:
                found.append(Batch(call, size))
    return found


def data_of(world: World, session: Session) -> Reached:
    """Everything that the data of a session come through."""
    values: list[Value] = [*session.fetches, *(session.feeds or {}).values()]
    if session.estimator is not None:
        estimator = estimator_of(session.call)
        for call in world.run.calls():
            given = [*call.callbacks.values(), *call.arguments[:1], *call.keywords.values()]
            trains = call.name == ".train" and estimator is not None and call.receiver is estimator.result
            if trains or call.name == "tensorflow.estimator.TrainSpec":
                values += given
    return world.reach.of(*values)


def _by_batch(world: World, session: Session) -> list[Norm]:
    """The layers that take the moments of a session's batches."""
    return [
        norm
        for norm in world.norms_in(session.reached)
        if world.mode_in(norm, session) is True and not norm.stands_still and norm.kind is not Kind.FUSED
    ]


def sizes(world: World, defaults: Defaults) -> Iterator[Sighting]:
    """Batches that layers in training mode take their moments from."""
    for session in world.trainings:
        norms = _by_batch(world, session)
        if not norms:
            continue
        for batch in batches_of(world, session, defaults):
            samples, replicas = _per_replica(world, session, batch)
            certainty = Certainty.PROVEN if batch.size.sure else Certainty.LIKELY
            settle = None if batch.size.sure else _SETTLE
            single = [norm for norm in norms if values_per_sample(world, norm) == 1]
            if samples == 1 and single:
                for norm in single:
                    yield seen(
                        "SN204", norm.place, norm.subject, "batch", certainty, settle, (batch.call.place,), samples=1
                    )
                norms = [norm for norm in norms if norm not in single]
                if not norms:
                    continue
            yield seen(
                "SN505" if replicas is None else "SN801",
                batch.call.place,
                batch.call.name.rpartition(".")[2],
                "batch",
                certainty,
                settle,
                (norms[0].place,),
                samples=samples,
                values=samples if single else None,
                replicas=replicas,
                layers=len({norm.place for norm in norms}),
            )


def _per_replica(world: World, session: Session, batch: Batch) -> tuple[float, int | None]:
    """Samples per replica, and how many there are: 0 if that is not known, `None` if there is one."""
    for call in world.run.calls():
        if call.name == "horovod.tensorflow.init":
            return batch.size.value, 0
        if short(call.name) in _STRATEGIES:
            given = constant_int(call.argument(None, "num_gpus"))
            devices = call.argument(0, "devices")
            if given is not None:
                return batch.size.value, given
            return batch.size.value, len(devices.items) if isinstance(devices, Items) else 0
    for call in session.reached.calls.values():
        axis = call.argument(2, "axis")
        if (
            call.name == "tensorflow.split"
            and axis in (None, Known(0))
            and batch.call in world.reach.of(call.result, data=True)
        ):
            parts = constant_int(call.argument(1, "num_or_size_splits"))
            if parts is not None and parts > 0 and _is_outermost(world, call, session):
                return batch.size.value / parts, parts
    return batch.size.value, None


def _is_outermost(world: World, call: Call, session: Session) -> bool:
    """Whether a split stands before all layers, as one over devices does, and not between them."""
    reached = world.reach.of(*call.arguments[:1], data=True)
    return not world.norms_in(reached) and bool(_by_batch(world, session))


def one_row(world: World) -> Iterator[Sighting]:
    """Single rows of which layers take the moments."""
    for session in world.sessions:
        for norm in world.norms_in(session.reached):
            if (
                world.mode_in(norm, session) is not True
                or norm.told_not_to_train
                or norm.kind is Kind.FUSED
                or values_per_sample(world, norm) != 1
            ):
                continue
            if norm.mode.source is Source.FIXED or world.is_training(session):
                is_alone = takes_one_row(world, norm, session)
            else:
                is_alone = acts_on_one_row(world, norm, session)
            if is_alone:
                yield seen(
                    "SN204", norm.place, norm.subject, "row", related=(session.call.place,), run=session.call.place
                )


def micro_batches(world: World, defaults: Defaults) -> Iterator[Sighting]:
    """Gradients of several batches that one step of the optimizer takes together."""
    for session in world.trainings:
        if world.steps_in(session) or not gradients_of(session.reached) or not _by_batch(world, session):
            continue
        applied = [other for other in world.sessions if other is not session and world.steps_in(other)]
        if any(_is_within(session.call, other.call) for other in applied):
            for batch in batches_of(world, session, defaults):
                yield seen(
                    "SN802",
                    batch.call.place,
                    batch.call.name.rpartition(".")[2],
                    "accumulated",
                    related=(session.call.place,),
                    samples=batch.size.value,
                )


def _is_within(inner: Call, outer: Call) -> bool:
    """Whether a call is in a loop inside of the loop that another is in."""
    loops = [[block.place for block in call.within if isinstance(block, Loop)] for call in (inner, outer)]
    return len(loops[0]) > len(loops[1]) and loops[0][: len(loops[1])] == loops[1]
