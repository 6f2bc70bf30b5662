"""Small networks of Keras on the digits, and a sanity test of them in a few seconds."""

from __future__ import annotations

from typing import Any

import keras
import pytest

import steadynorm
from steadynorm import Report, Subject


class SanityLab:
    """Networks on the digits and what a sanity test says about them.

    Attributes:
        train_data: batches (x, y): float32 (64, 8, 8, 1) in [0, 1] and int64 (64,).
    """

    def __init__(self, lab: Any) -> None:
        self.train_data, self.loss, self.gradient_step = lab.train_data, lab.loss, lab.gradient_step

    def model(self, *layers: Any, inputs: tuple[int, ...] = (8, 8, 1)) -> keras.Model:
        return keras.Sequential([keras.Input(inputs), *layers])

    def net(self, rate: float | None = 1e-2) -> keras.Model:
        """A network with normalization and dropout, compiled at a learning rate."""
        keras.utils.set_random_seed(0)
        layers = keras.layers
        model = self.model(
            layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, name="head"),
        )
        return model if rate is None else self.compiled(model, rate)

    def compiled(self, model: keras.Model, rate: Any = 1e-2) -> keras.Model:
        loss = self.loss
        model.compile(keras.optimizers.Adam(rate), lambda target, output: loss(output, target), jit_compile=False)
        return model

    def report(self, model: keras.Model, select: str | list[str] = "SN9", **given: Any) -> Report:
        """A sanity test with the train step of the compiled model, or without one."""
        fields = {name: given.pop(name) for name in ("train_data", "loss", "train_step", "optimizer") if name in given}
        subject = Subject(model, **{"train_data": self.train_data, "loss": self.loss, "name": "digits", **fields})
        return steadynorm.sanity(subject, select=select, progress=False, **given)

    def codes(self, model: keras.Model, select: str = "SN9", **given: Any) -> list[str]:
        return [found.code for found in self.report(model, select, **given).findings]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the steps of each training: how many there are is tested without Keras, whose single steps are slow.

    By then the networks of these tests have fitted their batch, after 30 to 85 steps at the higher rate, or never will.
    """
    monkeypatch.setattr("steadynorm.experiments.sanity.STEPS", 150)


@pytest.fixture
def sanity(lab: Any) -> SanityLab:
    return SanityLab(lab)
