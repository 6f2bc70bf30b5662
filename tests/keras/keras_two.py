"""Keras 2, as programs for it import it: what TensorFlow still carries of it, and the one layer that it has not.

A constant mode of a layer in a functional model, and the learning phase, are Keras 2's affair: Keras 3 knows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from tensorflow.python import keras
from tensorflow.python.keras import backend, layers, losses, metrics, models
from tensorflow.python.keras.engine import data_adapter
from tensorflow.python.keras.engine.base_layer import Layer
from tensorflow.python.keras.optimizer_v2 import adam, gradient_descent, rmsprop


def batch_normalization(note: Callable[[Any, int, bool], None]) -> type:
    """A class of layers that tell how they are called.

    Arguments:
        note: gets the layer, the rows that it normalizes, and whether it does so by the batch.
    """

    class BatchNormalization(Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.gamma = self.add_weight("gamma", shape[-1:], initializer="ones")
            self.moving_mean = self.add_weight("moving_mean", shape[-1:], initializer="zeros", trainable=False)

        def call(self, inputs: Any, training: Any = None) -> Any:
            training = backend.learning_phase() if training is None else training
            if hasattr(inputs, "numpy"):
                note(self, int(inputs.shape[0]), bool(training))
            mean = tf.reduce_mean(inputs, list(range(inputs.shape.rank - 1))) if training is True else self.moving_mean
            return self.gamma * (inputs - mean)

    return BatchNormalization


def prepare(patch: Any) -> None:
    """Lets models be fitted at once and on no disk.

    Arguments:
        patch: undoes it, `pytest.MonkeyPatch`.
    """
    fit = keras.Model.fit

    def fitted(model: Any, *given: Any, **options: Any) -> Any:
        model.run_eagerly = True
        return fit(model, *given, **options | {"epochs": 1, "verbose": 0})

    # The class that it asks for is no longer in TensorFlow.
    patch.setattr(data_adapter, "_is_distributed_dataset", lambda data: False)
    patch.setattr(keras.Model, "fit", fitted)
    for each in ("load_weights", "save"):
        patch.setattr(keras.Model, each, lambda *args, **options: None)
    patch.setattr(backend, "get_session", lambda: None)
    backend.clear_session()  # of the learning phase of the program before


def modules(note: Callable[[Any, int, bool], None], save: Callable[[Any], None], **data: Any) -> dict[str, Any]:
    """The modules of TensorFlow 2 with Keras 2, by their names.

    Arguments:
        note: gets what a normalization layer is called with, as `batch_normalization` says.
        save: gets the variables that a saver is made for.
        data: modules of Keras that give data.
    """
    normalization = batch_normalization(note)

    def network(*args: Any, **options: Any) -> Any:
        convolution = layers.Conv2D(4, 3, strides=8, use_bias=False)
        inner = [convolution, normalization(), layers.ReLU()]
        return keras.Sequential([layers.InputLayer(options["input_shape"]), *inner])

    published = SimpleNamespace(
        EfficientNetB0=network,
        MobileNetV2=network,
        mobilenet_v2=SimpleNamespace(preprocess_input=lambda images: images / 127.5 - 1),
    )
    given = {name: getattr(layers, name) for name in dir(layers)} | {"BatchNormalization": normalization}
    two = SimpleNamespace(
        Input=keras.Input,
        Model=keras.Model,
        Sequential=keras.Sequential,
        applications=published,
        backend=backend,
        layers=SimpleNamespace(**given),
        losses=losses,
        metrics=metrics,
        models=models,
        optimizers=SimpleNamespace(Adam=adam.Adam, RMSprop=rmsprop.RMSprop, SGD=gradient_descent.SGD),
        **data,
    )
    inner = {name: value for name, value in vars(two).items() if isinstance(value, SimpleNamespace) or value is backend}
    savers = SimpleNamespace(Saver=lambda variables: save(variables) or SimpleNamespace(save=lambda *args: None))
    tensorflow = _Beside(tf, keras=two, train=savers)
    return {
        "tensorflow": tensorflow,
        "keras": two,
        "keras.models": two,
        **{f"{package}.{name}": value for package in ("tensorflow.keras", "keras") for name, value in inner.items()},
        "tensorflow.keras": two,
    }


class _Beside:
    """A module with other names beside its own."""

    def __init__(self, module: Any, **own: Any) -> None:
        self.__dict__.update(own)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
