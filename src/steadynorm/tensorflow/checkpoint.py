"""Writes the values of a graph's variables to a new checkpoint."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm import new_file
from steadynorm.errors import UnusableInputError
from steadynorm.tensorflow.graph_subject import GraphModel
from steadynorm.tensorflow.layer_variables import parts

_INDEX, _DATA = ".index", ".data-00000-of-00001"


def check_new(path: Path) -> None:
    """Refuses a path that cannot become a new checkpoint, before any work is done for it.

    Raises:
        UnusableInputError: see `steadynorm.new_file.check_new`; or it names one file of a checkpoint.
    """
    if path.name.endswith((_INDEX, ".meta")) or ".data-" in path.name:
        raise UnusableInputError(
            f"'{path}' is one file of a checkpoint; expected the name that all of them begin with, as a Saver has it: "
            "model.ckpt"
        )
    for ending in (_DATA, _INDEX):
        new_file.check_new(_with(path, ending))


def write(model: GraphModel, path: Path) -> None:
    """Writes the variables that a Saver of the graph saves, by the names that it gives them.

    Arguments:
        model: whose variables they are, as `model.values` has them.
        path: what the names of the files begin with.

    Raises:
        UnusableInputError: see `check_new`; or the files cannot be written.
    """
    check_new(path)
    values = model.values or {}
    saved = _saved(model.session.graph, values)
    beside = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        beside.mkdir()
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            places = {each: tf.compat.v1.placeholder(np.asarray(values[each]).dtype) for each in saved}
            names, slices = zip(*saved.values(), strict=True)
            save = tf.raw_ops.SaveV2(
                prefix=str(beside / "new"), tensor_names=names, shape_and_slices=slices, tensors=list(places.values())
            )
            session.run(save, {place: values[each] for each, place in places.items()})
        for ending in (_DATA, _INDEX):  # a checkpoint is there once its index is
            new_file.write_new(_with(path, ending), (beside / f"new{ending}").replace)
    except (OSError, tf.errors.OpError) as error:
        raise UnusableInputError(f"'{path}' cannot be written: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _saved(graph: Any, values: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By variable: its name in a checkpoint, and which part of the whole it is, if it is a part."""
    found = {}
    for collected in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES):
        for each in parts(collected):
            if each.op.name in values:
                info = each._get_save_slice_info()
                found[each.op.name] = (each.op.name, "") if info is None else (info.full_name, info.spec)
    # A graph without collections has what is in it.
    return found or {name: (name, "") for name in values}


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
