"""Where averaged or copied weights came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steadynorm.evidence import WeightSource
from steadynorm.keras.layers import normalization_layers, stored, value
from steadynorm.subject import Subject


def weight_source(subject: Subject, layers: Mapping[str, Any]) -> WeightSource | None:
    """What the subject says about the origin of its weights; `None` if nothing.

    Arguments:
        subject: its `source_model` is compared, variable by variable in the order that both were built in.
        layers: the model's normalization layers by name.
    """
    source = subject.source_model
    if source is None:
        return None
    ours, theirs = subject.model.trainable_variables, source.trainable_variables
    differ = len(ours) != len(theirs) or any(
        not np.array_equal(np.asarray(value(one)), np.asarray(value(other)))
        for one, other in zip(ours, theirs, strict=True)
    )
    # A copy's layers have names of their own: what counts is their order.
    originals = [stored(layer) for layer in normalization_layers(source).values()]
    same = []
    for (name, layer), original in zip(layers.items(), originals, strict=False):
        statistics = stored(layer)
        if statistics is not None and original is not None and np.array_equal(statistics, original):
            same.append(name)
    return WeightSource("copied from a model", differ, tuple(same))
