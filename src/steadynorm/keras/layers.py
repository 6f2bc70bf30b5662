"""Finds the normalization layers of a Keras model and describes them as framework-free records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, Statistics
from steadynorm.keras.backends import backend
from steadynorm.keras.batch_normalization import BatchNormalization
from steadynorm.norm.config import NormConfig


def is_normalization(layer: Any) -> bool:
    """Whether the layer normalizes by moments that it keeps.

    True for keras.layers.BatchNormalization, what inherits it, and any other layer with the variables `moving_mean`
    and `moving_variance` (hand-written ones).
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return True
    return isinstance(layer, keras.Layer) and has_statistics(layer)


def has_statistics(layer: Any) -> bool:
    """Whether the layer holds population statistics; one that was never called holds none yet."""
    return all(isinstance(getattr(layer, name, None), keras.Variable) for name in ("moving_mean", "moving_variance"))


def sublayers(layer: Any) -> list[Any]:
    """The layers that a layer holds, in its order."""
    return list(layer._layers)


def named_layers(model: Any) -> dict[str, Any]:
    """All layers of a model but itself, by the names of the layers that lead to them, joined by `/`.

    A layer that is held twice has the first of its names; where two layers have the same, the later ones get `_1`, `_2`
    and so on, as Keras itself numbers layers.
    """
    found: dict[str, Any] = {}
    seen = {id(model)}

    def visit(holder: Any, path: str) -> None:
        for layer in sublayers(holder):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            name = plain = f"{path}{layer.name}"
            number = 0
            while name in found:
                number += 1
                name = f"{plain}_{number}"
            found[name] = layer
            visit(layer, f"{name}/")

    visit(model, "")
    return found


def normalization_layers(model: Any) -> dict[str, Any]:
    """The normalization layers by name, in the model's order; the model itself may be one.

    One that was never called has no statistics: it is left over from another that took its place, or see `check_built`.
    """
    return {name: layer for name, layer in _candidates(model).items() if has_statistics(layer)}


def check_built(model: Any) -> None:
    """Refuses a model whose layers have no variables yet.

    Raises:
        UnusableInputError: naming the layer.
    """
    found = _candidates(model)
    unbuilt = [name for name, layer in found.items() if not has_statistics(layer)]
    if unbuilt and (not model.built or len(unbuilt) == len(found)):
        raise UnusableInputError(
            f"the normalization layer '{unbuilt[0]}' was never called and has no statistics yet: build the model, or "
            "call it on one batch, and load its weights"
        )


def _candidates(model: Any) -> dict[str, Any]:
    layers = {model.name: model} if is_normalization(model) else named_layers(model)
    return {name: layer for name, layer in layers.items() if is_normalization(layer)}


def value(variable: Any) -> Array | None:
    """The values of a variable in float64, flat; `None` for what is no variable."""
    if not isinstance(variable, keras.Variable):
        return None
    return np.asarray(backend().array(variable.value)).astype(np.float64).ravel()


def stored(layer: Any) -> Array | None:
    """Mean and variance as stored, one after the other, in float64; `None` without statistics."""
    mean, variance = value(layer.moving_mean), value(layer.moving_variance)
    return None if mean is None or variance is None else np.concatenate([mean, variance])


def axis_of(layer: Any, rank: int) -> int:
    """The axis of the channels in an input of `rank` axes, from 0; hand-written layers have it last by default."""
    axis = getattr(layer, "axis", -1)
    axis = axis[0] if isinstance(axis, list | tuple) and axis else axis
    return axis % rank if isinstance(axis, int) else rank - 1


def epsilon_of(layer: Any) -> float:
    """What the layer adds to the variance."""
    return float(getattr(layer, "epsilon", 1e-3))


def is_frozen(layer: Any) -> bool:
    """Whether the layer is frozen on purpose: none of its scale and offset is trained, or it says so itself."""
    affine = [each for each in (getattr(layer, "gamma", None), getattr(layer, "beta", None)) if each is not None]
    return not layer.trainable or (bool(affine) and not any(each.trainable for each in affine))


def describe(name: str, layer: Any, *, registered: bool = True) -> Layer:
    """The record of one layer, its arrays copied to float64."""
    mean, variance = value(layer.moving_mean), value(layer.moving_variance)
    assert mean is not None
    assert variance is not None
    return Layer(
        name=name,
        kind=type(layer).__name__,
        channels=mean.size,
        config=_config(layer),
        statistics=Statistics(mean, variance, None, keras.backend.standardize_dtype(layer.moving_mean.dtype)),
        gamma=value(getattr(layer, "gamma", None)),
        beta=value(getattr(layer, "beta", None)),
        frozen=is_frozen(layer),
        registered=registered,
        further={
            name: each
            for name in ("renorm_mean", "renorm_stddev")
            if (each := value(getattr(layer, name, None))) is not None
        },
    )


def follows_mode(layer: Any) -> bool:
    """Whether the mode of a call tells what it normalizes by: so it is in Keras' own layer and ours."""
    return type(layer).call in (keras.layers.BatchNormalization.call, BatchNormalization.call)


def _config(layer: Any) -> NormConfig:
    if isinstance(layer, BatchNormalization):
        return layer.norm_config
    momentum = getattr(layer, "momentum", 0.99)
    renorm = bool(getattr(layer, "renorm", False))
    return NormConfig.from_keras(
        axis=int(getattr(layer, "axis", -1)) if isinstance(getattr(layer, "axis", -1), int) else -1,
        momentum=float(momentum) if isinstance(momentum, int | float) else 0.99,
        epsilon=epsilon_of(layer),
        center=getattr(layer, "beta", None) is not None,
        scale=getattr(layer, "gamma", None) is not None,
        renorm=renorm,
        renorm_clipping=getattr(layer, "renorm_clipping", None) if renorm else None,
        renorm_momentum=float(getattr(layer, "renorm_momentum", 0.99)),
        trainable=bool(layer.trainable),
        synchronized=bool(getattr(layer, "synchronized", False)),
    )


def random_layers(model: Any) -> Iterator[Any]:
    """The dropout layers of a model that drop anything."""
    for layer in named_layers(model).values():
        if isinstance(layer, _DROPOUT) and getattr(layer, "rate", 0) > 0:
            yield layer


_DROPOUT = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
)
