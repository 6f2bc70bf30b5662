"""Which tensors of a file are one normalization layer's, told by the names that the frameworks give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.artifacts.contents import Tensor

OBJECT_KEY = "/.ATTRIBUTES/VARIABLE_VALUE"
"""How the keys of a TensorFlow checkpoint of objects end."""

AVERAGE = re.compile(r"ExponentialMovingAverage(_\d+)?")
"""What tf.train.ExponentialMovingAverage adds to the name of what it averages."""

_STATISTICS = {
    "moving_mean": "mean",
    "moving_variance": "variance",
    "running_mean": "mean",
    "running_var": "variance",
    "running_variance": "variance",
}
_ROLES = {**_STATISTICS, "gamma": "gamma", "beta": "beta", "num_batches_tracked": "updates"}
_AFFINE = {"weight": "gamma", "scale": "gamma", "bias": "beta"}
"""Names that layers of other kinds use as well."""

_FLAX = {"mean": "mean", "var": "variance"}
_FLAX_COLLECTION = re.compile(r"(?:(?P<front>\w+?)_)?(?:params|batch_stats)(?:_(?P<back>\w+))?")
_FLAX_WRAPPERS = ("value", "raw_value")
OPTIMIZERS = frozenset({"optimizer", "optimizer_weights", "optimizer_state", "opt_state", ".OPTIMIZER_SLOT"})

Place: TypeAlias = tuple[str, str, bool]
"""A layer, a role, and whether it is an average over the training."""

_BATCH_NORM = re.compile(r"batch_?norm|(?:^|_)bn(?:_|$)")
_BATCH_NORM_CLASS = re.compile(r"batch_?norm")
_GENERIC = frozenset({"", "norm", "layer", "block"})


@dataclass(slots=True)
class Named:
    """The tensors of one layer.

    Arguments:
        name: the layer's name.
        tensors: by role: `gamma`, `beta`, `mean`, `variance`, `updates`.
        averages: averages of them over the training, likewise.
    """

    name: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    averages: dict[str, Tensor] = field(default_factory=dict)

    @property
    def has_statistics(self) -> bool:
        """Whether both moments are there."""
        return "mean" in self.tensors and "variance" in self.tensors

    @property
    def has_remains(self) -> bool:
        """Whether something is there that only layers with statistics have, as the count of their updates."""
        return not {"mean", "variance", "updates"}.isdisjoint(self.tensors)


def named_layers(
    tensors: Mapping[str, Tensor],
    framework: str,
    full_names: Mapping[str, str] | None = None,
    is_expected: Callable[[str, Collection[str]], bool] = lambda name, complete: False,
) -> tuple[list[Named], list[Named]]:
    """The layers of a file.

    Arguments:
        tensors: all of its tensors.
        framework: as in `Contents`.
        full_names: names of variables by key, where the file has them.
        is_expected: whether a layer should have statistics, for what its name does not say; is told its name, and
            those of the layers that have some.

    Returns:
        layers with statistics, and layers that look as if they should have some.
    """
    is_flax = framework == "flax" or any("batch_stats" in re.split(r"[/.]", name) for name in tensors)
    found: dict[str, Named] = {}
    for name, (layer, role, averaged) in _places(tensors, is_flax, full_names or {}).items():
        group = found.setdefault(layer, Named(layer))
        (group.averages if averaged else group.tensors).setdefault(role, tensors[name])
    complete = [each for each in found.values() if each.has_statistics]
    names = {each.name for each in complete}
    return complete, list(_without(found.values(), names, is_expected))


def base_of(layer: str) -> str:
    """The last part of a layer's name without its number, in small letters: `bn` of `layer1.0.bn2`."""
    return re.sub(r"[_\d]+$", "", re.split(r"[/.]", layer)[-1]).lower()


def is_batch_norm_name(layer: str) -> bool:
    """Whether a layer is called as if it were batch normalization."""
    return _BATCH_NORM.search(base_of(layer)) is not None


def is_batch_norm_class(layer: str) -> bool:
    """Whether a layer has the name of the class, as those have that were given none."""
    return _BATCH_NORM_CLASS.match(base_of(layer)) is not None


def place_of(layer: str) -> str:
    """A layer's name without the numbers of the blocks around it: layers at the same place of several blocks share it.

    In `layer1.0.bn2` and `layer1.1.bn2` it is the same, in `layer1.0.bn1` another one.
    """
    around, separator, own = re.fullmatch(r"(?s)(.*?)([./]?)([^./]*)", layer).groups()  # type: ignore[union-attr]
    return re.sub(r"\d+", "#", around) + separator + own


def _places(tensors: Mapping[str, Tensor], is_flax: bool, full_names: Mapping[str, str]) -> dict[str, Place]:
    """Where each tensor belongs that is a layer's.

    A checkpoint of objects keeps a variable under some path that leads to it, perhaps by the optimizer's list; its own
    name says more, unless several have the same.
    """
    by_key = {name: place for name in tensors if (place := _place(name, is_flax)) is not None}
    by_name = {key: place for key, name in full_names.items() if (place := _place(name, is_flax)) is not None}
    own = [by_name[key] for key in by_key if key in by_name]
    places = by_key | by_name if len(set(own)) == len(own) else by_name | by_key
    return {name: places[name] for name in tensors if name in places}


def _place(name: str, is_flax: bool) -> Place | None:
    """What a name says; `None` for what is no layer's."""
    text = name.removesuffix(OBJECT_KEY).removesuffix(":0")
    separator = "/" if "/" in text else "."
    parts = text.split(separator)
    if len(parts) < 2 or not OPTIMIZERS.isdisjoint(parts):
        return None
    averaged = AVERAGE.fullmatch(parts[-1]) is not None
    if averaged or (is_flax and parts[-1] in _FLAX_WRAPPERS):
        parts.pop()
    if parts[-1] == "local_step" and len(parts) > 2 and parts[-2] in _STATISTICS:
        # TensorFlow's debiased averages count their updates.
        return separator.join(parts[:-2]), "updates", averaged
    role = _ROLES.get(parts[-1]) or (_FLAX.get(parts[-1]) if is_flax else None) or _AFFINE.get(parts[-1])
    if role is None:
        return None
    if is_flax:
        parts = [each for part in parts for each in _without_collection(part)]
    return separator.join(parts[:-1]), role, averaged


def _without_collection(part: str) -> tuple[str, ...]:
    """A part of a name in Flax, without the collection that it names: `ema` of `ema_params` and `ema_batch_stats`."""
    found = _FLAX_COLLECTION.fullmatch(part)
    if found is None:
        return (part,)
    return ("_".join(filter(None, found.groups())),) if any(found.groups()) else ()


def _without(
    groups: Iterable[Named], complete: Collection[str], is_expected: Callable[[str, Collection[str]], bool]
) -> Iterable[Named]:
    """Layers with gamma or beta and no statistics, whose name or whose siblings say that they have some."""
    bases = {base_of(name) for name in complete}
    for each in groups:
        vectors = [tensor for role, tensor in each.tensors.items() if role in ("gamma", "beta")]
        if each.has_statistics or not vectors or any(len(tensor.shape) != 1 for tensor in vectors):
            continue
        base = base_of(each.name)
        if (
            each.has_remains
            or is_batch_norm_name(each.name)
            or (base in bases and base not in _GENERIC)
            or is_expected(each.name, complete)
        ):
            yield each
