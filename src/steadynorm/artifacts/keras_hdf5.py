"""Keras models and weights in HDF5 files: `.h5` of every version, and Keras 3's `.weights.h5`."""

from __future__ import annotations

from steadynorm.artifacts import hdf5
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.keras_config import Description, describe, major
from steadynorm.artifacts.keras_model import contents
from steadynorm.artifacts.keras_weights import named, numbered
from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError


def read(source: Source) -> Contents:
    """What an HDF5 file that Keras wrote holds.

    Raises:
        UnusableInputError: it is damaged, or another program's.
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
    if not weights.tensors:
        raise UnusableInputError(
            f"{source.path}: is an HDF5 file without Keras' weights (neither layer_names nor groups of vars); "
            "expected what model.save() or model.save_weights() writes"
        )
    return contents("Keras weights (HDF5)", source.path, weights, description, version)
