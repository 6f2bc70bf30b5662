"""Which layers and weights of two files are the same ones, and how far they are apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping

import numpy as np

from steadynorm.artifacts.contents import Tensor
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer

MOST_WEIGHTS = 64
MOST_BYTES = 1 << 24
"""How many of the other weights are compared, and how large they may be: to see that a model was trained on, a sample
is enough."""

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
    sizes = {name: int(np.prod(now[name].shape, dtype=np.float64)) * 4 for name in shared}
    chosen = sorted((name for name in shared if sizes[name] <= MOST_BYTES), key=lambda name: sizes[name])
    stride = max(1, len(chosen) // MOST_WEIGHTS)
    found = {}
    for name in chosen[::stride]:
        try:
            first, second = (np.asarray(each[name].load(), np.float64) for each in (before, now))
        except (UnusableInputError, TypeError, ValueError):
            continue
        if first.size and np.all(np.isfinite(first)) and np.all(np.isfinite(second)):
            scale = float(np.sqrt(np.mean(np.square(first))))
            change = float(np.sqrt(np.mean(np.square(second - first))))
            found[name] = change / scale if scale else float(change > 0)
    return found


def _fingerprint(*arrays: Array | None) -> Hashable:
    """The values themselves, where they say anything: not all the same."""
    if any(each is None for each in arrays):
        return None
    values = [np.asarray(each, np.float32) for each in arrays]
    if all(each.size == 0 or np.all(each == each.flat[0]) for each in values):
        return None
    return tuple(each.tobytes() for each in values)
