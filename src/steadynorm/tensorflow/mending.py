"""What mending a checkpoint needs of TensorFlow: its values in a graph's copy, and the names of the statistics."""

from __future__ import annotations

import numpy as np

from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.tensorflow.graph_copy.copied import layers_of
from steadynorm.tensorflow.graph_copy.values import variable_shapes
from steadynorm.tensorflow.graph_subject import GraphModel

_STATISTICS = ("mean", "variance")


def load(model: GraphModel, contents: Contents, path: str) -> dict[str, str]:
    """Puts the values of a checkpoint in place of a graph's variables, and returns its name of each statistic.

    Arguments:
        model: a copy, with values of its own.
        contents: the checkpoint.
        path: its file, for errors.

    Raises:
        UnusableInputError: it lacks variables that the graph trains or normalizes by, or they have other shapes.
    """
    assert model.values is not None
    shapes = variable_shapes(model.session.graph)
    layers = layers_of(model.session.graph)
    names = list(dict.fromkeys(each.layer for each in layers.spots))
    statistics = {name: pair for name in names if (pair := layers.statistics(name)) is not None}
    missing = [each for pair in statistics.values() for each in pair if each not in contents.tensors]
    if missing:
        raise UnusableInputError(f"{path}: is not of the subject's graph: it has no {', '.join(missing[:4])}")
    for name, shape in shapes.items():
        tensor = contents.tensors.get(name)
        if tensor is None:
            continue  # a counter or a slot of an optimizer
        if shape is not None and tuple(tensor.shape) != shape:
            raise UnusableInputError(
                f"{path}: is not of the subject's graph: {name} has shape {tuple(tensor.shape)}, and {shape} there"
            )
        model.values[name] = np.array(tensor.load())
    return {
        f"{layer}/{kind}": variable
        for layer, pair in statistics.items()
        for kind, variable in zip(_STATISTICS, pair, strict=True)
    }


def statistics_keys(model: GraphModel, layer: str) -> tuple[str, str]:
    """What `load` calls the mean and the variance of a layer."""
    return f"{layer}/{_STATISTICS[0]}", f"{layer}/{_STATISTICS[1]}"


def statistics(model: GraphModel, layer: str) -> tuple[Array, Array]:
    """Mean and variance of a layer, in float64."""
    pair = layers_of(model.session.graph).statistics(layer)
    assert pair is not None
    assert model.values is not None
    mean, variance = (np.asarray(model.values[name], np.float64).ravel() for name in pair)
    return mean, variance


def epsilon(model: GraphModel, layer: str) -> float:
    """What a layer adds to the variance."""
    return layers_of(model.session.graph).epsilon(layer)
