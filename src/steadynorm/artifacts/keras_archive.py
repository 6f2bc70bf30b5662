"""Keras 3's `.keras` archives: a configuration, and the weights beside it."""

from __future__ import annotations

from steadynorm.artifacts import hdf5
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.json_text import read_object
from steadynorm.artifacts.keras_config import describe, major
from steadynorm.artifacts.keras_model import contents
from steadynorm.artifacts.keras_weights import numbered
from steadynorm.artifacts.source import Source
from steadynorm.artifacts.zip_directory import Archive
from steadynorm.errors import UnusableInputError

_WEIGHTS = "model.weights.h5"


def read(source: Source) -> Contents:
    """What an archive that `model.save("….keras")` wrote holds.

    Raises:
        UnusableInputError: it is damaged, or has its weights in another form than HDF5.
        ModuleNotFoundError: h5py is not installed.
    """
    archive = Archive(source)
    if _WEIGHTS not in archive.entries:
        names = ", ".join(sorted(archive.entries)[:5])
        raise UnusableInputError(f"{source.path}: has no {_WEIGHTS} in it; expected it beside {names}")
    version = None
    if "metadata.json" in archive.entries:
        named = read_object(source.path, archive.text("metadata.json"), "metadata.json").get("keras_version")
        version = named if isinstance(named, str) else None
    # Archives exist since Keras 2.12; one without metadata is of the newest kind.
    description = describe(source.path, archive.text("config.json"), major(version or "3"))
    if archive.entries[_WEIGHTS].method:
        unpacked = archive.opened(_WEIGHTS)
        structure = hdf5.structure(source, data=unpacked.read(0, unpacked.size))
    else:
        structure = hdf5.structure(source, *archive.range_of(_WEIGHTS))
    return contents("Keras archive", source.path, numbered(structure, description), description, version)
