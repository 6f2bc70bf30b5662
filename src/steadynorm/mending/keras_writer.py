"""Writes an HDF5 file of layers by name, as Keras' `load_weights(..., by_name=True)` reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.dtypes import decode
from steadynorm.mending.raw import Raw

_ORDER = ("gamma", "beta", "moving_mean", "moving_variance")
"""Keras takes the weights of a layer in the order in which it made them."""


def write(places: Sequence[Path], tensors: Iterable[Raw]) -> None:
    """Writes the file.

    Arguments:
        places: where to.
        tensors: named `<layer>/gamma` and so on.
    """
    layers: dict[str, dict[str, Raw]] = {}
    for each in tensors:
        layer, _, last = each.name.rpartition("/")
        layers.setdefault(layer, {})[last] = each
    with h5py.File(places[0], "x") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers], "S")
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.15.0"
        for layer, own in layers.items():
            group = file.create_group(layer)
            names = [name for name in _ORDER if name in own] + [name for name in own if name not in _ORDER]
            group.attrs["weight_names"] = np.array([f"{layer}/{name}:0".encode() for name in names], "S")
            for name in names:
                group.create_dataset(f"{layer}/{name}:0", data=_values(own[name]))


def _values(tensor: Raw) -> npt.NDArray[np.generic]:
    """Its values, widened to 32 bits where HDF5 lacks the type."""
    return decode(tensor.read(), tensor.dtype, tensor.shape, "the checkpoint", tensor.name)
