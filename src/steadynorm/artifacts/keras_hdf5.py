"""Keras models and weights in HDF5 files: `.h5` of every version, and Keras 3's `.weights.h5`."""

from __future__ import annotations

from steadynorm.artifacts import hdf5
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.keras_config import Description, describe, major
from steadynorm.artifacts.keras_model import contents
from steadynorm.artifacts.keras_weights import named, numbered
from steadynorm.artifacts.source import Source


def read(source: Source) -> Contents:
    """What an HDF5 file that Keras wrote holds; one of another program has nothing to check.

    Raises:
        UnusableInputError: it is damaged, or leads out of the file.
        ModuleNotFoundError: h5py is not installed.
    """
    structure = hdf5.structure(source)
    version = structure.text("", "keras_version") or structure.text("model_weights", "keras_version")
    text = structure.text("", "model_config")
    description: Description | None = None if text is None else describe(source.path, text, major(version))
    root = "model_weights" if "model_weights" in structure.groups else ""
    if structure.names(root, "layer_names") is not None:
        weights = named(structure, description)
        kind = "Keras weights (HDF5)" if text is None else "Keras model (HDF5)"
        return contents(kind, source.path, weights, description, version)
    weights = numbered(structure, description)
    kind = "Keras weights (HDF5)" if weights.tensors else "HDF5 without Keras' weights"
    return contents(kind, source.path, weights, description, version)
