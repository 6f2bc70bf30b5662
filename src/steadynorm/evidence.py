"""The records that readers fill and checks read: NumPy arrays and plain values, no framework object.

An `Evidence` is about one model. Its parts are optional, because no reader sees everything: a checkpoint holds
statistics but no batch moments, a live model without a train step says nothing about updates. A check names the
parts that it needs; where one is missing the check is listed as not assessed instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from steadynorm.checks.distance import Distance
    from steadynorm.experiments.records import Experiments
    from steadynorm.norm.config import NormConfig
    from steadynorm.program import Program
    from steadynorm.recorded import Graph, Stored

Array: TypeAlias = "npt.NDArray[np.float64]"


class Mode(StrEnum):
    """Which of the two networks a normalization layer is."""

    BATCH = "batch"
    POPULATION = "population"


class Split(StrEnum):
    """Which data a number was measured on."""

    TRAIN = "train"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Population statistics as stored in a layer or a file.

    Arguments:
        mean: shape (channels,).
        variance: shape (channels,).
        updates: how many updates the layer counted, `None` where it does not count.
        dtype: the type that they are stored in, as `float32`.
    """

    mean: Array
    variance: Array
    updates: int | None = None
    dtype: str = "float32"

    @property
    def at_initialization(self) -> bool:
        """Whether every mean is exactly 0 and every variance exactly 1, or, as averages of tensors begin, 0 as well."""
        if (self.mean != 0).any():
            return False
        # Layers that count their updates begin with 1, and a variance of 0 says that their input is constant.
        return bool((self.variance == 1).all() or (not self.updates and (self.variance == 0).all()))


@dataclass(frozen=True, slots=True)
class Layer:
    """One normalization layer.

    Arguments:
        name: the path in the model, the variable scope or the node name.
        kind: the class or op, as `BatchNorm2d`.
        channels: how many channels it normalizes.
        config: its options.
        statistics: the stored statistics, `None` where the layer keeps none.
        gamma: the scale, shape (channels,), `None` without one.
        beta: the offset, shape (channels,), `None` without one.
        frozen: whether it is frozen on purpose: it has affine parameters and none of them is trained, or it is
            of a type that never trains.
        mode: the mode it was handed over in, `None` where the evidence has no such thing.
        registered: whether the model knows it as a part (mode switches and the state dict reach it).
        per_instance: whether its moments are taken per sample (instance normalization).
        assumed: names of the options of `config` that the evidence does not tell, so that they are the framework's
            defaults.
        further: averages beside the statistics, shape (channels,) each, by name: what renormalization measures
            against (`renorm_mean`, `renorm_stddev`), and what other domains have (`running_mean_1`, ...).
    """

    name: str
    kind: str
    channels: int
    config: NormConfig
    statistics: Statistics | None
    gamma: Array | None = None
    beta: Array | None = None
    frozen: bool = False
    mode: Mode | None = None
    registered: bool = True
    per_instance: bool = False
    assumed: frozenset[str] = frozenset()
    further: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampledMoments:
    """Moments of a layer's input over several batches, with what is not known about them.

    Arguments:
        mean: shape (channels,).
        variance: shape (channels,), Bessel-corrected over the pooled count.
        mean_error: standard error of `mean`, from the variation between batches.
        log_variance_error: standard error of log `variance`, likewise.
        batches: how many batches were seen.
        values: the median number of values per channel in a batch.
    """

    mean: Array
    variance: Array
    mean_error: Array
    log_variance_error: Array
    batches: int
    values: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One step on the way into or out of a layer.

    Arguments:
        kind: convolution, linear, dropout, sigmoid, tanh, softmax, activation, add, reshape, output or other.
        name: where it is: a module's path or the function's name.
        bias: whether it adds a trainable bias.
        consumers: how many operations read its result.
    """

    kind: str
    name: str
    bias: bool = False
    consumers: int = 1


@dataclass(frozen=True, slots=True)
class CallSite:
    """One use of a layer in a forward pass; a layer that is called twice has two.

    Arguments:
        layer: the layer's name.
        index: 0 for its first call in a forward pass, 1 for the second, ...
        moments: moments of its input by the data they were measured on, all normalization layers in batch mode.
        with_dropout: the same on training data with dropout active, where the model has dropout.
        before: the chain of operations that leads into it, nearest first, up to the first branch or layer.
        after: the chain that leads out of it, nearest first, likewise.
    """

    layer: str
    index: int
    moments: Mapping[Split, SampledMoments] = field(default_factory=dict)
    with_dropout: SampledMoments | None = None
    before: tuple[Operation, ...] = ()
    after: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerSteps:
    """What one layer did while the train step ran.

    Arguments:
        batch_uses: calls per step that normalized by batch moments.
        population_uses: calls per step that normalized by the stored statistics.
        repeated_uses: calls per step whose input repeated that of an earlier call in the same step.
        evaluated_uses: calls per step that normalized by the moments of other data without recording gradients, as an
            evaluation inside the step does.
        updates: updates of the statistics per step.
        decay: the decay observed, as the median over steps and channels; `None` where it cannot be told.
        input_spread: for several calls per step, the largest standardised mean shift or log variance ratio
            between their inputs, above its noise; `None` with one call.
        values: smallest number of values per channel in a call that used batch moments, `None` without one.
        mode_changed: whether the step switched the layer from population to batch mode.
    """

    batch_uses: float
    population_uses: float
    repeated_uses: float
    evaluated_uses: float
    updates: float
    decay: float | None
    input_spread: float | None
    values: int | None
    mode_changed: bool


@dataclass(frozen=True, slots=True)
class TrainSteps:
    """The train step, run a few times on a copy.

    Arguments:
        steps: how many steps ran.
        samples: the median number of samples per step.
        layers: by layer name.
        parameters_moved: whether any parameter changed in any step.
        skipped_updates: steps with a non-finite loss or gradient that left the parameters alone and moved the
            statistics.
        damaging_updates: those of them that moved the statistics far, or made them non-finite.
        optimizer_steps: steps that the optimizer had counted at hand-over, `None` where it does not count or
            was not given.
        failed_with_one_value: names of layers that refused a batch because it had one value per channel.
        moments: what the call sites are fed after the steps, all layers in batch mode, on the same training data as
            `CallSite.moments`: how fast the weights move.
    """

    steps: int
    samples: int
    layers: Mapping[str, LayerSteps]
    parameters_moved: bool
    skipped_updates: int = 0
    damaging_updates: int = 0
    optimizer_steps: int | None = None
    failed_with_one_value: tuple[str, ...] = ()
    moments: Mapping[tuple[str, int], SampledMoments] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """Loss and metric over some data.

    Arguments:
        loss: mean loss, weighted by batch size; `None` without a loss.
        metric: mean metric, likewise.
        loss_error: standard error of the loss, from the variation between batches.
        metric_error: standard error of the metric, likewise.
    """

    loss: float | None = None
    metric: float | None = None
    loss_error: float = 0.0
    metric_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The user's own evaluation, run once on a copy; or the model's inference mode where none was given.

    Arguments:
        given: whether the user gave an evaluation function.
        batch_layers: layers that normalized by batch moments.
        moved_layers: layers whose stored statistics changed.
        values: smallest number of values per channel in a call that used batch moments, `None` without one.
        result: the number that the evaluation returned, `None` where it returned none.
        inference_result: what it returns where all layers normalize by the stored statistics, if that was tried.
        single_value_layers: layers that took batch moments from one value per channel, or refused to.
        failed_with_one_value: those of them that refused, and so ended the evaluation.
    """

    given: bool
    batch_layers: tuple[str, ...]
    moved_layers: tuple[str, ...]
    values: int | None = None
    result: float | None = None
    inference_result: float | None = None
    single_value_layers: tuple[str, ...] = ()
    failed_with_one_value: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """How far training and inference behaviour are apart.

    Arguments:
        scores: the four-way table, by mode and data.
        measure: `metric` or `loss`, whichever the gap is measured by.
        higher_is_better: direction of that measure.
        reference: the better of what batch mode and the best remedy reach on the validation data.
        size: `reference` minus inference as handed over, in the direction of better; 0 if not significant.
        on_validation_only: whether inference does as well as batch mode on the training data, so that the gap is
            between the data and not in the statistics.
    """

    scores: Mapping[tuple[Mode, Split], Score]
    measure: str
    higher_is_better: bool
    reference: float
    size: float
    on_validation_only: bool = False


REMEDIES = {
    "recalibrate": "re-estimated statistics",
    "separate": "separate statistics per input",
    "inference-mode": "inference mode",
    "population": "population statistics",
}
"""The remedies that are tried, by their short names, in words."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A remedy, tried on a copy and measured on the validation data in inference mode.

    Arguments:
        remedy: one of `REMEDIES`.
        layers: the layers that it changed.
        before: the score before.
        after: the score after.
        share: the part of the gap that it closed, `None` without a gap.
    """

    remedy: str
    layers: tuple[str, ...]
    before: Score
    after: Score
    share: float | None = None

    @property
    def description(self) -> str:
        """The remedy in words."""
        return REMEDIES[self.remedy]


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Where averaged or copied weights came from.

    Arguments:
        description: what is known, as `AveragedModel after 12 updates`.
        weights_differ: whether the weights differ from the source's; `None` where there is no source to compare.
        same_statistics: layers whose statistics are the source's own, bit for bit.
    """

    description: str
    weights_differ: bool | None
    same_statistics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was found out about one model; parts that nobody read are `None`.

    Arguments:
        framework: `torch`, `keras`, `tensorflow`, ...
        layers: the normalization layers, in model order.
        calls: call sites with batch moments, from a live model and data.
        steps: what the train step did.
        evaluation: what the evaluation did.
        gap: the four-way table and the gap in it.
        trials: the remedies that were tried.
        source: where averaged weights came from.
        output_growth: largest output in inference mode over the largest in batch mode, on the same data.
        samples: the median number of samples in a training batch.
        graph: what the graph of a training or an export says.
        stored: what a checkpoint says besides the layers' arrays.
        program: what the source says.
        experiments: what a sanity test of the training tried.
        left_out: normalization layers that are known and could not be looked at, and why.
        distances: how far the layers' statistics are from what they are fed, by layer, where this evidence was read
            from a report and has no moments to tell it from.
    """

    framework: str
    layers: tuple[Layer, ...]
    calls: tuple[CallSite, ...] | None = None
    steps: TrainSteps | None = None
    evaluation: Evaluation | None = None
    gap: Gap | None = None
    trials: tuple[Trial, ...] = ()
    source: WeightSource | None = None
    output_growth: float | None = None
    samples: int | None = None
    graph: Graph | None = None
    stored: Stored | None = None
    program: Program | None = None
    experiments: Experiments | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    distances: Mapping[str, Distance] | None = None

    def layer(self, name: str) -> Layer:
        """The layer called `name`; KeyError if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def sites(self, name: str) -> tuple[CallSite, ...]:
        """The call sites of the layer called `name`."""
        return tuple(call for call in self.calls or () if call.layer == name)

    def trial(self, remedy: str) -> Trial | None:
        """The trial of `remedy` on all the layers that it applies to, or `None`."""
        return next((trial for trial in self.trials if trial.remedy == remedy), None)
