"""The formats that are read, each with the module that reads it, imported when the first such file comes.

A new format is a line here and a module with `read(source) -> Contents`, or `read_folder(path) -> Contents` for
formats that are folders. The order counts where a file could be taken for two.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from steadynorm.artifacts import places, recognition
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.onnx_recognition import is_onnx
from steadynorm.artifacts.recognition import Sample
from steadynorm.artifacts.source import Source, open_source
from steadynorm.artifacts.tensorflow_recognition import is_graph, is_meta_graph, is_saved_model
from steadynorm.errors import UnusableInputError
from steadynorm.extras import missing_module


@dataclass(frozen=True, slots=True)
class Format:
    """One format of files.

    Arguments:
        name: in words.
        module: the reader's, below `steadynorm.artifacts`.
        recognise: whether a file has this format, told by its content.
        extra: the extra that brings what the reader needs, `None` if it needs nothing.
    """

    name: str
    module: str
    recognise: Callable[[Sample], bool]
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class FolderFormat:
    """One format that is a folder of several files.

    Arguments:
        name: in words.
        module: the reader's, below `steadynorm.artifacts`; its `read_folder` reads it.
        recognise: whether a folder has this format, told by the names in it.
        extra: the extra that brings what the reader needs, `None` if it needs nothing.
        whole: whether all that lies in it belongs to it, so that a search goes no deeper.
    """

    name: str
    module: str
    recognise: Callable[[frozenset[str]], bool]
    extra: str | None = None
    whole: bool = True


KNOWN = "a file of PyTorch, safetensors, TensorFlow, Keras, ONNX, Flax or Orbax"
"""Whose files are read, in a few words."""

SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
"""How the names of the files of one checkpoint end."""

FORMATS = (
    Format("Keras HDF5 file", "keras_hdf5", recognition.is_hdf5, "files"),
    Format("TorchScript", "torch_script", recognition.is_torchscript),
    Format("exported PyTorch program", "torch_program", recognition.is_torch_program),
    Format("PyTorch checkpoint", "torch_archive", recognition.is_torch_archive),
    Format("Keras archive", "keras_archive", recognition.is_keras_archive, "files"),
    Format("legacy PyTorch checkpoint", "torch_legacy", recognition.is_legacy_torch),
    Format("pickle", "torch_legacy", recognition.is_pickle),
    Format("TensorFlow checkpoint", "tensorflow_checkpoint", recognition.is_table, "files"),
    Format("sharded Keras weights", "keras_index", recognition.is_keras_index, "files"),
    Format("sharded PyTorch checkpoint", "sharded", recognition.is_torch_index),
    Format("sharded safetensors", "sharded", recognition.is_safetensors_index),
    Format("safetensors", "safetensors", recognition.is_safetensors),
    Format("ONNX model", "onnx", is_onnx, "files"),
    Format("TensorFlow MetaGraph", "tensorflow_graph", is_meta_graph, "files"),
    Format("SavedModel file", "saved_model", is_saved_model, "files"),
    Format("TensorFlow GraphDef", "tensorflow_graph", is_graph, "files"),
    Format("Flax msgpack", "flax_msgpack", recognition.is_msgpack, "files"),
)

FOLDERS = (
    FolderFormat("SavedModel", "saved_model", lambda names: "saved_model.pb" in names, "files"),
    FolderFormat(
        "Orbax checkpoint",
        "orbax",
        lambda names: bool(names & {"_METADATA", "_CHECKPOINT_METADATA", "manifest.ocdbt", "commit_success.txt"}),
        "orbax",
    ),
    FolderFormat("TensorFlow checkpoint", "tensorflow_checkpoint", lambda names: "checkpoint" in names, "files", False),
    FolderFormat("distributed PyTorch checkpoint", "distributed", recognition.is_distributed),
    FolderFormat(
        "sharded model",
        "sharded",
        lambda names: any(name.endswith(recognition.INDEX_ENDINGS) for name in names),
        whole=False,
    ),
)


def recognise(source: Source) -> Format | None:
    """The format of a file, `None` if it is of none that is read.

    Raises:
        UnusableInputError: the file cannot be read, or it begins like a format and is damaged.
    """
    sample = Sample(source)
    return next((each for each in FORMATS if each.recognise(sample)), None)


def refusal(path: str, source: Source) -> str:
    """What to say about a file of no format that is read."""
    if recognition.is_text_graph(Sample(source)):
        return (
            f"{path}: is a TensorFlow graph in text form, which is not read; expected the binary one: the .meta beside "
            "a checkpoint, or tf.io.write_graph(..., as_text=False)"
        )
    return f"{path}: is of no format that is read; expected {KNOWN}"


def recognise_folder(path: str) -> FolderFormat | None:
    """The format of a folder that is one artifact, `None` if it is a folder like others.

    Raises:
        UnusableInputError: it cannot be listed.
    """
    names = places.names_in(path)
    return next((each for each in FOLDERS if each.recognise(names)), None)


def read(path: str | os.PathLike[str]) -> Contents:
    """What a file, a folder that is one artifact, or the prefix of a checkpoint holds.

    Raises:
        UnusableInputError: it is of no format that is read, damaged, or needs an extra that is not installed.
    """
    path = os.fspath(path)
    if places.is_folder(path):
        folder = recognise_folder(path)
        if folder is None:
            raise UnusableInputError(
                f"{path}: is a folder of several things; expected a file, or one artifact's folder"
            )
        return _read(folder, path, path)
    source = open_source(standing_for(path))
    found = recognise(source)
    if found is None:
        raise UnusableInputError(refusal(path, source))
    return _read(found, path, source)


def standing_for(path: str) -> str:
    """The file that a path stands for: of a checkpoint's prefix or data file, its index or first shard."""
    prefix, _, shard = path.rpartition(".data-")
    if prefix and SHARD.fullmatch(f"-{shard}") and places.is_file(f"{prefix}.index"):
        return f"{prefix}.index"
    if places.is_file(path):
        return path
    if places.is_file(f"{path}.index"):
        return f"{path}.index"
    first = [name for name in _beside(path) if SHARD.fullmatch(name.removeprefix(places.name_of(path)))]
    return places.join(places.folder_of(path), min(first)) if first else path


def _beside(path: str) -> list[str]:
    folder, name = places.folder_of(path), places.name_of(path)
    if places.is_remote(path) or not places.is_folder(folder):
        return []
    return [each for each in places.names_in(folder) if each.startswith(f"{name}-")]


def _read(found: Format | FolderFormat, path: str, given: str | Source) -> Contents:
    try:
        module = import_module(f"steadynorm.artifacts.{found.module}")
        contents: Contents = module.read(given) if isinstance(given, Source) else module.read_folder(given)
    except ModuleNotFoundError as error:
        raise UnusableInputError(missing_module(error, f"{path} ({found.name})", found.extra)) from error
    return contents
