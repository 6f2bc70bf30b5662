"""A small residual network on the digits, trained once for all tests of the checks, and how it is diagnosed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.keras.batches import numbers_of

LAYERS = ("norm", "inner_norm", "hidden_norm")
BATCH = 64


def loss(output: Any, target: Any) -> Any:
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(target, output, from_logits=True))


def fitted_loss(target: Any, output: Any) -> Any:
    """The same in the order of `compile`."""
    return loss(output, target)


def accuracy(output: Any, target: Any) -> float:
    return float(np.mean(numbers_of(output).argmax(-1) == numbers_of(target)))


def network(
    *, momentum: float = 0.9, epsilon: float = 1e-3, width: int = 16, bias: bool = False, **options: Any
) -> keras.Model:
    """Convolution, one residual block, linear layers; normalized after each but the last."""

    def normalized(name: str) -> Any:
        return keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=name, **options)

    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(width, 3, padding="same", use_bias=bias, name="conv")(inputs)
    x = layers.ReLU()(normalized("norm")(x))
    inner = normalized("inner_norm")(layers.Conv2D(width, 3, padding="same", use_bias=bias, name="inner")(x))
    x = layers.MaxPooling2D()(keras.ops.relu(inner) + x)
    x = layers.Dense(32, use_bias=bias, name="hidden")(layers.Flatten()(x))
    x = layers.ReLU()(normalized("hidden_norm")(x))
    return keras.Model(inputs, layers.Dense(10, name="head")(x))


class Net(keras.Model):
    """The same as a class; its layers are called through `mode`, which says what each of them gets as `training`."""

    def __init__(self, momentum: float = 0.9, kind: Any = keras.layers.BatchNormalization) -> None:
        super().__init__()
        layers = keras.layers
        self.conv = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv")
        self.norm = layers.BatchNormalization(momentum=momentum, name="norm")
        self.inner = layers.Conv2D(16, 3, padding="same", use_bias=False, name="inner")
        self.inner_norm = kind(momentum=momentum, name="inner_norm")
        self.pool = layers.MaxPooling2D()
        self.flatten = layers.Flatten()
        self.hidden = layers.Dense(32, use_bias=False, name="hidden")
        self.hidden_norm = layers.BatchNormalization(momentum=momentum, name="hidden_norm")
        self.head = layers.Dense(10, name="head")

    def mode(self, training: Any) -> Any:
        return training

    def call(self, x: Any, training: Any = None) -> Any:
        training = self.mode(training)
        x = keras.ops.relu(self.norm(self.conv(x), training=training))
        x = keras.ops.relu(self.inner_norm(self.inner(x), training=training)) + x
        x = self.hidden(self.flatten(self.pool(x)))
        return self.head(keras.ops.relu(self.hidden_norm(x, training=training)))


def evaluate(model: keras.Model, batches: Any) -> float:
    right = sum(int((numbers_of(model(x, training=False)).argmax(-1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


# One by one, the operations of a step take JAX many times as long; TensorFlow makes a graph of them without XLA.
JIT = keras.backend.backend() == "jax"


def train(model: keras.Model, batches: Any, *, epochs: int = 4, rate: float = 3e-3) -> keras.Model:
    """Trains in the plain way, as `fit` does; the model comes back compiled."""
    model.compile(keras.optimizers.Adam(rate), fitted_loss, jit_compile=JIT)
    model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    for _ in range(epochs):
        for x, y in batches:
            model.train_on_batch(x, y)
    return model


def in_training(model: Any, x: Any) -> Any:
    return model(x, training=True)


def gradient_step(loss: Callable[[Any, Any], Any], forward: Callable[[Any, Any], Any] = in_training) -> Any:
    """A step `step(model, optimizer, batch)` that minimizes `loss(forward(model, x), y)` and returns the loss."""
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()](loss, forward)


def _tensorflow(loss: Any, forward: Any) -> Any:
    tf = importlib.import_module("tensorflow")

    def step(model: Any, optimizer: Any, batch: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(forward(model, batch[0]), batch[1])
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    return step


def _torch(loss: Any, forward: Any) -> Any:
    torch = importlib.import_module("torch")

    def step(model: Any, optimizer: Any, batch: Any) -> Any:
        model.zero_grad()
        value = loss(forward(model, batch[0]), batch[1])
        value.backward()
        variables = list(model.trainable_variables)
        with torch.no_grad():
            optimizer.apply([each.value.grad for each in variables], variables)
        return value

    return step


def _jax(loss: Any, forward: Any) -> Any:
    jax = importlib.import_module("jax")

    def step(model: Any, optimizer: Any, batch: Any) -> Any:
        def computed(trainable: Any, others: Any) -> Any:
            pairs = [*zip(model.trainable_variables, trainable, strict=True)]
            pairs += zip(model.non_trainable_variables, others, strict=True)
            with keras.StatelessScope(state_mapping=pairs) as scope:
                value = loss(forward(model, batch[0]), batch[1])
            current = [scope.get_current_value(each) for each in model.non_trainable_variables]
            return value, [old if new is None else new for old, new in zip(others, current, strict=True)]

        values = [
            [each.value for each in group] for group in (model.trainable_variables, model.non_trainable_variables)
        ]
        (value, others), gradients = jax.value_and_grad(computed, has_aux=True)(*values)
        optimizer.apply(gradients, model.trainable_variables)
        for variable, new in zip(model.non_trainable_variables, others, strict=True):
            variable.assign(new)
        return value

    return step


def repeat(step: Any, model: keras.Model, optimizer: Any, batches: Any) -> None:
    """Makes a step on every batch; TensorFlow makes a graph of it, which takes a tenth of the time."""

    def one(x: Any, y: Any) -> Any:
        return step(model, optimizer, (x, y))

    if keras.backend.backend() == "tensorflow":
        one = importlib.import_module("tensorflow").function(one)
    for batch in batches:
        one(*batch)


class Lab:
    """What the tests need: networks, training, and a diagnosis on the digits.

    Attributes:
        train_data: batches (x, y): float32 (64, 8, 8, 1) in [0, 1] and int64 (64,).
        validation_data: likewise.
    """

    loss = staticmethod(loss)
    fitted_loss = staticmethod(fitted_loss)
    accuracy = staticmethod(accuracy)
    network = staticmethod(network)
    train = staticmethod(train)
    evaluate = staticmethod(evaluate)
    gradient_step = staticmethod(gradient_step)
    repeat = staticmethod(repeat)
    layers = LAYERS
    Net = Net

    def __init__(self, of_reports: Any) -> None:
        self.codes, self.assert_first = of_reports.codes, of_reports.assert_first
        self.assert_healthy = of_reports.assert_healthy
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        x = (images[order] / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
        y = labels[order].astype(np.int64)
        batches = [(x[at : at + BATCH], y[at : at + BATCH]) for at in range(0, len(x), BATCH)]
        self.train_data, self.validation_data = batches[:22], batches[22:]
        self._weights: Any = None

    def healthy(self, **options: Any) -> keras.Model:
        """A trained network with its optimizer: the same every time."""
        keras.utils.set_random_seed(0)
        if options:
            return train(network(**options), self.train_data)
        model = network()
        if self._weights is None:
            train(model, self.train_data)
            self._weights = [numbers_of(each.value).copy() for each in model.variables + model.optimizer.variables]
            assert evaluate(model, self.validation_data) > 0.95
            return model
        model.compile(keras.optimizers.Adam(3e-3), fitted_loss, jit_compile=JIT)
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.variables + model.optimizer.variables, self._weights, strict=True):
            variable.assign(value)
        return model

    def diagnose(self, model: Any, **functions: Any) -> steadynorm.Report:
        """A diagnosis on the digits with loss and accuracy."""
        options = {
            "train_data": self.train_data,
            "validation_data": self.validation_data,
            "loss": loss,
            "metric": accuracy,
            "batches": 8,
            "progress": False,
            **functions,
        }
        return steadynorm.diagnose(model, **options)
