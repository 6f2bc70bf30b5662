"""The normalization layers of a file: their arrays, their options, and which of them are copies of others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.copies import Copies, add_lists
from steadynorm.artifacts.dtypes import width_of
from steadynorm.artifacts.further import further_averages
from steadynorm.artifacts.matching import relative_change
from steadynorm.artifacts.naming import Named, is_batch_norm_class, is_batch_norm_name, named_layers, place_of
from steadynorm.artifacts.options import Options, options_of
from steadynorm.artifacts.walk import natural
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, Statistics
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import Graph, GraphLayer

MOST_CHANNELS = 1 << 22
MOST_VALUES = 1 << 25
"""Most channels of a layer, and of all layers of a file together; more is no normalization layer."""

LEAST_UNSETTLED = 1e-3
"""How much of its start an average in float32 must still have for its updates to be counted from it."""

_COUNTS = ("updates", "settled")

DIFFERENT = 0.01
"""Relative difference from which on an average of a parameter is another parameter."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says about normalization layers.

    Arguments:
        layers: the layers, in the order of the graph or the file.
        without_statistics: layers with gamma or beta of which the file should have statistics and has not.
        certainly: those of them whose statistics the graph names, or of which the file has remains.
        by_name: those of them that nothing but a name tells, which layers of other kinds may have as well.
        batch_only: layers that normalize by batch moments alone, as the file says.
        copies: layers of averaged or target copies: the layer that each is a copy of.
        parameters_averaged: layers of which gamma or beta were averaged over the training and the statistics were not.
        tensors: which tensors each layer is, also those without statistics, by its name.
    """

    layers: tuple[Layer, ...]
    without_statistics: tuple[str, ...] = ()
    certainly: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    batch_only: tuple[str, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    parameters_averaged: tuple[str, ...] = ()
    tensors: Mapping[str, Named] = field(default_factory=dict)


def layers_of(contents: Contents, graph: Graph | None = None) -> Found:
    """The layers of a file, and of the graph that belongs to it.

    Arguments:
        contents: the file.
        graph: what a graph says, `None` without one; the file's own graph counts if there is no other.

    Raises:
        UnusableInputError: an array of a layer cannot be read.
    """
    graph = graph or contents.graph
    copies = Copies(contents.tensors, contents.facts.get("copies"))
    by_name, without = named_layers(
        contents.tensors,
        contents.framework,
        _full_names(contents),
        lambda name, complete: copies.original(name, complete) is not None,
    )
    without = _with_averages(by_name, without, copies)
    add_lists(by_name, contents.tensors)
    options = options_of(contents)
    known = {each.name: each for each in graph.layers} if graph else {}
    groups = _of_graph(known, _by_variable(contents))
    batch_only = {} if known else _batch_only(contents)
    taken = {tensor.name for group in groups for tensor in group.tensors.values()}
    rest = [
        each
        for each in by_name
        if each.name not in known and taken.isdisjoint(tensor.name for tensor in each.tensors.values())
    ]
    lost = [
        each.name
        for each in groups
        if known[each.name].mean is not None and not each.has_statistics and set(each.tensors) & {"gamma", "beta"}
    ]
    # The graph tells which layers keep statistics; one that it does not know may be another model's.
    without = [] if known else _expected(without, contents)
    loader = _Loader(contents)
    loaded = (loader.layer(each, options, known.get(each.name)) for each in (*groups, *rest, *without))
    layers = [layer for layer in loaded if layer is not None]
    layers += _without_tensors(batch_only, options, {each.name for each in layers})
    if contents.framework == "tensorflow" and not known:
        # Its checkpoints are sorted by the letter, so that layer 10 comes before layer 2.
        layers.sort(key=lambda layer: natural(layer.name))
    names = {layer.name for layer in layers}
    certain = [*lost, *(each.name for each in without if each.has_remains)]
    averaged = tuple(each.name for each in (*groups, *rest) if each.name in names and loader.averaged_alone(each))
    return Found(
        tuple(layers),
        tuple(dict.fromkeys([*lost, *(each.name for each in without)])),
        tuple(certain),
        tuple(_told_by_name(without, by_name, contents)),
        tuple(batch_only),
        {name: other for name in names if (other := copies.original(name, names)) is not None},
        averaged,
        {each.name: each for each in (*without, *rest, *groups)},
    )


def _with_averages(complete: list[Named], without: list[Named], copies: Copies) -> list[Named]:
    """Layers without statistics, less the copies of others that have some: those get them as averages of theirs."""
    by_name = {each.name: each for each in complete}
    left = []
    for each in without:
        original = copies.original(each.name, by_name)
        if original is None or each.has_remains:
            left.append(each)
            continue
        for role, tensor in each.tensors.items():
            by_name[original].averages.setdefault(role, tensor)
    return left


def of_graph_alone(graph: Graph, framework: str) -> tuple[Layer, ...]:
    """The layers of a graph without values."""
    options = Options(framework)
    return tuple(_without_values(each, options) for each in graph.layers)


def _without_values(known: GraphLayer, options: Options) -> Layer:
    config, assumed = options.of(known.name, known)
    return Layer(known.name, known.kind, known.channels, config, None, assumed=assumed)


def _of_graph(known: Mapping[str, GraphLayer], tensors: Mapping[str, Tensor]) -> list[Named]:
    groups = []
    for layer in known.values():
        names = {"gamma": layer.gamma, "beta": layer.beta, "mean": layer.mean, "variance": layer.variance}
        count = f"{layer.mean.rpartition('.')[0]}.num_batches_tracked" if layer.mean is not None else None
        names["updates"] = count
        names["settled"] = f"{layer.mean.rpartition('/')[0]}/settled" if layer.mean is not None else None
        stored = {role: tensors[name] for role, name in names.items() if name is not None and name in tensors}
        averages = {
            role: tensors[f"{name}/ExponentialMovingAverage"]
            for role, name in names.items()
            if f"{name}/ExponentialMovingAverage" in tensors
        }
        groups.append(Named(layer.name, stored, averages))
    return groups


class _Loader:
    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._left = MOST_VALUES
        self._frozen = frozenset(_texts(contents.facts.get("untrained")))
        self._kinds = contents.facts.get("kinds")
        # Without its data file a checkpoint tells names only.
        self._has_values = not contents.facts.get("missing")

    def layer(self, group: Named, options: Options, known: GraphLayer | None) -> Layer | None:
        """The layer that these tensors are; `None` if they do not fit together, so that they are something else."""
        config, assumed = options.of(group.name, known)
        vectors = {role: tensor for role, tensor in group.tensors.items() if role not in _COUNTS}
        sizes = {_size(tensor) for tensor in vectors.values()}
        if known is None and (len(sizes) != 1 or max(sizes) > MOST_CHANNELS):
            return None
        channels = max(sizes, default=known.channels if known else 0)
        if len(sizes) > 1 or channels > MOST_CHANNELS:
            vectors = {}
        arrays = {role: self._vector(tensor) for role, tensor in vectors.items()}
        mean, variance = arrays.get("mean"), arrays.get("variance")
        statistics = None
        if mean is not None and variance is not None:
            statistics = Statistics(mean, variance, self._updates(group, config), group.tensors["variance"].dtype)
        affine = [tensor.name for role, tensor in vectors.items() if role in ("gamma", "beta")]
        return Layer(
            name=group.name,
            kind=self._kind(group, known),
            channels=channels,
            config=config,
            statistics=statistics,
            gamma=arrays.get("gamma"),
            beta=arrays.get("beta"),
            frozen=config.frozen or (bool(affine) and self._frozen.issuperset(affine)),
            assumed=assumed,
            further={} if statistics is None else self._further(group.tensors["mean"]),
        )

    def _further(self, mean: Tensor) -> dict[str, Array]:
        tensors = further_averages(self._contents, mean)
        found = {name: self._vector(each) for name, each in tensors.items() if _size(each) == _size(mean)}
        return {name: values for name, values in found.items() if values is not None}

    def averaged_alone(self, group: Named) -> bool:
        """Whether gamma or beta have averages that differ from them, and the statistics have none."""
        if not group.averages or {"mean", "variance"} & set(group.averages) or not group.has_statistics:
            return False
        for role, average in group.averages.items():
            own = group.tensors.get(role)
            if own is not None and own.shape == average.shape:
                now, averaged = self._vector(own), self._vector(average)
                if now is not None and averaged is not None and relative_change(now, averaged) > DIFFERENT:
                    return True
        return False

    def _vector(self, tensor: Tensor) -> Array | None:
        if not self._has_values or width_of(tensor.dtype) is None:
            return None
        self._left -= _size(tensor)
        if self._left < 0:
            raise UnusableInputError(f"{tensor.name}: the layers of the file have over {MOST_VALUES} channels together")
        return np.asarray(tensor.load(), np.float64).reshape(-1)

    def _updates(self, group: Named, config: NormConfig) -> int | None:
        settled = self._number(group.tensors.get("settled"))
        if settled is not None:
            return _settling(settled, config.decay)
        count = self._number(group.tensors.get("updates"))
        return None if count is None or not 0 <= count < 1 << 53 else int(count)

    def _number(self, tensor: Tensor | None) -> float | None:
        if tensor is None or tensor.shape not in ((), (1,)):
            return None
        value = self._vector(tensor)
        return None if value is None or not np.isfinite(value[0]) else float(value[0])

    def _kind(self, group: Named, known: GraphLayer | None) -> str:
        if known is not None:
            return known.kind
        if isinstance(self._kinds, Mapping) and isinstance(self._kinds.get(group.name), str):
            return str(self._kinds[group.name])
        return "BatchNorm" if self._contents.framework in ("torch", "flax") else "BatchNormalization"


def _settling(settled: float, decay: float | None) -> int | None:
    """How many updates of a debiased average make it this settled, 1 − decayᵗ; `None` where rounding hides it."""
    if decay is None or not 0 < decay < 1 or not 0 <= settled <= 1 - LEAST_UNSETTLED:
        return None
    return round(math.log1p(-settled) / math.log(decay))


def _expected(without: list[Named], contents: Contents) -> list[Named]:
    """Those of the layers without statistics of which PyTorch does not say that they keep none."""
    modules, versions = (contents.facts.get(each) or {} for each in ("modules", "versions"))
    if not isinstance(modules, Mapping) or not isinstance(versions, Mapping):
        return without
    return [each for each in without if not _keeps_none(modules.get(each.name), versions.get(each.name))]


def _told_by_name(without: list[Named], complete: list[Named], contents: Contents) -> list[str]:
    """Those of the layers without statistics that only a name tells, which its user chose.

    Where it was the framework that named a layer by its class, or PyTorch noted what it is, or where layers at the same
    place of other blocks have statistics, there is more than that.
    """
    modules, versions = (contents.facts.get(each) or {} for each in ("modules", "versions"))
    noted = {*modules, *versions} if isinstance(modules, Mapping) and isinstance(versions, Mapping) else set()
    places = {place_of(each.name) for each in complete}
    found = []
    for each in without:
        if contents.framework in ("tensorflow", "keras"):
            told = is_batch_norm_name(each.name)
        else:
            told = contents.framework == "flax" and is_batch_norm_class(each.name)
        if not (told or each.has_remains or each.name in noted or place_of(each.name) in places):
            found.append(each.name)
    return found


def _batch_only(contents: Contents) -> dict[str, int]:
    """PyTorch's layers that keep no statistics, as the file of a whole module says, and how many channels they have."""
    modules = contents.facts.get("modules")
    found = {}
    for name, module in modules.items() if isinstance(modules, Mapping) else ():
        if not isinstance(module, Mapping) or "BatchNorm" not in str(module.get("class", "")):
            continue
        channels = module.get("num_features")
        if module.get("track_running_stats") is False and isinstance(channels, int) and 0 < channels <= MOST_CHANNELS:
            found[str(name)] = channels
    return found


def _without_tensors(batch_only: Mapping[str, int], options: Options, names: set[str]) -> Iterator[Layer]:
    for name, channels in batch_only.items():
        if name not in names:
            config, assumed = options.of(name)
            yield Layer(name, "BatchNorm", channels, config, None, assumed=assumed)


def _keeps_none(module: object, version: object) -> bool:
    """Whether PyTorch says that a layer keeps no statistics on purpose, or is of another kind.

    A state dict notes the version of each module: that of batch normalization is 2, that of the layers that people put
    in its place under the same name is 1.
    """
    if version == 1:
        return True
    if not isinstance(module, Mapping):
        return False
    return module.get("track_running_stats") is False or "BatchNorm" not in str(module.get("class", "BatchNorm"))


def _size(tensor: Tensor) -> int:
    size = 1
    for length in tensor.shape:
        size *= length
    return size


def _by_variable(contents: Contents) -> dict[str, Tensor]:
    """The tensors by the names that a graph has for them: of a checkpoint of objects, those of the variables."""
    names = _full_names(contents) or {}
    own = {full: contents.tensors[key] for key, full in names.items() if key in contents.tensors}
    return {**own, **contents.tensors}


def _full_names(contents: Contents) -> dict[str, str] | None:
    found = contents.facts.get("full_names")
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, Mapping) else None


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
