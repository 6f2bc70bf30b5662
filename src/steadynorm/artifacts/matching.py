"""Which layers and weights of two files are the same ones, and how far they are apart."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from itertools import islice

import numpy as np

from steadynorm.artifacts.contents import Tensor
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer

MOST_WEIGHTS = 64
MOST_VALUES = 1 << 24
"""How many of the other weights are compared, and how many values they may have together: to see that a model was
trained on, a sample is enough."""

_INSIDE = re.compile(r"(?<![^/.])(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)[/.]")
"""Wrappers that stand anywhere in a name, around the part that was wrapped."""

_NUMBERED = re.compile(r"(?P<stem>.*?)(?:_\d+)?")
_WRAPPERS = re.compile(r"^(?:(?:module|model|state_dict|net|network|_orig_mod|params)[/.])+")


_AUTOMATIC = ("batch_normalization", "sync_batch_normalization", "batch_normalization_v1", "batch_normalization_v2")


def matched(layers: Iterable[Layer], before: Iterable[Layer]) -> dict[str, Layer]:
    """By layer of the one file, the same layer of the other.

    Names count first, then names without the wrappers around them, then parameters that are the same in all channels,
    since a conversion between frameworks changes every name and no value; then names behind what all of one file begin
    with, as `encoder.`.
    """
    layers, left = list(layers), list(before)
    found: dict[str, Layer] = {}
    keys: tuple[Callable[[Layer], Hashable], ...] = (
        lambda layer: layer.name,
        lambda layer: unwrapped(layer.name),
        lambda layer: _fingerprint(layer.gamma, layer.beta),
        lambda layer: _fingerprint(None if layer.statistics is None else layer.statistics.mean),
    )
    for key in keys:
        by_key: dict[Hashable, list[Layer]] = {}
        for layer in left:
            by_key.setdefault(key(layer), []).append(layer)
        for layer in layers:
            same = by_key.get(key(layer), [])
            if layer.name in found or key(layer) is None or len(same) != 1:
                continue
            if same[0].channels == layer.channels:
                found[layer.name] = same[0]
        taken = {id(each) for each in found.values()}
        left = [layer for layer in left if id(layer) not in taken]
    here = {layer.name: layer for layer in layers if layer.name not in found}
    there = {layer.name: layer for layer in left}
    for name, other in behind_a_front(here, there).items():
        if here[name].channels == there[other].channels:
            found[name] = there[other]
    return found


def behind_a_front(names: Collection[str], others: Collection[str]) -> dict[str, str]:
    """By name the other one, if all names of either side are those of the other behind one front, as `encoder.`."""
    return _with_front(names, others) or {there: here for here, there in _with_front(others, names).items()}


def _with_front(longer: Collection[str], shorter: Collection[str]) -> dict[str, str]:
    by_front: dict[str, dict[str, str]] = {}
    for name in longer:
        parts = re.split(r"(?<=[/.])", name)
        for cut in range(1, len(parts)):
            other = "".join(parts[cut:])
            if other in shorter:
                by_front.setdefault("".join(parts[:cut]), {})[name] = other
    # A front that only some of the names behind it share with the other side is a coincidence.
    whole = [
        pairs
        for front, pairs in by_front.items()
        if len(pairs) == sum(name.startswith(front) for name in longer) and 2 * len(pairs) > len(shorter)
    ]
    most = max(map(len, whole), default=0)
    best = [pairs for pairs in whole if len(pairs) == most]
    # Of two models in one file, as generator and critic, nothing tells which is meant.
    return best[0] if len(best) == 1 else {}


def unwrapped(name: str) -> str:
    """A name without the wrappers that frameworks and training loops put around a model."""
    return _INSIDE.sub("", _WRAPPERS.sub("", name)).replace("/", ".")


def are_numbered_anew(layers: Sequence[Layer], before: Sequence[Layer]) -> bool:
    """Whether two files have the same layers in the same order, under the automatic names of two builds.

    Keras counts on with each model that a process builds, so that the numbers of one build say nothing about another.
    """
    if not layers or {each.name for each in layers} == {each.name for each in before}:
        return False
    first, second = ([(_stem(each.name), each.channels) for each in some] for some in (layers, before))
    stems = {stem for stem, _ in first}
    return first == second and len(stems) == 1 and stems.pop().rpartition("/")[2] in _AUTOMATIC


def in_order(layers: Iterable[Layer], before: Iterable[Layer]) -> dict[str, Layer]:
    """By layer of the one file, the layer at the same place of the other."""
    return {layer.name: other for layer, other in zip(layers, before, strict=True)}


def weights_moved(
    now: Mapping[str, Tensor], before: Mapping[str, Tensor], layers: Mapping[str, Layer] | None = None
) -> dict[str, float]:
    """Root mean square change of weights that both files have, relative to their own; of a sample, by name.

    A weight that has another shape now, as that of a new head, is another one altogether: its change is 1.

    Arguments:
        now: the weights of the one file.
        before: those of the other.
        layers: by layer of the one file the same layer of the other, which shows what its names begin with.
    """
    names = _same_names(now, before, layers or {})
    before = {name: before[other] for name, other in names.items()}
    shared = [name for name, tensor in now.items() if name in before and before[name].shape == tensor.shape]
    sizes = {name: math.prod(now[name].shape) for name in shared}
    chosen = sorted(shared, key=lambda name: sizes[name])
    replaced = (name for name, tensor in now.items() if name in before and before[name].shape != tensor.shape)
    found = dict.fromkeys(islice(replaced, MOST_WEIGHTS), 1.0)
    left = MOST_VALUES
    for name in chosen[:: max(1, len(chosen) // MOST_WEIGHTS)]:
        left -= sizes[name]
        if left < 0:
            break
        try:
            first, second = (np.asarray(each[name].load(), np.float64) for each in (before, now))
        except (UnusableInputError, TypeError, ValueError):
            continue
        if first.size and np.all(np.isfinite(first)) and np.all(np.isfinite(second)):
            found[name] = relative_change(first, second)
    return found


def _same_names(now: Mapping[str, Tensor], before: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> dict[str, str]:
    """By name of a weight of the one file, its name in the other."""
    plain: dict[str, list[str]] = {}
    for name in before:
        plain.setdefault(unwrapped(name), []).append(name)
    fronts = dict.fromkeys(_fronts(name, layer.name) for name, layer in layers.items())
    found = {}
    for name in now:
        moved = (second + name[len(first) :] for first, second in fronts if name.startswith(first))
        same = plain.get(unwrapped(name), [])
        other = next((each for each in (name, *moved) if each in before), same[0] if len(same) == 1 else None)
        if other is not None:
            found[name] = other
    return found


def _fronts(first: str, second: str) -> tuple[str, str]:
    """What two names begin with, up to the parts at their ends that are the same."""
    one, other = (re.split(r"(?<=[/.])", each) for each in (first, second))
    while one and other and one[-1] == other[-1]:
        one.pop()
        other.pop()
    return "".join(one), "".join(other)


def _stem(name: str) -> str:
    found = _NUMBERED.fullmatch(name)
    return name if found is None else found["stem"]


def relative_change(before: Array, now: Array) -> float:
    """Root mean square of the change, relative to that of the values before; 1 for what was zero."""
    with np.errstate(all="ignore"):
        scale = float(np.sqrt(np.mean(np.square(before))))
        change = float(np.sqrt(np.mean(np.square(now - before))))
    return change / scale if scale else float(change > 0)


def _fingerprint(*arrays: Array | None) -> Hashable:
    """The values themselves, where they say anything: not all the same."""
    if any(each is None for each in arrays):
        return None
    with np.errstate(all="ignore"):
        values = [np.asarray(each, np.float32) for each in arrays]
    if all(each.size == 0 or np.all(each == each.flat[0]) for each in values):
        return None
    return tuple(each.tobytes() for each in values)
