"""A small residual network on the digits, trained once for all tests of the checks, and how it is diagnosed.

The backend is the one that KERAS_BACKEND names when Python starts: the same tests run on each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.keras.batches import numbers_of

LAYERS = ("norm", "inner_norm", "hidden_norm")
BATCH = 64


def loss(output: Any, target: Any) -> Any:
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(target, output, from_logits=True))


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


def evaluate(model: keras.Model, batches: Any) -> float:
    right = sum(int((numbers_of(model(x, training=False)).argmax(-1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def train(model: keras.Model, batches: Any, *, epochs: int = 4, rate: float = 3e-3) -> keras.Model:
    """Trains in the plain way, as `fit` does; the model comes back compiled."""
    model.compile(keras.optimizers.Adam(rate), lambda target, output: loss(output, target))
    for _ in range(epochs):
        for x, y in batches:
            model.train_on_batch(x, y)
    return model


class Lab:
    """What the tests need: networks, training, and a diagnosis on the digits.

    Attributes:
        train_data: batches (x, y): float32 (64, 8, 8, 1) in [0, 1] and int64 (64,).
        validation_data: likewise.
    """

    loss = staticmethod(loss)
    accuracy = staticmethod(accuracy)
    network = staticmethod(network)
    train = staticmethod(train)
    evaluate = staticmethod(evaluate)
    layers = LAYERS

    def __init__(self) -> None:
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
        model.compile(keras.optimizers.Adam(3e-3), lambda target, output: loss(output, target))
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
            "progress": False,
            **functions,
        }
        return steadynorm.diagnose(model, **options)

    def codes(self, report: steadynorm.Report) -> list[str]:
        """The codes found, in rank order."""
        return [found.code for found in report.findings]

    def assert_first(self, report: steadynorm.Report, code: str) -> steadynorm.Finding:
        """The true cause is ranked first."""
        assert report.findings, "nothing was found"
        assert report.findings[0].code == code, [(found.code, found.message) for found in report.findings]
        return report.findings[0]

    def assert_healthy(self, report: steadynorm.Report) -> None:
        """No finding of severity error or warning."""
        found = report.at_least(steadynorm.Severity.WARNING)
        assert not found, [(each.code, each.message, each.effect) for each in found]
        assert report.exit_status() == 0


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.fixture
def gradient_step() -> Callable[..., Callable[[Any, Any, Any], Any]]:
    """Makes a train step of a hand-written loop in the backend's own way, `step(model, optimizer, batch)`.

    Its argument `forward(model, x)` is the forward pass, by default the model in training mode.
    """
    from gradient_steps import gradient_step  # beside this file; it imports one framework and no other

    return gradient_step
