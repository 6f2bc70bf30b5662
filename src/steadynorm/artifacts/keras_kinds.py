"""What the layers of Keras are to a normalization beside them, told by their classes and options."""

from __future__ import annotations

import re
from typing import Any

from steadynorm.artifacts.keras_config import Config, Part

_DROPOUTS = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"}
)
_RECTIFIERS = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"})
_JOINING = frozenset({"Add", "Concatenate", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Merge"})
_RESHAPING = frozenset({"Flatten", "Reshape", "Permute", "RepeatVector", "Identity"})
_PASSING_RANK = _DROPOUTS | _RECTIFIERS | _JOINING | {"Activation", "Dense", "Softmax", "GaussianNoise", "Identity"}
_KEEPING_AXES = _DROPOUTS | _RECTIFIERS | _JOINING | {"Activation", "GaussianNoise", "Identity"}
_POOLING = re.compile(r"(Max|Average)Pooling|ZeroPadding|Cropping|UpSampling")
_FUNCTIONS = {
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "log_softmax": "softmax",
}

_CONVOLUTION = re.compile(r"(Separable|Depthwise|Atrous)?(Conv|Convolution)[123]D(Transpose)?")


def operation_kind(part: Part) -> str:
    """What a layer does, as in `Operation.kind`; its activation function aside."""
    kind = part.kind
    if _CONVOLUTION.fullmatch(kind):
        return "convolution"
    if kind in ("Dense", "EinsumDense"):
        return "linear"
    if kind in _DROPOUTS:
        return "dropout" if part.config.get("rate", part.config.get("p", 1)) else "reshape"
    if kind == "Activation":
        return function_kind(part.config.get("activation")) or "reshape"
    if kind == "Softmax":
        return "softmax"
    if kind in _RECTIFIERS:
        return "activation"
    if kind in _JOINING:
        return "add"
    return "reshape" if kind in _RESHAPING else "other"


def function_kind(found: Any) -> str | None:
    """The kind of a function, `None` for none at all."""
    if isinstance(found, dict):
        named = found.get("config")
        found = named if isinstance(named, str) else found.get("class_name")
    if found in (None, "linear"):
        return None
    return _FUNCTIONS.get(found, "activation") if isinstance(found, str) else "activation"


def adds_bias(kind: str, config: Config) -> bool:
    """Whether a layer adds a bias of its own."""
    if kind not in ("convolution", "linear"):
        return False
    if "bias_axes" in config:
        return config["bias_axes"] is not None
    return bool(config.get("use_bias", config.get("bias", False)))


def rank_after(part: Part, rank: int | None) -> int | None:
    """The number of axes of a layer's output, `None` if it cannot be told."""
    if part.kind == "Flatten" or part.kind.startswith("Global"):
        return 2
    spatial = re.search(r"([123])D(Transpose)?$", part.kind)
    if spatial is not None:
        return int(spatial[1]) + 2
    target = part.config.get("target_shape")
    if part.kind == "Reshape" and isinstance(target, list):
        return len(target) + 1
    return rank if part.kind in _PASSING_RANK else None


def keeps_axes(part: Part) -> bool:
    """Whether a layer leaves the channels on the axis on which they are."""
    return part.kind in _KEEPING_AXES or _POOLING.match(part.kind) is not None


def channel_axis(part: Part, rank: int) -> int | None:
    """The axis on which a convolution has its channels, `None` if it does not say so."""
    order = part.config.get("data_format")
    return {"channels_first": 1, "channels_last": rank - 1}.get(order) if isinstance(order, str) else None
