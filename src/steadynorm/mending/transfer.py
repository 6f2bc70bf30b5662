"""Takes statistics that a checkpoint lacks, or has at their initial values, from another checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steadynorm.artifacts import formats
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.layers import layers_of
from steadynorm.artifacts.matching import are_numbered_anew, behind_a_front, in_order
from steadynorm.artifacts.naming import OBJECT_KEY
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Layer, Statistics
from steadynorm.mending.additions import check_possible, write_added
from steadynorm.mending.maps import read_map
from steadynorm.mending.planning import Opened, Plan, epsilon_of, opened, rounding_error
from steadynorm.mending.raw import Raw, of_values
from steadynorm.mending.records import Mended, NewStatistics
from steadynorm.report.words import folded

StrPath = str | os.PathLike[str]

_STATISTICS = {
    "weight": ("running_mean", "running_var"),
    "bias": ("running_mean", "running_var"),
    "gamma": ("moving_mean", "moving_variance"),
    "beta": ("moving_mean", "moving_variance"),
}
"""What the statistics are called beside gamma and beta of these names."""


@dataclass(frozen=True, slots=True)
class _Lack:
    """A layer whose statistics the file lacks: the names that they are to have, and a tensor beside them."""

    mean: str
    variance: str
    beside: Tensor


def take_statistics(
    checkpoint: StrPath,
    other: StrPath,
    output: StrPath,
    *,
    names: Mapping[str, object] | StrPath | None = None,
    dry_run: bool = False,
) -> Mended:
    """Writes a copy of a checkpoint with the statistics that it lacks, taken from another checkpoint.

    Layers whose statistics are missing, or at their initial values, get those of the layer of the same name in the
    other checkpoint; else of the only one whose name ends like theirs. The others keep what they have.

    Arguments:
        checkpoint: what is mended.
        other: where the statistics are; of any format.
        output: see `repair_checkpoint`.
        names: by layer (or one of its tensors) of the checkpoint, the layer (or tensor) of the other one; a mapping or
            a JSON file. Layers that it does not name are matched as without it.
        dry_run: whether to write nothing and only say what would be.

    Returns:
        old and new statistics by layer, and where they come from.

    Raises:
        UnusableInputError: no layer lacks anything or nothing fits, a name of the map is unknown, the format takes no
            new tensors, or the output exists or cannot be written; nothing is written then.
    """
    plan = Plan(opened(checkpoint, output, with_layers=False))
    origin = os.fspath(other)
    theirs = _with_statistics(formats.read(origin), origin)
    pairs, explicit = _pairs(plan.opened, theirs, names, origin)
    layers = plan.opened.layers()
    additions: list[Raw] = []
    for name, given in pairs.items():
        own, source = layers.get(name), theirs[given]
        statistics = source.statistics
        assert statistics is not None
        if own is not None and own.statistics is not None and not own.statistics.at_initialization:
            if name in explicit:
                plan.notes.append(f"left alone: '{name}': it has statistics of its own")
            continue
        if problem := _problem(source, own):
            plan.notes.append(f"left alone: '{name}': {problem} in {origin}")
            continue
        if own is not None and own.statistics is not None:
            tensors = plan.opened.named(name).tensors
            places = (tensors["mean"].name, tensors["variance"].name)
            epsilon = epsilon_of(own)
            plan.replace(name, places, statistics.mean, statistics.variance, epsilon=epsilon, taken_from=given)
        else:
            additions += _added(plan, name, given, statistics)
    if not plan.layers:
        reasons = f" ({'; '.join(plan.notes[:3])})" if plan.notes else ""
        raise UnusableInputError(
            f"{plan.opened.path}: nothing to take from {origin}: no layer that lacks statistics, or has them at their "
            f"initial values, fits one of {folded(list(theirs))}{reasons}"
        )
    plan.notes += [
        f"left alone: '{name}': it is at its initial values, and no layer of {origin} fits it"
        for name, layer in layers.items()
        if name not in pairs and layer.statistics is not None and layer.statistics.at_initialization
    ]
    if not additions:
        return plan.patch(dry_run)
    check_possible(plan.opened.contents, plan.opened.path)
    if dry_run:
        return plan.mended()
    write_added(plan.opened.contents, plan.opened.path, plan.opened.layout, plan.values, additions)
    return plan.mended(plan.opened.layout.written)


def _with_statistics(contents: Contents, path: str) -> dict[str, Layer]:
    found = layers_of(contents)
    layers = {each.name: each for each in found.layers if each.statistics is not None and each.name not in found.copies}
    if not layers:
        raise UnusableInputError(f"{path}: has no statistics of normalization layers to take")
    return layers


def _problem(source: Layer, own: Layer | None) -> str | None:
    """Why statistics are not worth taking."""
    statistics = source.statistics
    assert statistics is not None
    if statistics.at_initialization:
        return f"those of '{source.name}' are at their initial values, too,"
    if not (np.all(np.isfinite(statistics.mean)) and np.all(np.isfinite(statistics.variance))):
        return f"those of '{source.name}' are not finite"
    if np.any(statistics.variance < 0):
        return f"'{source.name}' has a negative variance"
    if own is not None and own.channels != source.channels:
        return f"it has {own.channels} channels, and '{source.name}' {source.channels}"
    return None


def _added(plan: Plan, name: str, given: str, statistics: Statistics) -> list[Raw]:
    lack = _lacking(plan.opened.contents, name)
    if lack is None:
        plan.notes.append(f"left alone: '{name}': the file has only one of its statistics, or no gamma or beta of it")
        return []
    if int(np.prod(lack.beside.shape)) != statistics.mean.size:
        plan.notes.append(
            f"left alone: '{name}': {lack.beside.name} has the shape {list(lack.beside.shape)}, and '{given}' "
            f"{statistics.mean.size} channels"
        )
        return []
    # Statistics are kept in full precision where the weights are not.
    dtype = lack.beside.dtype if lack.beside.dtype == "float64" else "float32"
    added = [of_values(lack.mean, dtype, statistics.mean), of_values(lack.variance, dtype, statistics.variance)]
    mean, variance = (np.asarray(each.array(), np.float64) for each in added)
    epsilon = epsilon_of(None)
    rounding = rounding_error((statistics.mean, statistics.variance), (mean, variance), epsilon)
    plan.layers.append(NewStatistics(name, mean, variance, None, None, epsilon, dtype, rounding, given))
    return added


def _lacking(contents: Contents, layer: str) -> _Lack | None:
    """What a layer lacks of which the file has gamma or beta; `None` if it has neither, or has statistics."""
    for separator in ("/", "."):
        for last, (mean, variance) in _STATISTICS.items():
            beside = contents.tensors.get(f"{layer}{separator}{last}")
            if beside is not None and len(beside.shape) == 1:
                names = f"{layer}{separator}{mean}", f"{layer}{separator}{variance}"
                return None if set(names) & set(contents.tensors) else _Lack(*names, beside)
    return None


def _pairs(
    checkpoint: Opened, theirs: Mapping[str, Layer], names: Mapping[str, object] | StrPath | None, origin: str
) -> tuple[dict[str, str], set[str]]:
    """By layer of the checkpoint the layer that its statistics come from; and which of them the user named."""
    own = {*checkpoint.layers(), *_candidates(checkpoint)}
    given: dict[str, str] = {}
    for left, right in read_map(names).items():
        layer, source = _resolved(left, own), _resolved(right.name, set(theirs))
        if layer is None or source is None:
            where, name = (checkpoint.path, left) if layer is None else (origin, right.name)
            raise UnusableInputError(f"{where}: has no normalization layer '{name}', which the map names")
        given[layer] = source
    found = dict(given)
    plain = {_plain(name): name for name in theirs}
    layers = checkpoint.layers()
    if are_numbered_anew(list(layers.values()), list(theirs.values())):
        return {name: layer.name for name, layer in in_order(layers.values(), theirs.values()).items()} | given, set(
            given
        )
    mine = {_plain(name): name for name in own}
    found |= {
        mine[name]: plain[other] for name, other in behind_a_front(mine, plain).items() if mine[name] not in given
    }
    for name in sorted(own - set(found)):
        source = _counterpart(name, theirs, plain) or _counterpart(_object(checkpoint, name), theirs, plain)
        if source is not None:
            found[name] = source
    return {name: found[name] for name in (*checkpoint.layers(), *sorted(own)) if name in found}, set(given)


def _object(checkpoint: Opened, layer: str) -> str:
    """Where a layer's statistics are, which in a checkpoint of objects is not what its variables are called."""
    named = checkpoint.found.tensors.get(layer)
    mean = named.tensors.get("mean") if named is not None else None
    return layer if mean is None else re.split(r"[/.](?=[^/.]*$)", mean.name.removesuffix(OBJECT_KEY))[0]


def _candidates(checkpoint: Opened) -> set[str]:
    """Layers without statistics that may be normalization layers: those with a vector called as gamma or beta."""
    contents, found = checkpoint.contents, set()
    complete = {
        tensor.name
        for named in checkpoint.found.tensors.values()
        if named.has_statistics
        for tensor in named.tensors.values()
    }
    for tensor in contents.tensors.values():
        if tensor.name in complete:
            continue
        layer, last = re.fullmatch(r"(?:(.*)[/.])?([^/.]*)", tensor.name, re.DOTALL).groups("")  # type: ignore[union-attr]
        if last in _STATISTICS and layer and len(tensor.shape) == 1 and _lacking(contents, layer) is not None:
            found.add(layer)
    return found


def _resolved(name: str, layers: set[str]) -> str | None:
    """The layer that is named, itself or by one of its tensors."""
    if name in layers:
        return name
    above = re.sub(r"[/.][^/.]*$", "", name)
    return above if above in layers else None


def _counterpart(name: str, theirs: Mapping[str, Layer], plain: Mapping[str, str]) -> str | None:
    """The layer of the same name, or the only one whose name ends like it."""
    if name in theirs:
        return name
    key = _plain(name)
    if key in plain:
        return plain[key]
    ends = [other for other in plain if other.endswith(f".{key}") or key.endswith(f".{other}")]
    return plain[ends[0]] if len(ends) == 1 else None


def _plain(name: str) -> str:
    return ".".join(part for part in re.split(r"[/.]", name) if part not in ("module", "_orig_mod"))
