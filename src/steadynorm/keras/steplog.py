"""Tells the log of a training or an evaluation of every call of the normalization layers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from steadynorm.keras.backends import backend
from steadynorm.keras.calls import Called, Standin, standing_in
from steadynorm.keras.layers import axis_of, follows_mode, stored
from steadynorm.keras.moments import BatchMoments
from steadynorm.keras.observation import normalized_by_batch
from steadynorm.norm.moments import Moments
from steadynorm.steplog import StepLog


def step_log(layers: Mapping[str, Any]) -> StepLog:
    """A log of these layers, to be told of their calls inside of `logged`.

    A layer of Keras has no mode of its own, which something could have switched: each call says what it is to do.
    """
    return StepLog(layers, stored=lambda name: stored(layers[name]), uses_batch=lambda name: True)


def logged(log: StepLog, layers: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Inside it, calls of the layers are written down."""
    return standing_in((layer, _standin(log, name)) for name, layer in layers.items())


def _standin(log: StepLog, name: str) -> Standin:
    def standin(called: Called) -> Any:
        x = called.input
        if x is None:
            return called.run()
        batch = called.training
        values, moments = _taken(called)
        trains = backend().records_gradients(x, *called.layer.trainable_variables)
        log.enter(name, batch=batch, values=values, moments=moments if batch else None, trains=trains)
        output = called.run()
        if not batch and not follows_mode(called.layer) and normalized_by_batch(called, output):
            entry = log.logs[name].steps[-1][-1]
            entry.batch, entry.moments = True, moments
        log.leave(name)
        return output

    return standin


def _taken(called: Called) -> tuple[int, Moments | None]:
    """Values per channel, and the moments where the input has values already."""
    try:
        moments = BatchMoments(called.layer, called.input, called.weights).moments()
    except TypeError:
        shape = called.input.shape
        return int(np.prod([each or 1 for each in shape])) // max(shape[axis_of(called.layer, len(shape))], 1), None
    values = int(np.max(moments.count))
    return values, moments if values else None
