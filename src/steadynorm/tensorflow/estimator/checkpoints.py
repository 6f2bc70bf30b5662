"""Which checkpoint a model is read from, and whether it holds what the model's graph needs."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from steadynorm.report.words import counted, folded
from steadynorm.tensorflow.checkpoint_map import Checkpoint
from steadynorm.tensorflow.saver import by_saved_name

_SHOWN = 8


class NoCheckpointError(ValueError):
    """There is no trained model where one was expected."""


def resolve_checkpoint(path: str) -> str:
    """The prefix of a checkpoint given as a prefix, as a folder with a `checkpoint` file or as a SavedModel.

    Raises:
        NoCheckpointError: there is none.
    """
    path = os.fspath(path)
    if tf.io.gfile.isdir(path):
        saved_model = os.path.join(path, "variables", "variables")
        if tf.io.gfile.exists(saved_model + ".index"):
            return saved_model
        latest = tf.train.latest_checkpoint(path)
        if latest is not None:
            return str(latest)
        raise NoCheckpointError(f"{path} holds no checkpoint; expected a folder that a training has written to")
    if not tf.compat.v1.train.checkpoint_exists(path):
        raise NoCheckpointError(
            f"there is no checkpoint {path}; expected its prefix, such as model.ckpt-1000 without .index"
        )
    return path


def initializes_itself(graph: Any, scaffold: Any) -> bool:
    """Whether the model reads its variables from some checkpoint on its own.

    True for a scaffold with an init_fn, and after tf.compat.v1.train.init_from_checkpoint, which puts a restore op in
    the place of the initializers.
    """
    if scaffold is not None and scaffold.init_fn is not None:
        return True
    return any(op.type in ("RestoreV2", "Restore") for op in graph.get_operations())


def check_restorable(checkpoint: str, scaffold: Any) -> None:
    """Refuses a checkpoint that lacks variables of the default graph, or has them in another shape, naming them all.

    A saver of the model's own may have names of its own: then nothing is said.

    Raises:
        ValueError: variables are missing or of another shape.
    """
    own_saver = scaffold is not None and scaffold.saver is not None
    if own_saver or tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVERS):
        return
    stored = Checkpoint(checkpoint).tensors
    missing, different = [], []
    for name, variable in by_saved_name(tf.compat.v1.global_variables()).items():
        if name not in stored:
            missing.append(name)
        elif isinstance(variable, tf.Variable) and not variable.shape.is_compatible_with(stored[name].shape):
            different.append(f"{name} is {variable.shape} in the model and {stored[name].shape} in the checkpoint")
    if missing:
        raise ValueError(
            f"the checkpoint {checkpoint} lacks {counted(len(missing), 'variable')} of the model: "
            f"{folded(missing, _SHOWN)}; expected the names that training wrote: model_fn must build the same "
            "variables in every mode, or model_dir belongs to another model"
        )
    if different:
        raise ValueError(
            f"the checkpoint {checkpoint} has {counted(len(different), 'variable')} of another shape: "
            f"{folded(different, _SHOWN)}; expected those of the model: the params differ from those of the training, "
            "or model_dir belongs to another model"
        )
