"""What saves a model while it is trained, and who is told about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.config import RunConfig


def add_saver(scaffold: Any, config: RunConfig) -> None:
    """Gives the graph a saver that keeps as many checkpoints as the configuration says, if the model has none."""
    if scaffold.saver is None and not tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVERS):
        saver = tf.compat.v1.train.Saver(
            sharded=True,
            max_to_keep=config.keep_checkpoint_max,
            keep_checkpoint_every_n_hours=config.keep_checkpoint_every_n_hours,
            defer_build=True,
            # With relative paths the folder can be moved.
            save_relative_paths=True,
        )
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.SAVERS, saver)


@contextmanager
def saving(
    hooks: list[Any], scaffold: Any, model_dir: str, config: RunConfig, listeners: list[Any]
) -> Iterator[list[Any]]:
    """The hook that saves checkpoints, if one is asked for and the model brings none, in a list; tells the listeners.

    Arguments:
        hooks: those that there are; one of them may be a CheckpointSaverHook, which then saves alone and tells the
            listeners as well as its own while this context lasts.
        scaffold: with the saver.
        model_dir: folder of the checkpoints.
        config: how often to save.
        listeners: CheckpointSaverListeners.

    Raises:
        ValueError: there are listeners, and nothing saves.
    """
    own = next((hook for hook in hooks if isinstance(hook, tf.compat.v1.train.CheckpointSaverHook)), None)
    if own is not None:
        with _listening(own, listeners):
            yield []
    elif config.save_checkpoints_steps is not None or config.save_checkpoints_secs is not None:
        yield [
            tf.compat.v1.train.CheckpointSaverHook(
                model_dir,
                save_secs=config.save_checkpoints_secs,
                save_steps=config.save_checkpoints_steps,
                scaffold=scaffold,
                listeners=listeners,
                save_graph_def=config.checkpoint_save_graph_def,
            )
        ]
    elif listeners:
        raise ValueError(
            "there are saving_listeners, but no checkpoint is ever saved; expected save_checkpoints_steps or "
            "save_checkpoints_secs in the RunConfig, or a CheckpointSaverHook"
        )
    else:
        yield []


@contextmanager
def _listening(hook: Any, listeners: list[Any]) -> Iterator[None]:
    """Lets a hook of the user's tell further listeners.

    TensorFlow's hook takes listeners only when it is made and has no public way to add any; tf.estimator, too, wrote
    to this attribute. It gets back the list that it had, which is the user's and may serve another training.
    """
    before = hook._listeners
    hook._listeners = [*before, *listeners]
    try:
        yield
    finally:
        hook._listeners = before
