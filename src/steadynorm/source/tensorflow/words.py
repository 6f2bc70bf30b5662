"""The names of TensorFlow 1: what normalizes, convolves, activates, drops, trains, saves and restores.

Names are canonical (`names.canonical`); those of slim and of tf.contrib.layers, which are one library, are told by
their last part.
"""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import (
    Attribute,
    External,
    Partial,
    Product,
    Value,
    Wrapped,
    constant_text,
)

CONTRIB = ("slim.layers.", "slim.", "tensorflow.contrib.layers.")
"""Beginnings of the names of the one library."""

_ALIASES = {
    "convolution": "conv2d",
    "convolution1d": "conv1d",
    "convolution2d": "conv2d",
    "convolution3d": "conv3d",
    "convolution2d_transpose": "conv2d_transpose",
    "convolution3d_transpose": "conv3d_transpose",
    "convolution2d_in_plane": "conv2d",
    "separable_convolution2d": "separable_conv2d",
}


def short(name: str) -> str:
    """A canonical name with slim's and tf.contrib.layers' parts under one: `contrib.conv2d`."""
    for beginning in CONTRIB:
        if name.startswith(beginning):
            rest = name[len(beginning) :]
            return name if "." in rest else f"contrib.{_ALIASES.get(rest, rest)}"
    return name


def _named(*names: str) -> frozenset[str]:
    return frozenset(map(short, names))


_CONVOLUTIONS = {
    "conv1d": 1,
    "conv2d": 2,
    "conv3d": 3,
    "separable_conv1d": 1,
    "separable_conv2d": 2,
    "conv2d_transpose": 2,
    "conv3d_transpose": 3,
}
_CLASSES = {
    "Conv1D": 1,
    "Conv2D": 2,
    "Conv3D": 3,
    "SeparableConv1D": 1,
    "SeparableConv2D": 2,
    "Conv2DTranspose": 2,
    "Conv3DTranspose": 3,
    "DepthwiseConv2D": 2,
    "Convolution2D": 2,
}

DIMENSIONS = (
    {f"tensorflow.layers.{name}": count for name, count in (_CONVOLUTIONS | _CLASSES).items()}
    | {f"keras.layers.{name}": count for name, count in _CLASSES.items()}
    | {f"contrib.{name}": count for name, count in _CONVOLUTIONS.items()}
    | {
        "tensorflow.nn.conv1d": 1,
        "tensorflow.nn.conv2d": 2,
        "tensorflow.nn.conv3d": 3,
        "tensorflow.nn.convolution": 2,
        "tensorflow.nn.depthwise_conv2d": 2,
        "tensorflow.nn.depthwise_conv2d_native": 2,
        "tensorflow.nn.separable_conv2d": 2,
        "tensorflow.nn.atrous_conv2d": 2,
        "tensorflow.nn.conv2d_transpose": 2,
    }
)
"""Convolutions, with the number of spatial dimensions."""

DENSE = frozenset(
    {
        "tensorflow.layers.dense",
        "tensorflow.layers.Dense",
        "keras.layers.Dense",
        "contrib.fully_connected",
        "contrib.linear",
        "contrib.relu",
        "tensorflow.matmul",
        "tensorflow.linalg.matmul",
        "tensorflow.nn.xw_plus_b",
        "tensorflow.sparse_tensor_dense_matmul",
    }
)

LAYERS = frozenset(DIMENSIONS) | DENSE | {"tensorflow.nn.embedding_lookup"}
"""Whatever has weights."""

REPEATING = {"contrib.repeat": 2, "contrib.stack": 1}
"""What applies a layer of slim's several times, with the position of the argument that says which."""

WITH_BIAS_BY_DEFAULT = frozenset(
    {name for name in DIMENSIONS if not name.startswith("tensorflow.nn.")}
    | {name for name in DENSE if "matmul" not in name and name != "tensorflow.nn.xw_plus_b"}
)
"""Layers that add a bias unless they are told not to."""

SIGMOIDS = frozenset(
    {
        "tensorflow.sigmoid",
        "tensorflow.tanh",
        "tensorflow.nn.sigmoid",
        "tensorflow.nn.tanh",
        "tensorflow.math.sigmoid",
        "tensorflow.math.tanh",
        "keras.activations.sigmoid",
        "keras.activations.tanh",
    }
)
SOFTMAX = frozenset({"tensorflow.nn.softmax", "tensorflow.nn.log_softmax", "contrib.softmax"})
RECTIFIERS = frozenset(
    {
        f"tensorflow.nn.{name}"
        for name in ("relu", "relu6", "elu", "selu", "leaky_relu", "crelu", "softplus", "softsign", "swish", "silu")
    }
    | {"tensorflow.maximum", "tensorflow.math.maximum", "contrib.relu"}
)
RESHAPES = frozenset(
    {
        f"tensorflow.{name}"
        for name in ("reshape", "identity", "squeeze", "expand_dims", "transpose", "cast", "stop_gradient", "tile")
    }
    | {"tensorflow.layers.flatten", "contrib.flatten", "keras.layers.Flatten", "keras.layers.Reshape"}
    | {"tensorflow.layers.Flatten", "tensorflow.space_to_depth", "tensorflow.depth_to_space"}
)
POOLINGS = frozenset(
    {
        f"tensorflow.{module}.{name}"
        for module, names in (
            ("nn", ("max_pool", "avg_pool", "max_pool2d", "avg_pool2d", "pool", "max_pool3d")),
            ("layers", ("max_pooling1d", "max_pooling2d", "max_pooling3d", "average_pooling2d", "average_pooling1d")),
        )
        for name in names
    }
    | {"contrib.max_pool2d", "contrib.avg_pool2d", "contrib.max_pool3d"}
)
DROPOUTS = frozenset(
    {
        "tensorflow.nn.dropout",
        "tensorflow.layers.dropout",
        "tensorflow.layers.Dropout",
        "contrib.dropout",
        "keras.layers.Dropout",
        "tensorflow.nn.alpha_dropout",
    }
)

ASSIGNMENTS = {
    "tensorflow.assign": (0, 1),
    "tensorflow.assign_add": (0, 1),
    "tensorflow.assign_sub": (0, 1),
    "tensorflow.state_ops.assign": (0, 1),
    "tensorflow.train.assign_moving_average": (0, 1),
}
"""Functions that change a variable: the positions of the variable and of what it becomes or moves towards."""

ASSIGNING_METHODS = frozenset({".assign", ".assign_add", ".assign_sub", ".load"})

VARIABLES = _named(
    "tensorflow.Variable",
    "tensorflow.get_variable",
    "contrib.model_variable",
    "slim.model_variable",
    "slim.variable",
    "tensorflow.contrib.framework.model_variable",
    "tensorflow.contrib.framework.variable",
    "tensorflow.get_local_variable",
)
PLACEHOLDERS = frozenset(
    {
        "tensorflow.placeholder",
        "tensorflow.placeholder_with_default",
        "tensorflow.sparse_placeholder",
        "keras.backend.placeholder",
        "keras.layers.Input",
    }
)

INITIALIZERS = frozenset(
    {
        "tensorflow.global_variables_initializer",
        "tensorflow.initialize_all_variables",
        "tensorflow.initializers.global_variables",
    }
)
"""Those that initialize every variable."""

RESTORING = _named(
    ".restore",
    "slim.assign_from_checkpoint_fn",
    "slim.assign_from_checkpoint",
    "tensorflow.contrib.framework.assign_from_checkpoint_fn",
    "tensorflow.contrib.framework.assign_from_checkpoint",
    "tensorflow.train.init_from_checkpoint",
    "tensorflow.contrib.framework.init_from_checkpoint",
    "tensorflow.train.latest_checkpoint",
    "tensorflow.train.get_checkpoint_state",
    "tensorflow.train.load_checkpoint",
    "tensorflow.saved_model.loader.load",
    "tensorflow.saved_model.load",
    "tensorflow.train.import_meta_graph",
    "tensorflow.train.MonitoredTrainingSession",
    "tensorflow.train.SessionManager",
    "tensorflow.train.Supervisor",
)
"""Calls that bring weights of an earlier training in."""


def name_of(value: Value | None) -> str:
    """The short name of a function or class from outside, whatever it is wrapped in; "" for anything else."""
    while isinstance(value, Partial | Wrapped):
        value = value.function
    return short(value.name) if isinstance(value, External) else ""


def op_name(call: Call) -> str:
    """The short name of what a call runs: of a layer object that of its class."""
    if isinstance(call.callee, Product):
        return short(call.callee.call.name)
    return short(call.name)


def made_by(call: Call) -> Call | None:
    """The call that made the layer object that a call applies."""
    return call.callee.call if isinstance(call.callee, Product) else None


def collection_name(value: Value | None) -> str | None:
    """The name of a graph collection, as `update_ops`; `None` where it is not known."""
    if isinstance(value, External) and "GraphKeys" in value.name:
        return value.name.rpartition(".")[2].lower()
    if isinstance(value, Attribute) and value.name.isupper():
        return value.name.lower()
    return constant_text(value)
