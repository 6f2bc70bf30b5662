"""Makes the weights of one configuration of a layer out of those of another, as a file of it holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_STATISTICS = 2
_RENORM = 3


def completed(layer: Any, store: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the weights that the layer needs, by number.

    Args:
        layer: a built BatchNormalization.
        store: weights of one of the same `scale` and `center`, by number as Keras numbers them.

    Returns:
        `store` itself where it holds what it should, or what nothing can be made of, which Keras then refuses.
    """
    # Keras raises for a layer that is not built, and says what to do.
    if not layer.built or len(store.keys()) == len(layer.weights):
        return store
    found = [np.asarray(store[str(number)]) for number in range(len(store.keys()))]
    base = _STATISTICS + (layer.gamma is not None) + (layer.beta is not None)
    channels = layer.moving_mean.shape
    settled = [found.pop()] if found and found[-1].shape == () else []
    if len(found) not in (base, base + _RENORM) or any(each.shape != channels for each in found):
        return store
    basic, renorm = found[:base], found[base:]
    if layer.renorm:
        mean, variance = basic[-_STATISTICS:]
        stddev = np.sqrt(variance + layer.epsilon)
        basic += renorm or [stddev, mean, stddev]
    if layer.debias:
        basic += settled or [np.ones((), basic[-1].dtype)]
    return {str(number): each for number, each in enumerate(basic)}
