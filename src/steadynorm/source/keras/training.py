"""How a run trains Keras models: on which batches, for how many steps, on how many devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.batches import Batch, batch_of, size_of
from steadynorm.source.keras.calls import PHASE, KerasRun
from steadynorm.source.layers.graph import LayerGraph, Norm
from steadynorm.source.layers.places import subject_of
from steadynorm.source.layers.sizes import has_one_position, times_around
from steadynorm.source.layers.words import SYNCHRONIZED
from steadynorm.source.samples import samples_in
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.trace import Branch, Call, Callback
from steadynorm.source.symbolic.values import Expression, Items, Known, Product, Value, constant_int

_STRATEGIES = (
    "tensorflow.distribute.MirroredStrategy",
    "tensorflow.distribute.MultiWorkerMirroredStrategy",
    "tensorflow.distribute.experimental.MultiWorkerMirroredStrategy",
    "tensorflow.distribute.TPUStrategy",
    "tensorflow.distribute.experimental.TPUStrategy",
)
_WHOLE_BATCH = ("keras.distribution.set_distribution",)
_OPTIMIZERS = ("keras.optimizers.",)
_MOMENTUM = 0.99
_SETTLE = "the batch size that it is run with: it is an option of the command line"


@dataclass(frozen=True, slots=True)
class Training:
    """One place that trains layers.

    Arguments:
        call: `fit`, or the call of the model under a gradient.
        norms: the calls that made the layers.
        batch: what is known of its batches.
        place: where the batches are made.
        steps: how many steps it makes; `None` where that is not known.
        by_batch: whether the layers may take batch moments.
    """

    call: Call
    norms: tuple[Call, ...]
    batch: Batch
    place: Place
    steps: float | None
    by_batch: bool = True


def look_at_training(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """What is wrong with the batches and the number of steps."""
    strategy = _strategy(keras)
    in_order = any(call.keywords.get("stateful") == Known(True) for call in keras.run.calls())
    everything = list(trainings(keras))
    for each in everything:
        if each.batch.shuffled is False and not in_order:
            yield Sighting("SN906", "keras", each.place, each.call.name.lstrip(".") or "loop", "data")
        if keras.is_frozen(each.norms) or not each.by_batch:
            continue
        if not each.batch.sure and keras.run.kind != "script":
            # A default of a library's function, which its callers know better.
            continue
        if strategy is not None:
            yield from _per_replica(each, strategy)
        elif not any(call.name in _WHOLE_BATCH for call in keras.run.calls()):
            yield from _few(graph, each)
        yield from _lag(keras, each, everything)
    yield from _accumulated(keras, graph)


def trainings(keras: KerasRun) -> Iterator[Training]:
    """The places that train layers."""
    for call in keras.fits:
        norms = keras.norms(call.receiver)
        if norms and call.name in (".fit", ".fit_generator"):
            yield _of_fit(keras, call, norms)
    for each in keras.model_calls:
        if each.purpose == "training":
            batch = batch_of(each.call.argument(0, "inputs", "x"), keras.uses, keras.defaults) or Batch(None, None)
            place = each.call.place if batch.call is None else batch.call.place
            steps = times_around(each.call) if keras.run.kind == "script" else None
            by_batch = each.mode not in (None, Known(False)) or any(call.name in PHASE for call in keras.run.calls())
            yield Training(each.call, each.norms, batch, place, steps, by_batch)


def _of_fit(keras: KerasRun, call: Call, norms: tuple[Call, ...]) -> Training:
    data = call.argument(0, "x")
    batch = batch_of(data, keras.uses, keras.defaults)
    if batch is None:
        size, _, sure = size_of(call.argument(2, "batch_size"), keras.defaults)
        in_order = call.keywords.get("shuffle") == Known(False) and size is not None
        batch = Batch(call, size, False, False if in_order else None, sure)
    place = call.place if batch.call is None else batch.call.place
    epochs, per_epoch = (constant_int(call.keywords.get(name)) for name in ("epochs", "steps_per_epoch"))
    if per_epoch is None and batch.call is call:
        count = _kept(samples_in(data), call.argument(None, "validation_split"))
        per_epoch = None if count is None else ceil(count / (batch.size or 32))
    once = times_around(call)
    steps = None if per_epoch is None or once is None else per_epoch * (1 if epochs is None else epochs) * once
    return Training(call, norms, batch, place, steps if "epochs" not in call.keywords or epochs is not None else None)


def _kept(samples: int | None, split: Value | None) -> int | None:
    """The samples that are trained on where a share of them is kept for validation."""
    if split is None or samples is None:
        return samples
    return int(samples * (1 - split.value)) if isinstance(split, Known) and type(split.value) is float else None


def _few(graph: LayerGraph, each: Training) -> Iterator[Sighting]:
    """Batches that are too small for moments."""
    size = each.batch.size
    if size is None or each.batch.per_replica or all(made.keywords.get("renorm") == Known(True) for made in each.norms):
        return
    flat = [norm for norm in graph.norms if norm.made in each.norms and has_one_position(graph, norm)]
    if size == 1 and flat and each.batch.sure:
        yield from _one_value(flat, each.place)
        return
    facts = {"samples": size, "values": size if flat else None}
    name = each.call.name.lstrip(".") or "loop"
    yield Sighting("SN505", "keras", each.place, name, "batch", *_certainty(each.batch), facts=facts)


def _certainty(batch: Batch) -> tuple[Certainty, str | None]:
    return (Certainty.PROVEN, None) if batch.sure else (Certainty.LIKELY, _SETTLE)


def _one_value(norms: list[Norm], place: Place) -> Iterator[Sighting]:
    for norm in norms:
        yield Sighting("SN204", norm.framework, norm.made.place, subject_of(norm.made), "training", related=(place,))


def _strategy(keras: KerasRun) -> Call | None:
    return next((call for call in keras.run.calls() if call.name in _STRATEGIES), None)


def _per_replica(each: Training, strategy: Call) -> Iterator[Sighting]:
    """Replicas that normalize by themselves."""
    if all(_is_synchronized(made) for made in each.norms) or each.batch.size is None:
        return
    size: float = each.batch.size
    if not each.batch.per_replica:
        devices = strategy.argument(0, "devices")
        if not isinstance(devices, Items) or not devices.whole or len(devices.items) < 2:
            return
        size /= len(devices.items)
    facts = {"samples": size}
    yield Sighting("SN801", "keras", each.place, "strategy", "strategy", *_certainty(each.batch), facts=facts)


def _is_synchronized(made: Call) -> bool:
    given = made.keywords.get("synchronized")
    return made.name in SYNCHRONIZED or (given is not None and given != Known(False))


def _lag(keras: KerasRun, each: Training, everything: list[Training]) -> Iterator[Sighting]:
    """Averages that are too slow for the number of steps."""
    for made in each.norms:
        given = made.argument(1, "momentum")
        decay = _MOMENTUM if given is None else getattr(given, "value", None)
        if type(decay) is not float or not made.name.startswith("keras.layers."):
            continue
        steps = _all_steps(keras, made, everything)
        if steps is not None:
            facts = {"decay": decay, "steps": steps}
            yield Sighting("SN104", "keras", made.place, subject_of(made), "steps", facts=facts, related=(each.place,))


def _all_steps(keras: KerasRun, made: Call, everything: list[Training]) -> float | None:
    """How many steps all trainings of a layer make together; `None` where that is not known of one of them."""
    if any(call.name == ".train_on_batch" and made in keras.norms(call.receiver) for call in keras.fits):
        return None
    steps = [each.steps for each in everything if each.by_batch and made in each.norms]
    known = [each for each in steps if each is not None]
    return sum(known) if len(known) == len(steps) else None


def _accumulated(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """Gradients that are summed over several batches."""
    for call in keras.run.calls():
        if call.name.startswith(_OPTIMIZERS) and graph.made:
            steps = constant_int(call.keywords.get("gradient_accumulation_steps"))
            if steps is not None and steps > 1:
                facts = {"steps": steps}
                yield Sighting("SN802", "keras", call.place, "gradient_accumulation_steps", "optimizer", facts=facts)
        if call.name == ".apply_gradients" and _is_occasional(call):
            for each in trainings(keras):
                if each.batch.call is not None and each.batch.call is not each.call:
                    yield Sighting("SN802", "keras", each.place, "batch", "loop", facts={}, related=(call.place,))


def _is_occasional(call: Call) -> bool:
    """Whether an optimizer's step is made in some of the iterations only, by their number."""
    for block in call.within:
        if isinstance(block, Branch) and any(_is_modulo(each) for each in inside(block.test)):
            return True
        if isinstance(block, Callback) and block.call is not None and block.call.name == "tensorflow.cond":
            test = block.call.argument(0, "pred")
            return isinstance(test, Product) and test.call.name in ("tensorflow.equal", "tensorflow.math.equal")
    return False


def _is_modulo(value: Value) -> bool:
    return isinstance(value, Expression) and value.operator == "Mod"
