"""What an Estimator has trained: the last checkpoint in its folder, and which one a model is read from."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.checkpoints import (
    NoCheckpointError,
    check_restorable,
    initializes_itself,
    resolve_checkpoint,
)
from steadynorm.tensorflow.estimator.spec import EstimatorSpec
from steadynorm.tensorflow.estimator.warm_start import WarmStartSettings, warm_start


class TrainedModel:
    """The model that is trained in a folder.

    Arguments:
        folder: where its checkpoints are, or will be.
        beginning: the warm start before its first checkpoint; None for none.
    """

    def __init__(self, folder: str, beginning: WarmStartSettings | None) -> None:
        self._folder = folder
        self._beginning = beginning

    def latest(self) -> str | None:
        """Prefix of the last checkpoint; None before the first."""
        latest = tf.train.latest_checkpoint(self._folder)
        return None if latest is None else str(latest)

    def variable_names(self) -> list[str]:
        """Names of the variables in the last checkpoint.

        Raises:
            NoCheckpointError: there is none.
        """
        return [name for name, _ in tf.train.list_variables(self._last())]

    def variable_value(self, name: str) -> Any:
        """Value of a variable in the last checkpoint.

        Raises:
            NoCheckpointError: there is none.
            ValueError: it has no variable of that name.
        """
        reader = tf.train.load_checkpoint(self._last())
        if not reader.has_tensor(name):
            raise ValueError(
                f"the last checkpoint in {self._folder} has no variable {name!r}; expected one of get_variable_names()"
            )
        return reader.get_tensor(name)

    def resume(self, spec: EstimatorSpec, checkpoint: str | None) -> None:
        """Prepares the default graph for training on from a checkpoint, or from the beginning.

        Raises:
            ValueError: the checkpoint does not fit the model.
        """
        if checkpoint is not None:
            check_restorable(checkpoint, spec.scaffold)
        elif self._beginning is not None:
            warm_start(self._beginning)

    def start(self, spec: EstimatorSpec, path: str | None) -> str | None:
        """The checkpoint to read the model from; None where the model, or the warm start, has it from elsewhere.

        Arguments:
            spec: the model in the default graph.
            path: prefix of a checkpoint; the last one for None.

        Raises:
            NoCheckpointError: there is no trained model.
            ValueError: the checkpoint does not fit the model.
        """
        if path is not None:
            checkpoint = resolve_checkpoint(path)
        else:
            latest = self.latest()
            if latest is None and self._beginning is not None:
                warm_start(self._beginning)
                return None
            if latest is None and initializes_itself(tf.compat.v1.get_default_graph(), spec.scaffold):
                return None
            checkpoint = self._last()
        check_restorable(checkpoint, spec.scaffold)
        return checkpoint

    def to_export(self, path: str | None) -> str:
        """The checkpoint to export: that of the path, else the last one, else that of the warm start.

        Raises:
            NoCheckpointError: there is none.
        """
        if path is not None:
            return resolve_checkpoint(path)
        if self.latest() is None and self._beginning is not None:
            return resolve_checkpoint(self._beginning.ckpt_to_initialize_from)
        return self._last()

    def _last(self) -> str:
        latest = self.latest()
        if latest is None:
            raise NoCheckpointError(
                f"there is no trained model in {self._folder}; expected a checkpoint: call train first"
            )
        return latest


def step_of(checkpoint: str) -> int:
    """The global step of a checkpoint, 0 if it has none."""
    reader = tf.train.load_checkpoint(checkpoint)
    return int(reader.get_tensor("global_step")) if reader.has_tensor("global_step") else 0
