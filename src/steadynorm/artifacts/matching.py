"""Which layers and weights of two files are the same ones, and how far they are apart."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping

import numpy as np

from steadynorm.artifacts.contents import Tensor
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer

MOST_WEIGHTS = 64
MOST_VALUES = 1 << 24
"""How many of the other weights are compared, and how many values they may have together: to see that a model was
trained on, a sample is enough."""

_WRAPPERS = re.compile(r"^(?:(?:module|model|state_dict|net|network|_orig_mod|params)[/.])+")


def matched(layers: Iterable[Layer], before: Iterable[Layer]) -> dict[str, Layer]:
    """By layer of the one file, the same layer of the other.

    Names count first, then names without the wrappers around them, then parameters that are the same in all channels:
    a conversion between frameworks changes every name and no value.
    """
    layers, left = list(layers), list(before)
    found: dict[str, Layer] = {}
    keys: tuple[Callable[[Layer], Hashable], ...] = (
        lambda layer: layer.name,
        lambda layer: _WRAPPERS.sub("", layer.name).replace("/", "."),
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
    return found


def weights_moved(now: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, float]:
    """Root mean square change of weights that both files have, relative to their own; of a sample, by name."""
    shared = [name for name, tensor in now.items() if name in before and before[name].shape == tensor.shape]
    sizes = {name: math.prod(now[name].shape) for name in shared}
    chosen = sorted(shared, key=lambda name: sizes[name])
    found: dict[str, float] = {}
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
