"""What mending a checkpoint needs of Keras: its weights in a model, and where the file keeps each statistic."""

from __future__ import annotations

from typing import Any

import numpy as np

from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.keras.layers import epsilon_of, normalization_layers, value

_STATISTICS = ("moving_mean", "moving_variance")


def load(model: Any, contents: Contents, path: str) -> dict[str, str]:
    """Puts the weights of a checkpoint into a model, and returns the checkpoint's name of each statistic.

    Raises:
        UnusableInputError: they do not fit.
    """
    if not path.endswith((".keras", ".h5", ".hdf5")):
        raise UnusableInputError(f"{path}: a {contents.format}; expected a .keras or .weights.h5 file of Keras")
    try:
        model.load_weights(path)
    except Exception as error:
        raise UnusableInputError(
            f"{path}: is not of the subject's model: {str(error).strip().splitlines()[0]}"
        ) from error
    names: dict[str, str] = {}
    for layer, held in normalization_layers(model).items():
        for statistic in _STATISTICS:
            found = _stored_name(contents, layer, statistic, value(getattr(held, statistic)))
            if found is not None:
                names[f"{layer}/{statistic}"] = found
    return names


def statistics_keys(model: Any, layer: str) -> tuple[str, str]:
    """What `load` calls the mean and the variance of a layer."""
    return f"{layer}/{_STATISTICS[0]}", f"{layer}/{_STATISTICS[1]}"


def statistics(model: Any, layer: str) -> tuple[Array, Array]:
    """Mean and variance of a layer, in float64."""
    found = normalization_layers(model)[layer]
    mean, variance = value(found.moving_mean), value(found.moving_variance)
    assert mean is not None
    assert variance is not None
    return mean, variance


def epsilon(model: Any, layer: str) -> float:
    """What a layer adds to the variance."""
    return epsilon_of(normalization_layers(model)[layer])


def _stored_name(contents: Contents, layer: str, statistic: str, loaded: Array | None) -> str | None:
    """The tensor that holds a statistic: it has the layer's name, or is the only one with what was just loaded."""
    if f"{layer}/{statistic}" in contents.tensors:
        return f"{layer}/{statistic}"
    same = [
        name
        for name, tensor in contents.tensors.items()
        if name.endswith(f"/{statistic}")
        and loaded is not None
        and np.array_equal(np.asarray(tensor.load(), np.float64).ravel(), loaded)
    ]
    return same[0] if len(same) == 1 else None
