"""What files record about a training: the graph that ran, and the checkpoint that it left.

Parts of an `Evidence`, filled by the readers in `artifacts/` and `graphs/`, read by the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steadynorm.evidence import Layer, Mode, Operation


class Choice(StrEnum):
    """What chooses the mode of a layer when a graph runs."""

    FIXED = "fixed"
    FED = "fed"
    DEFAULT = "default"
    VARIABLE = "variable"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class GraphLayer:
    """A normalization layer as a graph has it: the variables that belong together, by the names that are saved.

    Arguments:
        name: the layer's name, as in `Use.layer`.
        kind: the operation that normalizes, as `FusedBatchNormV3`.
        channels: how many channels it normalizes, 0 if the graph does not tell.
        gamma: the scale's name, `None` without one.
        beta: the offset's name, `None` without one.
        mean: the name of the average of the means, `None` if the layer keeps none.
        variance: the name of the average of the variances, likewise.
        epsilon: what is added to the variance, `None` if the graph computes it.
        decay: the fraction of the old value that an update keeps, `None` where nothing updates or the graph computes
            it.
        dtype: the type of the statistics, as `float32`.
        initial: what every mean and every variance begins with, `None` where the graph computes it.
    """

    name: str
    kind: str
    channels: int = 0
    gamma: str | None = None
    beta: str | None = None
    mean: str | None = None
    variance: str | None = None
    epsilon: float | None = None
    decay: float | None = None
    dtype: str = "float32"
    initial: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One place of a graph that normalizes; a layer that is applied twice has two.

    Arguments:
        layer: the layer's name; uses of the same statistics name the same layer.
        node: the node that normalizes.
        mode: its mode, `None` if that is chosen when the graph runs.
        choice: what chooses it.
        switch: the node that chooses.
        default: the mode that it has where nothing is fed or assigned, `None` if something must be.
        trained: whether a train step trains through it: gradients pass through it to some parameter.
        before: the chain of operations that leads into it, nearest first, up to the first branch or layer.
        after: the chain that leads out of it, nearest first, likewise.
        input: the node whose output it normalizes, behind what only passes it on; uses with the same one repeat each
            other.
        origins: where the data that it normalizes come from: placeholders, iterators, random numbers.
        outside: whether both modes are computed and only one of the results is chosen.
        wrong_axis: what proves that it normalizes another axis than that of the channels, `None` if nothing does.
        steps: names of the train steps that compute it, whether they train through it or not.
        heard: names of those of them whose gradients depend on it; others compute it for its updates alone.
    """

    layer: str
    node: str
    mode: Mode | None
    choice: Choice = Choice.FIXED
    switch: str | None = None
    default: Mode | None = None
    trained: bool = False
    before: tuple[Operation, ...] = ()
    after: tuple[Operation, ...] = ()
    input: str | None = None
    origins: frozenset[str] = frozenset()
    outside: bool = False
    wrong_axis: str | None = None
    steps: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """One node that moves one statistic of a layer.

    Arguments:
        layer: the layer's name.
        statistic: `mean`, `variance` or another average of the layer.
        node: the node that writes it.
        decay: the fraction of the old value that it keeps, `None` where the graph computes it.
        steps: names of the train steps that run it.
        collected: whether the collection of update operations holds it.
        always: whether it runs in inference too: with the normalized output, whatever the mode that is chosen.
        input: the node whose moments it averages, as in `Use.input`; `None` if it cannot be told.
        exclusive: what chooses it, as a pair of the choosing node and the side: of two updates on different sides of
            one choice only one runs.
    """

    layer: str
    statistic: str
    node: str
    decay: float | None = None
    steps: tuple[str, ...] = ()
    collected: bool = False
    always: bool = False
    input: str | None = None
    exclusive: frozenset[tuple[str, bool]] = frozenset()


@dataclass(frozen=True, slots=True)
class TrainStep:
    """One node that trains.

    Arguments:
        node: its name.
        layers: layers whose gamma or beta it trains, or through which it trains other parameters.
        parameters: names of the variables that it trains.
        owned: the layers of which it trains gamma or beta itself.
    """

    node: str
    layers: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saver:
    """One node that saves variables.

    Arguments:
        node: its name.
        tensors: names under which it saves.
        incomplete: layers of which it saves gamma or beta and not all statistics.
        main: whether it is the one that wrote the file.
    """

    node: str
    tensors: tuple[str, ...]
    incomplete: tuple[str, ...] = ()
    main: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One difference between a prediction and a target in a loss, of each with every other.

    Arguments:
        node: the node that subtracts.
        prediction: the node of the prediction.
        target: the placeholder or iterator of the target.
        prediction_shape: its shape, −1 for an unknown size.
        target_shape: likewise.
        shape: that of the difference.
        step: the train step that trains by it.
        same_batch: whether the graph proves that both have as many elements.
    """

    node: str
    prediction: str
    target: str
    prediction_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    shape: tuple[int, ...]
    step: str
    same_batch: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """What a graph says about its normalization layers.

    Arguments:
        uses: places that normalize, in the graph's order.
        updates: what moves the statistics.
        train_steps: what trains; empty for a graph that cannot train.
        savers: what saves.
        inference_only: whether it was exported for inference: no optimizer and no gradients.
        ignored_switches: mode placeholders that no layer's mode depends on.
        layers: the layers, in the order of their first uses.
        unshared: pairs of a layer that is trained and the one, with variables of its own, that stands for it in
            inference.
        exported: whether the file is an export, with no way to go on training from it.
        fed: whether the data come in through placeholders, so that the same graph may serve for inference.
        frozen: whether its variables have become constants: what the mode of the export does not read is cut off.
        broadcasts: differences in losses that compare each prediction with every target.
    """

    uses: tuple[Use, ...]
    updates: tuple[Update, ...] = ()
    train_steps: tuple[TrainStep, ...] = ()
    savers: tuple[Saver, ...] = ()
    inference_only: bool = False
    ignored_switches: tuple[str, ...] = ()
    layers: tuple[GraphLayer, ...] = ()
    unshared: tuple[tuple[str, str], ...] = ()
    exported: bool = False
    fed: bool = True
    frozen: bool = False
    broadcasts: tuple[Broadcast, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint, besides the arrays of its normalization layers.

    Arguments:
        format: in words.
        steps: how many optimizer steps the weights have seen, `None` where nothing tells.
        steps_from: the tensor or entry that tells.
        before: the layers of an earlier checkpoint that it is compared with, by name; `None` without one.
        weights_moved: root mean square change of the other weights since then, relative to their own; by name.
        ranks: layers of the checkpoints that other ranks of the same run wrote, by file.
        without_statistics: layers with gamma or beta of which the file has no statistics though it has those of
            others, or the graph says that they exist.
        certainly: those of them whose statistics the graph names, or of which the file has remains.
        by_name: those of them that nothing but a name tells, which layers of other kinds may have as well.
        batch_only: layers that normalize by batch moments alone, as the file of a whole module says.
        copies: layers of averaged or target copies in the file: the layer that each is a copy of.
        parameters_averaged: layers of which the file has averages of gamma or beta, other than these, and none of the
            statistics.
        averaged: whether the weights themselves are an average over a training, as the file says.
        doubled: whether every weight in the file has another one of its shape, as after building a model twice.
        values: whether the file has values; names and shapes alone prove little.
        training: whether the file keeps what a training needs to go on, as an optimizer's state or its steps.
        weight_types: the types of the weights other than statistics, as `float32`.
        slot_types: the types of what the file keeps of an optimizer about each weight.
        by_order: whether the layers of the earlier checkpoint, whose names are other ones, were matched by their order.
    """

    format: str
    steps: int | None = None
    steps_from: str | None = None
    before: Mapping[str, Layer] | None = None
    weights_moved: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, Mapping[str, Layer]] = field(default_factory=dict)
    without_statistics: tuple[str, ...] = ()
    certainly: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    batch_only: tuple[str, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    parameters_averaged: tuple[str, ...] = ()
    averaged: bool = False
    doubled: bool = False
    values: bool = True
    training: bool = False
    weight_types: frozenset[str] = frozenset()
    slot_types: frozenset[str] = frozenset()
    by_order: bool = False
