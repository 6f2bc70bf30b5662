"""The names of frameworks' parts, as their users know them: one for the many paths that lead to the same thing."""

from __future__ import annotations

from functools import cache

_PREFIXES = (
    ("tensorflow.compat.v1", "tensorflow"),
    ("tensorflow.compat.v2", "tensorflow"),
    ("tensorflow._api.v2.compat.v1", "tensorflow"),
    ("tensorflow.python.platform", "tensorflow"),
    ("tensorflow.contrib.slim.python.slim", "slim"),
    ("tensorflow.contrib.slim.nets", "slim.nets"),
    ("tensorflow.contrib.slim", "slim"),
    ("tf_slim.layers.layers", "slim"),
    ("tf_slim.layers", "slim"),
    ("tf_slim", "slim"),
    ("tensorflow.contrib.layers.python.layers.layers", "tensorflow.contrib.layers"),
    ("tensorflow.contrib.layers.python.layers", "tensorflow.contrib.layers"),
    ("tensorflow.contrib.framework.python.ops", "tensorflow.contrib.framework"),
    ("tensorflow.python.training", "tensorflow.train"),
    ("tensorflow.python.layers.normalization", "tensorflow.layers"),
    ("tensorflow.python.layers", "tensorflow.layers"),
    ("tensorflow.python.keras", "keras"),
    ("tensorflow.contrib.keras", "keras"),
    ("tensorflow.keras", "keras"),
    ("tf_keras", "keras"),
    ("keras.src", "keras"),
    ("keras.api", "keras"),
    ("keras.layers.normalization", "keras.layers"),
    ("keras.layers.convolutional", "keras.layers"),
    ("keras.layers.core", "keras.layers"),
    ("keras.layers.merge", "keras.layers"),
    ("keras.layers.advanced_activations", "keras.layers"),
    ("keras.layers.pooling", "keras.layers"),
    ("keras.engine.topology", "keras.layers"),
    ("keras.engine.base_layer", "keras.layers"),
    ("keras.engine.training", "keras"),
    ("keras.engine", "keras"),
    ("keras.models", "keras"),
    ("torch.nn.modules.batchnorm", "torch.nn"),
    ("torch.nn.modules.module", "torch.nn"),
    ("torch.nn.modules", "torch.nn"),
    ("lightning.pytorch", "lightning"),
    ("pytorch_lightning", "lightning"),
    ("flax.linen.normalization", "flax.linen"),
)
"""Paths that lead to the same thing, longest first where one begins with another."""

_NAMES = {
    "keras.Layer": "keras.layers.Layer",
    "keras.Input": "keras.layers.Input",
    "tensorflow.train.moving_averages.assign_moving_average": "tensorflow.train.assign_moving_average",
    "tensorflow.contrib.framework.arg_scope": "slim.arg_scope",
    "tensorflow.contrib.framework.add_arg_scope": "slim.add_arg_scope",
    "tensorflow.to_float": "tensorflow.cast",
    "torch.autograd.no_grad": "torch.no_grad",
    **{f"steadynorm.torch.BatchNorm{n}d": f"torch.nn.BatchNorm{n}d" for n in (1, 2, 3)},
    "steadynorm.torch.SyncBatchNorm": "torch.nn.SyncBatchNorm",
    "steadynorm.keras.BatchNormalization": "keras.layers.BatchNormalization",
    "lightning.core.LightningModule": "lightning.LightningModule",
    "lightning.core.lightning.LightningModule": "lightning.LightningModule",
}


@cache
def canonical(name: str) -> str:
    """The name under which something of a framework is known here, whatever path it was imported by."""
    for prefix, short in _PREFIXES:
        if name == prefix or name.startswith(f"{prefix}."):
            return canonical(short + name[len(prefix) :])
    return _NAMES.get(name, name)
