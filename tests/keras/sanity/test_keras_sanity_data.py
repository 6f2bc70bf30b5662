"""SN903, SN906 and SN908 on Keras models: ranges, the order of the data, and what the loss reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


def squared(output: Any, target: Any) -> Any:
    return keras.ops.mean(keras.ops.square(output - target))


@pytest.mark.every_backend
@pytest.mark.parametrize(("last", "scale", "offset", "severity"), TABLE["ranges"])
@pytest.mark.parametrize("apart", [True, False], ids=["a layer", "an argument"])
def test_targets_against_the_bounds_of_the_output(
    sanity: Any, last: str, scale: float, offset: float, severity: str | None, apart: bool
) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = sanity.model(
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation=None if apart else last),
        *[layers.Activation(last)] * apart,
    )
    data = [(x, x * np.float32(scale) + np.float32(offset)) for x, _ in sanity.train_data]

    found = sanity.report(model, "SN903", train_data=data, loss=squared).findings

    assert [each.severity for each in found] == ([severity] if severity else [])


@pytest.mark.every_backend
@pytest.mark.parametrize(("marker", "is_masked", "expected"), TABLE["masks"])
def test_targets_that_the_loss_ignores_are_out_of_no_range(
    sanity: Any, marker: float, is_masked: bool, expected: list[str]
) -> None:
    def loss(output: Any, target: Any) -> Any:
        counts = keras.ops.cast(keras.ops.not_equal(target, marker), "float32") if is_masked else 1.0
        return keras.ops.mean(counts * keras.ops.square(output - target))

    keras.utils.set_random_seed(0)
    model = sanity.model(keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid"))
    data = [(x, (x > 0.5).astype(np.float32)) for x, _ in sanity.train_data]
    for _, y in data:
        y[:, :, 0] = marker

    assert sanity.codes(model, "SN903", train_data=data, loss=loss) == expected


class Sequence(keras.utils.PyDataset):
    """The digits in the order of their labels, or mixed."""

    def __init__(self, batches: Any, in_order: bool) -> None:
        super().__init__()
        x, y = (np.concatenate(each) for each in zip(*batches, strict=True))
        order = np.argsort(y, kind="stable") if in_order else np.arange(len(y))
        self.x, self.y = x[order], y[order]

    def __len__(self) -> int:
        return len(self.y) // 64

    def __getitem__(self, index: int) -> Any:
        part = slice(64 * index, 64 * index + 64)
        return self.x[part], self.y[part]


@pytest.mark.parametrize(("how", "sequential", "expected"), TABLE["order"])
@pytest.mark.parametrize("listed", [True, False], ids=["a list", "a PyDataset"])
def test_order_of_the_data(sanity: Any, how: str, sequential: bool, expected: list[str], listed: bool) -> None:
    data: Any = Sequence(sanity.train_data, how == "sorted")
    data = [data[index] for index in range(len(data))] if listed else data

    assert sanity.codes(sanity.net(None), "SN906", train_data=data, sequential=sequential) == expected


class Network(keras.Model):
    """A body, a head, and a second head that is used as told."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.flatten = keras.layers.Flatten()
        self.body = keras.layers.Dense(32, activation="relu", name="body")
        self.head, self.extra = (keras.layers.Dense(10, name=name) for name in ("head", "extra"))

    def call(self, x: Any) -> Any:
        h = self.body(self.flatten(x))
        if self.how == "detached":
            h = keras.ops.stop_gradient(h)
        return self.head(h) if self.how == "unused" and self.extra.built else self.head(h) + self.extra(h)


@pytest.mark.every_backend
@pytest.mark.parametrize(("how", "layers", "severity"), TABLE["connections"])
def test_parameters_without_gradient(sanity: Any, how: str, layers: list[str], severity: str | None) -> None:
    keras.utils.set_random_seed(0)
    model = Network(how)
    model(sanity.train_data[0][0])

    found = sanity.report(model, "SN908").findings

    names = [f"{layer}/{name}" for layer in layers for name in ("kernel", "bias")]
    assert [each.evidence["parameters"] for each in found] == ([names] if names else [])
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_frozen_parameters_need_no_gradient(sanity: Any) -> None:
    model = Network("detached")
    model(sanity.train_data[0][0])
    model.body.trainable = False

    assert sanity.codes(model, "SN908") == []


@pytest.mark.every_backend
def test_a_branch_that_begins_at_zero_gets_gradients(sanity: Any) -> None:
    """They are zero at first, for all that comes before the zeros; that is no missing connection."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((8, 8, 1))
    flat = layers.Flatten()(inputs)
    branch = layers.Dense(64, kernel_initializer="zeros")(layers.Dense(64, activation="relu")(flat))
    model = keras.Model(inputs, layers.Dense(10)(flat + branch))

    assert sanity.codes(model, "SN908") == []


@pytest.mark.every_backend
@pytest.mark.parametrize(("shape", "expected"), TABLE["broadcasting"])
# PyTorch warns of sizes that differ; that is the mistake.
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_broadcasting_between_predictions_and_targets(sanity: Any, shape: str, expected: list[str]) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = sanity.model(layers.Flatten(), layers.Dense(1), *[layers.Reshape(())] * (shape == "squeezed"))
    data = [(x, y.astype(np.float32)) for x, y in sanity.train_data]

    found = sanity.report(model, "SN908", train_data=data, loss=squared).findings

    assert [each.code for each in found] == expected
    assert all(each.evidence["output_shape"] == [64, 1] for each in found)


@pytest.mark.every_backend
def test_what_takes_a_loss_is_not_assessed_without_one(sanity: Any) -> None:
    report = sanity.report(sanity.net(), ["SN903", "SN907", "SN908"], loss=None)

    assert not report.findings
    assert {each.code: each.reason for each in report.not_assessed} == dict.fromkeys(
        ("SN903", "SN907", "SN908"), "no loss was given"
    )
