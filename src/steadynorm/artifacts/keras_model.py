"""A Keras model put together: its weights, its options and what its configuration says about its layers' places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.keras_config import Description, Part
from steadynorm.artifacts.keras_graph import places
from steadynorm.artifacts.keras_options import options
from steadynorm.artifacts.keras_weights import Weights
from steadynorm.errors import UnusableInputError
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import GraphLayer


def contents(kind: str, path: str, weights: Weights, description: Description | None, version: str | None) -> Contents:
    """What a file with Keras' weights holds.

    Arguments:
        kind: the format, in words.
        path: the file.
        weights: its tensors.
        description: the model, if the file describes it.
        version: of Keras, if the file says so.

    Raises:
        UnusableInputError: the model's configuration makes no sense, or the step count cannot be read.
    """
    facts: dict[str, object] = {}
    if version is not None:
        facts["version"] = version
    graph = None
    if description is not None:
        found = places(description)
        configs = options(description, {} if found is None else found.ranks)
        layers = tuple(_layer(part, configs[name], weights) for name, part in description.normalizations.items())
        graph = None if found is None else replace(found.graph, layers=layers)
        facts["configs"] = configs
        facts["kinds"] = {name: part.kind for name, part in description.normalizations.items()}
    steps = None if weights.steps is None else _count(path, weights)
    return Contents(
        format=kind,
        framework="keras",
        tensors=weights.tensors,
        graph=graph,
        steps=steps,
        steps_from=None if steps is None or weights.steps is None else weights.steps.name,
        facts=facts,
    )


def _layer(part: Part, config: NormConfig, weights: Weights) -> GraphLayer:
    """A layer with the names of all the weights that it has when it is built, whether the file has them or not."""
    mean = weights.tensors.get(f"{part.path}/moving_mean")
    return GraphLayer(
        name=part.path,
        kind=part.kind,
        channels=mean.shape[0] if mean is not None and mean.shape else 0,
        gamma=f"{part.path}/gamma" if config.scale else None,
        beta=f"{part.path}/beta" if config.center else None,
        mean=f"{part.path}/moving_mean",
        variance=f"{part.path}/moving_variance",
        epsilon=config.epsilon,
        decay=config.decay,
        dtype="float32" if mean is None else mean.dtype,
    )


def _count(path: str, weights: Weights) -> int:
    assert weights.steps is not None
    value = int(np.asarray(weights.steps.load(), np.int64))
    if value < 0:
        raise UnusableInputError(f"{path}: {weights.steps.name} says {value} steps; the file is damaged")
    return value
