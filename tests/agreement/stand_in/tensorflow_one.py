"""The names of TensorFlow 1 that programs import: TensorFlow's own, tf-slim's, and this package's layers."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import tensorflow as tf
import tf_slim
from stand_in.made_up_data import ROWS, SIZE, MadeUp
from stand_in.recording import Built, sessions
from tensorflow.python.keras.legacy_tf_layers import convolutional, core, pooling

import steadynorm.tensorflow as ours

v1 = tf.compat.v1


class Names:
    """A module: its own names, and behind them another module's."""

    def __init__(self, behind: Any = None, **own: Any) -> None:
        self.__dict__.update(own)
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._behind is None:
            raise AttributeError(name)
        return getattr(self._behind, name)


def _shaped(function: Any, shape: tuple[int, ...], dtype: Any = tf.float32) -> Any:
    """A layer that tells made-up data what shape they have."""

    def layer(inputs: Any, *args: Any, **options: Any) -> Any:
        given = inputs.tensor(shape, dtype) if isinstance(inputs, MadeUp) else inputs
        named = {name: _counted(value) for name, value in options.items()}
        return function(given, *map(_counted, args), **named)

    for name, value in vars(function).items():
        setattr(layer, name, value)
    return layer


def _counted(value: Any) -> Any:
    """How many channels or units a layer has, where nothing is known of it."""
    return int(value) if isinstance(value, MadeUp) else value


def _shaped_class(cls: Any, shape: tuple[int, ...]) -> Any:
    """A class of such layers."""

    class Layer(cls):  # type: ignore[misc]
        def __call__(self, inputs: Any, *args: Any, **options: Any) -> Any:
            given = inputs.tensor(shape) if isinstance(inputs, MadeUp) else inputs
            return super().__call__(given, *args, **options)

    Layer.__name__ = cls.__name__
    return Layer


def _beside(function: Any, name: str) -> Any:
    """A loss or metric, whose made-up labels are such as go with the tensor that they are compared with."""
    sparse = "sparse" in name or name == "in_top_k"

    def compared(*args: Any, **options: Any) -> Any:
        tensors = [each for each in (*args, *options.values()) if isinstance(each, tf.Tensor)]

        def filled(value: Any) -> Any:
            if not isinstance(value, MadeUp) or not tensors:
                return value
            shape = tensors[0].shape.as_list()
            return value.tensor(shape[:-1], tf.int64) if sparse else value.tensor(shape, tensors[0].dtype)

        return function(*map(filled, args), **{key: filled(value) for key, value in options.items()})

    return compared


def _comparing(module: Any, *names: str) -> Names:
    own = {name: getattr(module, name) for name in names or dir(module) if not name.startswith("_")}
    return Names(module, **{name: _beside(value, name) for name, value in own.items() if callable(value)})


def _nothing(*args: Any, **options: Any) -> None:
    return None


def _made_up(*args: Any, **options: Any) -> Any:
    return MadeUp()


_IMAGES = (ROWS, 32, 32, 3)
_SHAPES = {
    "dense": (ROWS, SIZE),
    "fully_connected": (ROWS, SIZE),
    "batch_norm": (ROWS, SIZE),
    "conv1d": (ROWS, 32, 3),
    "conv2d": _IMAGES,
    "convolution2d": _IMAGES,
    "separable_conv2d": _IMAGES,
    "conv3d": (ROWS, 8, 8, 8, 3),
    "flatten": _IMAGES,
}
_CLASSES = {"Dense": (ROWS, SIZE), "Conv1D": (ROWS, 32, 3), "Conv2D": _IMAGES, "Flatten": _IMAGES}


def _layers() -> Names:
    own: dict[str, Any] = {}
    for module in (convolutional, core, pooling):
        own.update({name: value for name, value in vars(module).items() if not name.startswith("_")})
    own |= {name: _shaped(own[name], shape) for name, shape in _SHAPES.items() if name in own}
    own |= {name: _shaped_class(own[name], shape) for name, shape in _CLASSES.items()}
    return Names(
        None, **own | {"BatchNormalization": ours.BatchNormalization, "batch_normalization": ours.batch_normalization}
    )


def _contrib_layers() -> Names:
    layers = importlib.import_module("tf_slim.layers")
    own = {name: _shaped(getattr(layers, name), shape) for name, shape in _SHAPES.items() if hasattr(layers, name)}
    names = Names(layers, **own | {"batch_norm": ours.batch_norm})
    names.layers = Names(names, layers=names)
    names.python = names.layers
    names.python.layers = names
    return names


def _slim(layers: Names) -> Names:
    own = {name: getattr(layers, name) for name in _SHAPES if hasattr(layers, name)}
    return Names(
        tf_slim,
        **own,
        learning=Names(tf_slim.learning, train=_nothing),
        evaluation=Names(None, evaluate_once=_nothing, evaluation_loop=_nothing),
        losses=_comparing(tf_slim.losses),
        metrics=_comparing(tf_slim.metrics),
        assign_from_checkpoint_fn=_made_up,
        assign_from_checkpoint=lambda *args, **options: (None, {}),
    )


def _main(main: Any = None, argv: Any = None) -> None:
    (main or sys._getframe(1).f_globals["main"])(["main.py"])


class Flags:
    """tf.app.flags."""

    def __init__(self) -> None:
        self.FLAGS = types.SimpleNamespace()

    def __getattr__(self, name: str) -> Any:
        return lambda flag, default=None, *others, **options: setattr(self.FLAGS, flag, default)


_QUEUES = ("batch", "shuffle_batch", "slice_input_producer", "string_input_producer")


def tensorflow(built: Built) -> Names:
    """The module `tensorflow` for one program."""
    layers = _contrib_layers()
    slim = _slim(layers)
    flags = Flags()
    root = Names(
        v1,
        layers=_layers(),
        app=Names(None, flags=flags, run=_main),
        flags=flags,
        losses=_comparing(v1.losses),
        metrics=_comparing(v1.metrics),
        nn=Names(
            _comparing(v1.nn, *(name for name in dir(v1.nn) if "cross_entropy" in name or name == "in_top_k")),
            moments=_shaped(v1.nn.moments, (ROWS, SIZE)),
            embedding_lookup=lambda params, ids, **options: v1.nn.embedding_lookup(
                params, ids.tensor((ROWS, SIZE), tf.int64) if isinstance(ids, MadeUp) else ids, **options
            ),
        ),
        equal=_beside(v1.equal, "equal"),
        data=MadeUp(),
        read_file=_made_up,
        parse_single_example=_made_up,
        image=Names(v1.image, decode_png=_made_up, decode_jpeg=_made_up),
        gfile=MadeUp(),
        examples=MadeUp(),
        contrib=Names(
            None,
            layers=layers,
            slim=slim,
            framework=Names(tf_slim, arg_scope=tf_slim.arg_scope),
            training=Names(tf_slim.training),
            losses=Names(
                None,
                metric_learning=Names(None, triplet_semihard_loss=lambda labels, embeddings: tf.nn.l2_loss(embeddings)),
            ),
            seq2seq=Names(None, sequence_loss=lambda logits, *args, **options: tf.nn.l2_loss(logits)),
            distribute=MadeUp(),
            estimator=MadeUp(),
            opt=Names(
                None, AdamWOptimizer=lambda weight_decay, *args, **options: v1.train.AdamOptimizer(*args, **options)
            ),
        ),
        disable_v2_behavior=_nothing,
        disable_eager_execution=_nothing,
        train=Names(v1.train, **dict.fromkeys(_QUEUES, _made_up)),
        saved_model=Names(v1.saved_model),
        lite=Names(v1.lite),
        graph_util=Names(v1.graph_util),
    )
    root.compat = Names(None, v1=root)
    root.initialize_all_variables = v1.global_variables_initializer
    for name, value in sessions(built).items():
        *path, last = name.split(".")
        owner = root
        for each in path:
            owner = getattr(owner, each)
        setattr(owner, last, value)
    return root
