"""What layers and functions of Keras, Flax, Equinox and their arrays are: the words that readers share.

Names are canonical (`names.canonical`). A kind is a word: normalization, convolution, linear, dropout, sigmoid, tanh,
softmax, activation, reshape, pooling, embedding, loss or other.
"""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import External, Known, Partial, Product, Value, Wrapped

NORMALIZATIONS = {
    "keras.layers.BatchNormalization": "keras",
    "keras.layers.SyncBatchNormalization": "keras",
    "keras.layers.experimental.SyncBatchNormalization": "keras",
    "keras.layers.BatchNormalizationV1": "keras",
    "keras.layers.BatchNormalizationV2": "keras",
    "keras.applications.resnet.BatchNormalization": "keras",
    "flax.linen.BatchNorm": "jax",
    "flax.nnx.BatchNorm": "jax",
    "equinox.nn.BatchNorm": "jax",
}
"""The layers that normalize by the batch, with the framework whose program it is."""

SYNCHRONIZED = ("keras.layers.SyncBatchNormalization", "keras.layers.experimental.SyncBatchNormalization")

_KERAS_LAYERS = {
    "linear": ("Dense", "EinsumDense"),
    "dropout": ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
    "activation": ("ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"),
    "softmax": ("Softmax",),
    "reshape": ("Flatten", "Reshape", "Permute", "InputLayer"),
    "pooling": (
        *(f"{which}Pooling{size}D" for which in ("Max", "Average", "GlobalMax", "GlobalAverage") for size in (1, 2, 3)),
        *(
            f"{which}Pool{size}D"
            for which in ("Max", "Avg", "GlobalMax", "GlobalAverage", "GlobalAvg")
            for size in (1, 2, 3)
        ),
    ),
    "embedding": ("Embedding",),
}
_CONVOLUTIONS = (
    *(f"Conv{size}D" for size in (1, 2, 3)),
    *(f"Convolution{size}D" for size in (1, 2, 3)),
    *(f"Conv{size}DTranspose" for size in (1, 2, 3)),
    *(f"Convolution{size}DTranspose" for size in (1, 2, 3)),
    *(f"SeparableConv{size}D" for size in (1, 2)),
    "SeparableConvolution2D",
    "Deconvolution2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "LocallyConnected1D",
    "LocallyConnected2D",
)

_FUNCTIONS = {
    "sigmoid": (
        "keras.activations.sigmoid",
        "keras.ops.sigmoid",
        "keras.ops.nn.sigmoid",
        "keras.backend.sigmoid",
        "tensorflow.sigmoid",
        "tensorflow.nn.sigmoid",
        "tensorflow.math.sigmoid",
        "jax.nn.sigmoid",
        "jax.scipy.special.expit",
        "flax.linen.sigmoid",
        "flax.linen.activation.sigmoid",
        "flax.nnx.sigmoid",
    ),
    "tanh": (
        "keras.activations.tanh",
        "keras.ops.tanh",
        "keras.backend.tanh",
        "tensorflow.tanh",
        "tensorflow.nn.tanh",
        "tensorflow.math.tanh",
        "jax.numpy.tanh",
        "jax.nn.tanh",
        "jax.lax.tanh",
        "flax.linen.tanh",
        "flax.linen.activation.tanh",
        "flax.nnx.tanh",
    ),
    "softmax": tuple(
        f"{module}.{name}"
        for module in (
            "keras.activations",
            "keras.ops",
            "keras.backend",
            "tensorflow.nn",
            "jax.nn",
            "flax.linen",
            "flax.nnx",
        )
        for name in ("softmax", "log_softmax")
    ),
    "activation": tuple(
        f"{module}.{name}"
        for module in (
            "keras.activations",
            "keras.ops",
            "keras.backend",
            "tensorflow.nn",
            "jax.nn",
            "flax.linen",
            "flax.nnx",
        )
        for name in (
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "selu",
            "gelu",
            "silu",
            "swish",
            "softplus",
            "mish",
            "celu",
            "hard_swish",
        )
    ),
    "dropout": ("tensorflow.nn.dropout", "keras.backend.dropout", "keras.random.dropout"),
    "reshape": (
        *(f"keras.ops.{name}" for name in ("reshape", "ravel", "squeeze", "expand_dims", "cast")),
        *(f"tensorflow.{name}" for name in ("reshape", "squeeze", "expand_dims", "cast", "identity")),
        *(f"jax.numpy.{name}" for name in ("reshape", "ravel", "squeeze", "expand_dims", "asarray", "array")),
        *(f"keras.backend.{name}" for name in ("reshape", "flatten", "batch_flatten", "squeeze", "cast")),
        ".reshape",
        ".ravel",
        ".squeeze",
        ".astype",
        ".flatten",
    ),
    "pooling": (
        *(f"flax.{module}.{name}" for module in ("linen", "nnx") for name in ("max_pool", "avg_pool", "pool")),
        *(f"keras.ops.{name}" for name in ("max_pool", "average_pool", "mean", "max")),
        "tensorflow.nn.max_pool2d",
        "tensorflow.nn.avg_pool2d",
        "tensorflow.nn.max_pool",
        "tensorflow.nn.avg_pool",
        "tensorflow.reduce_mean",
        "tensorflow.math.reduce_mean",
        "keras.backend.mean",
        "jax.numpy.mean",
        ".mean",
        ".max",
    ),
}

KINDS: dict[str, str] = (
    {f"keras.layers.{name}": kind for kind, names in _KERAS_LAYERS.items() for name in names}
    | {f"keras.layers.{name}": "convolution" for name in _CONVOLUTIONS}
    | {name: kind for kind, names in _FUNCTIONS.items() for name in names}
    | dict.fromkeys(NORMALIZATIONS, "normalization")
    | {
        f"flax.{module}.{name}": kind
        for module in ("linen", "nnx")
        for name, kind in (
            ("Conv", "convolution"),
            ("ConvTranspose", "convolution"),
            ("ConvLocal", "convolution"),
            ("Dense", "linear"),
            ("DenseGeneral", "linear"),
            ("Linear", "linear"),
            ("LinearGeneral", "linear"),
            ("Dropout", "dropout"),
            ("Embed", "embedding"),
            ("PReLU", "activation"),
        )
    }
    | {
        f"equinox.nn.{name}": kind
        for name, kind in (
            *((f"Conv{size}d", "convolution") for size in (1, 2, 3)),
            *((f"ConvTranspose{size}d", "convolution") for size in (1, 2, 3)),
            ("Conv", "convolution"),
            ("Linear", "linear"),
            ("Dropout", "dropout"),
            ("PReLU", "activation"),
            ("Embedding", "embedding"),
            *((f"{which}Pool{size}d", "pooling") for which in ("Max", "Avg") for size in (1, 2, 3)),
        )
    }
)

_BY_WORD = {"sigmoid": "sigmoid", "hard_sigmoid": "sigmoid", "tanh": "tanh", "softmax": "softmax"}
_NO_ACTIVATION = ("linear", None)
_LOSSES = (
    "optax.losses.",
    "optax.softmax_cross_entropy",
    "optax.sigmoid_",
    "optax.l2_loss",
    "optax.squared_error",
    "optax.huber_loss",
    "optax.log_cosh",
    "optax.hinge_loss",
    "keras.losses.",
    "keras.metrics.mean_",
    "keras.ops.categorical_crossentropy",
    "keras.ops.sparse_categorical_crossentropy",
    "keras.ops.binary_crossentropy",
    "tensorflow.losses.",
)


def made_by(call: Call) -> Call | None:
    """The call that made the layer that a call applies; `None` where it applies none."""
    return call.callee.call if isinstance(call.callee, Product) else None


def name_of(value: Value | None) -> str:
    """The name of a function or class outside of the project, whatever it is wrapped in; "" for anything else."""
    while isinstance(value, Partial | Wrapped):
        value = value.function
    return value.name if isinstance(value, External) else ""


def kind_of(call: Call) -> str:
    """What a call does with its first argument."""
    made = made_by(call)
    name = call.name if made is None else made.name
    if name in ("keras.layers.Activation", "keras.activations.get") and made is not None:
        return kind_of_activation(made.argument(0, "activation", "identifier"))
    if name == "equinox.nn.Lambda" and made is not None:
        return kind_of_activation(made.argument(0, "fn"))
    if is_loss(call):
        return "loss"
    return KINDS.get(name, "other")


def kind_of_activation(value: Value | None) -> str:
    """The kind of an activation that is given by its word, its function or its layer."""
    if isinstance(value, Known):
        return _BY_WORD.get(value.value, "reshape" if value.value in _NO_ACTIVATION else "activation")
    if isinstance(value, Product):
        return KINDS.get(value.call.name, "other")
    name = name_of(value)
    return KINDS.get(name, "activation" if name.startswith("keras.activations.") else "other")


def activation_of(made: Call) -> Value | None:
    """The activation that a layer applies to its own result; `None` without one."""
    position = 1 if made.name.startswith("keras.layers.Dense") else None
    given = made.argument(position, "activation") if made.name.startswith("keras.") else None
    return None if isinstance(given, Known) and given.value in _NO_ACTIVATION else given


def has_bias(made: Call) -> bool:
    """Whether a layer surely adds a bias."""
    if KINDS.get(made.name) not in ("convolution", "linear") or made.more:
        return False
    given = made.argument(None, "use_bias", "bias")
    return given is None or given == Known(True)


def is_loss(call: Call) -> bool:
    """Whether a call computes a loss from predictions."""
    made = made_by(call)
    name = call.name if made is None else made.name
    return name.startswith(_LOSSES) or (name.startswith(("tensorflow.nn.", "jax.nn.")) and "cross_entropy" in name)
