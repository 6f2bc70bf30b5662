"""What a monitor warns of: the checks of a diagnosis over what was seen of the training, and what only time shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from steadynorm.checks.causes import RESIDUAL_THRESHOLD
from steadynorm.checks.distance import between
from steadynorm.checks.live_remedies import in_words_of
from steadynorm.checks.registry import finding, run
from steadynorm.checks.wording import many
from steadynorm.evidence import Array, CallSite, Evidence, Layer, LayerSteps, Mode, SampledMoments, Split, TrainSteps
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.monitoring.series import Passages, Table, distance, distances, gather, updates_per_step
from steadynorm.monitoring.watched import Snapshots

STEP_CHECKS = ("SN101", "SN102", "SN105", "SN107", "SN202", "SN510", "SN601", "SN701", "SN702", "SN704")
"""The checks of a diagnosis that can be made from what training steps show."""

LAG = "SN104"

PATIENCE = 3
"""An average that trails is called too slow where it does so in that many judgements on end: weights move fast at first
and after every rise of the learning rate."""

LATEST = 16
"""Steps from which the distance is judged, the last ones: the weights move on."""

LONG_ENOUGH = 1000
"""Steps after which an average that still holds its initial value is called too slow before the end of training."""


@dataclass(frozen=True)
class Block:
    """Everything that was seen since the judgement before.

    Arguments:
        first: the step of `start`.
        last: the step of `end`.
        start: the statistics at the end of the block before, as one moment.
        end: the statistics now, likewise.
        single: single steps in between.
        layers: the layers as they are now.
        probed: what each layer did in the steps that were watched last; empty where none could be.
        counting: whether calls without gradients were counted in all of the block.
        final: whether the training is over.
    """

    first: int
    last: int
    start: Snapshots
    end: Snapshots
    single: Passages
    layers: tuple[Layer, ...]
    probed: Mapping[str, LayerSteps]
    counting: bool = True
    final: bool = False

    @property
    def steps(self) -> int:
        """How many steps it spans."""
        return self.last - self.first


@dataclass
class Judge:
    """Judges one block after the other.

    Arguments:
        framework: whose layers they are.
        layers: the layers when the monitor was made.

    Attributes:
        suspects: whether there were updates between the steps in the last block.
    """

    framework: str
    layers: tuple[Layer, ...]
    suspects: bool = False
    _lagging: dict[str, int] = field(default_factory=dict)
    _trained_by_batch: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Brings all checks into memory now, so that it is not done in the midst of the training.
        run(Evidence(framework=self.framework, layers=self.layers), STEP_CHECKS)

    def judge(self, block: Block) -> list[Finding]:
        """The causes for concern in this block, warnings and errors only."""
        table = Table(block.layers)
        per_step = updates_per_step(block.start, block.end, block.steps, block.single)
        layers = tuple(_unless_trained(*pair) for pair in zip(block.layers, self.layers, strict=True))
        evidence = Evidence(framework=self.framework, layers=layers)
        found: list[Finding] = []
        undecided: list[Finding] = []
        if block.steps > 0:
            steps = _steps(block, per_step, self._trained_by_batch)
            evidence = replace(evidence, steps=steps)
            undecided += _never_moved(evidence, steps, per_step)
            found += run(evidence, STEP_CHECKS)[0]
            found += _left_in_inference_mode(block, self._trained_by_batch, per_step)
            extra = _updates_between_steps(block)
            self.suspects = bool((extra > 0).any())
            found += _evaluated_between_steps(block, table, extra)
        found += self._lag(block, table, evidence)
        self.layers = block.layers
        told = [in_words_of(self.framework, each) for each in found if each.severity is not Severity.INFO]
        return told + undecided

    def _lag(self, block: Block, table: Table, evidence: Evidence) -> list[Finding]:
        if not len(block.single):
            return []
        latest = block.single[-LATEST:]
        gathered = gather(latest, table, len(latest))
        measures = distances(gathered, table)
        calls, layers = [], []
        for index, layer in enumerate(evidence.layers):
            part = table.part(index)
            moved = int(gathered.count[0, index]) > 0
            lags = moved and distance(measures, 0, index).significant
            self._lagging[layer.name] = self._lagging.get(layer.name, 0) + 1 if lags else 0
            moments = gathered.moments(part)
            if not moved or layer.statistics is None or not self._counts(layer, moments, block):
                layers.append(layer)
                continue
            calls.append(CallSite(layer.name, 0, {Split.TRAIN: moments}))
            # What the batches of the block were compared with, instead of what stands there after its last step.
            trailing = replace(
                layer.statistics, mean=gathered.moving_mean[0][part], variance=gathered.moving_variance[0][part]
            )
            layers.append(replace(layer, statistics=trailing))
        if not calls:
            return []
        found, _ = run(replace(evidence, layers=tuple(layers), calls=tuple(calls)), [LAG])
        return found

    def _counts(self, layer: Layer, moments: SampledMoments, block: Block) -> bool:
        """Whether it is time to speak of how far the layer's average is behind."""
        stored, decay = layer.statistics, layer.config.decay
        if stored is None:
            return False
        if block.final:
            # Statistics that were re-estimated after the last step are good.
            return between(moments, stored.mean, stored.variance, layer.config.epsilon).significant
        starting = stored.updates is not None and decay is not None and decay**stored.updates > RESIDUAL_THRESHOLD
        return self._lagging[layer.name] >= PATIENCE and (not starting or block.last >= LONG_ENOUGH)


def _unless_trained(layer: Layer, before: Layer) -> Layer:
    """The layer, called frozen only where gamma and beta stood still: GANs freeze one network for the other's turn."""
    pairs = ((layer.gamma, before.gamma), (layer.beta, before.beta))
    still = all(new is None or old is None or np.array_equal(new, old, equal_nan=True) for new, old in pairs)
    return replace(layer, frozen=layer.frozen and still)


def _steps(block: Block, per_step: Array, trained_by_batch: set[str]) -> TrainSteps:
    """What the layers did in the steps of the block, as evidence."""
    seen: dict[str, LayerSteps] = {}
    for layer, rate in zip(block.layers, per_step, strict=True):
        probed = block.probed.get(layer.name)
        if probed is not None:
            seen[layer.name] = replace(probed, updates=probed.updates if np.isnan(rate) else float(rate))
        elif rate > 0:
            seen[layer.name] = _unseen(by_batch=1.0, updates=float(rate))
        elif layer.mode is Mode.POPULATION:
            seen[layer.name] = _unseen(by_batch=0.0, updates=0.0)
        # A layer that stands in training mode and did not move may not have been called at all.
    trained_by_batch.update(name for name, each in seen.items() if each.batch_uses > 0 and each.updates > 0)
    return TrainSteps(max(block.steps, 1), 0, seen, parameters_moved=True)


def _unseen(by_batch: float, updates: float) -> LayerSteps:
    return LayerSteps(by_batch, 1 - by_batch, 0, 0, updates, None, None, None, False)


_NEVER_MOVED = {
    "keras": "Call the model with training=True and hand `training` on to every layer; in a stateless loop put the "
    "non-trainable variables that stateless_call returns back into the state; use a momentum below 1.",
    "tensorflow": "Feed the mode True in every run of the train op, and make that with "
    "steadynorm.tensorflow.create_train_op or minimize, which run every update.",
}


def _never_moved(evidence: Evidence, steps: TrainSteps, per_step: Array) -> Iterator[Finding]:
    """Layers that keep their initial statistics, in a training that does not show what they normalize by."""
    names = [
        layer.name
        for layer, rate in zip(evidence.layers, per_step, strict=True)
        if rate == 0
        and layer.mode is None
        and not layer.frozen
        and layer.name not in steps.layers
        and layer.statistics is not None
        and layer.statistics.at_initialization
    ]
    if names:
        yield finding(
            "SN102" if (per_step > 0).any() else "SN101",
            names,
            f"in {many(steps.steps, noun='step')} the statistics of {many(names)} did not move from mean 0 and "
            "variance 1: their updates do not arrive, or they are trained in inference mode",
            _NEVER_MOVED[evidence.framework],
            evidence={"steps": steps.steps},
            certainty=Certainty.LIKELY,
            settle="what the layers normalize by in the train step: a diagnosis with the train step shows it",
        )


def _left_in_inference_mode(block: Block, trained_by_batch: set[str], per_step: Array) -> Iterator[Finding]:
    """Layers that were trained in training mode until the whole model was left in inference mode."""
    if block.end.training is not False:
        return
    names = [
        layer.name
        for layer, rate in zip(block.layers, per_step, strict=True)
        if layer.name in trained_by_batch
        and not layer.frozen
        and rate == 0
        and (probed := block.probed.get(layer.name)) is not None
        and probed.population_uses > 0
        and probed.batch_uses == 0
    ]
    if names:
        yield finding(
            "SN203",
            names,
            f"the model was trained in training mode at first and is now trained in inference mode: {many(names)} "
            f"normalized by the stored statistics in the last {block.steps} steps, and none moved",
            "Call model.train() after every evaluation, before the training goes on.",
            evidence={"steps": block.steps},
        )


def _updates_between_steps(block: Block) -> Array:
    """Updates of each layer that belong to no step, shape (layers,); 0 where that is not known."""
    if not len(block.single):
        return np.zeros(len(block.layers))
    start, end = block.start.updates[0], block.end.updates[0]
    extra = end - start - np.median(block.single.times, axis=0) * block.steps
    return np.where((start >= 0) & (end >= start), np.maximum(extra, 0), 0)


def _evaluated_between_steps(block: Block, table: Table, extra: Array) -> Iterator[Finding]:
    """Updates from calls without gradients that belong to no step: an evaluation in training mode, between steps.

    Updates alone prove nothing: what is left over of accumulated gradients at the end of an epoch is training.
    """
    if not block.counting or not len(block.single):
        return
    steps, calls = block.steps, block.end.unrecorded[0] - block.start.unrecorded[0]
    total = block.end.updates[0] - block.start.updates[0]
    chosen = (extra > 0) & (calls > np.median(block.single.unrecorded) * steps)
    if chosen.any():
        names = [name for name, is_chosen in zip(table.names, chosen, strict=True) if is_chosen]
        most = int(np.argmax(np.where(chosen, extra, -1)))
        yield finding(
            "SN107",
            names,
            f"in {many(steps, noun='step')} the statistics of {many(names)} were updated {total[most]} times, "
            f"{int(extra[most])} of them between the steps, by calls in training mode without gradients: validation "
            "data gets into the model",
            "Call model.eval() before the evaluation and model.train() after it (torch.no_grad() does not stop the "
            "updates); then re-estimate the statistics: steadynorm.recalibrate.",
            evidence={"updates": int(total[most]), "between_steps": int(extra[most]), "steps": steps},
        )
