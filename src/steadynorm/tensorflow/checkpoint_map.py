"""What a checkpoint holds under which name, whichever TensorFlow wrote it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import trackable_object_graph_pb2

from steadynorm.report.words import folded
from steadynorm.tensorflow.restore_report import RestoreError

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_PART = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a checkpoint.

    Arguments:
        key: what the file calls it; with object-based checkpoints of TensorFlow 2 not the variable's name.
        shape: its shape.
        dtype: its type.
    """

    key: str
    shape: tuple[int, ...]
    dtype: Any


class Checkpoint:
    """A checkpoint's tensors by the names of the variables that they were saved from.

    Formats of TensorFlow 1 (one file, V1) and since (index and data, V2), in one or several shards, by name
    (`tf.compat.v1.train.Saver`, Estimator) or by object (`tf.train.Checkpoint`, which keeps the names beside).

    Arguments:
        path: the checkpoint's path without the ending of any of its files, or the folder whose latest it is.

    Raises:
        RestoreError: there is no checkpoint, or it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _file(os.fspath(path))
        try:
            self._reader = tf.compat.v1.train.NewCheckpointReader(self.path)
            shapes = self._reader.get_variable_to_shape_map()
            types = self._reader.get_variable_to_dtype_map()
            names = self._names(shapes)
        except (tf.errors.OpError, ValueError, RuntimeError, DecodeError) as error:
            raise RestoreError(f"the checkpoint {self.path} cannot be read: {_reason(error)}") from error
        self.tensors: Mapping[str, Stored] = {
            name: Stored(key, tuple(shapes[key]), types[key]) for name, key in sorted(names.items())
        }

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """The arrays stored for variables, also where they were saved in parts, as the reader cannot put together.

        Raises:
            RestoreError: the file is damaged there.
        """
        stored = {name: self.tensors[name] for name in names}
        if not stored:
            return {}
        try:
            with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                tensors = tf.raw_ops.RestoreV2(
                    prefix=self.path,
                    tensor_names=[each.key for each in stored.values()],
                    shape_and_slices=[""] * len(stored),
                    dtypes=[each.dtype for each in stored.values()],
                )
                return dict(zip(stored, session.run(tensors), strict=True))
        except (tf.errors.OpError, ValueError, RuntimeError) as error:
            raise RestoreError(f"the checkpoint {self.path} is damaged: {self._missing() or _reason(error)}") from error

    def _missing(self) -> str:
        """Says which of the files with the data are not there; nothing if all are."""
        found = sorted(tf.io.gfile.glob(f"{self.path}.data-?????-of-?????"))
        shards = int(found[0].rpartition("-")[2]) if found else 1
        wanted = [f"{self.path}.data-{index:05d}-of-{shards:05d}" for index in range(shards)]
        gone = [path for path in wanted if path not in found and tf.io.gfile.exists(f"{self.path}.index")]
        return f"its file {folded(gone)} is missing: copy all files of a checkpoint" if gone else ""

    def _names(self, keys: Mapping[str, Any]) -> dict[str, str]:
        if _OBJECT_GRAPH not in keys:
            return {key: key for key in keys}
        graph = trackable_object_graph_pb2.TrackableObjectGraph()
        graph.ParseFromString(self._reader.get_tensor(_OBJECT_GRAPH))
        attributes = (each for node in graph.nodes for each in node.attributes)
        return {
            each.full_name or each.checkpoint_key: each.checkpoint_key
            for each in attributes
            if each.checkpoint_key in keys
        }


def _file(path: str) -> str:
    if tf.io.gfile.isdir(path):
        latest = tf.train.latest_checkpoint(path)
        if latest is None:
            raise RestoreError(
                f"the folder {path} holds no checkpoint: it has no file 'checkpoint' that names an existing one"
            )
        return str(latest)
    whole = _PART.sub("", path)
    if whole != path and tf.io.gfile.exists(whole + ".index"):
        raise RestoreError(f"{path} is only a part of a checkpoint: pass {whole!r}")
    # The second format has an index; the first is the file itself, or shards that a pattern with ? stands for.
    if not tf.io.gfile.exists(path + ".index") and not tf.io.gfile.glob(path):
        raise RestoreError(f"there is no checkpoint {path}: neither a file {path}.index nor one of the first format")
    return path


def _reason(error: Exception) -> str:
    """What an error says in its first line, behind what TensorFlow tells of the operation that failed."""
    said = str(getattr(error, "message", error))
    if "\nNode: " in said:
        said = said.rpartition("\nNode: ")[2].partition("\n")[2]
    return said.strip().split("\n")[0]
