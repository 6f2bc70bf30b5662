"""SN905 and SN907 on Keras models: scales before training, broken beside healthy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from steadynorm.finding import Severity

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


def plain(sanity: Any, activation: str, depth: int, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(64, activation=activation, **options) for _ in range(depth)]
    return sanity.model(keras.layers.Flatten(), *hidden, keras.layers.Dense(10, **options))


@pytest.mark.every_backend
@pytest.mark.parametrize("deviation", TABLE["deviations"])
def test_plain_normal_weights_of_the_wrong_scale(sanity: Any, deviation: float) -> None:
    normal = keras.initializers.RandomNormal(stddev=deviation, seed=keras.random.SeedGenerator(0))
    model = plain(sanity, "relu", 3, kernel_initializer=normal)

    found = sanity.report(model, "SN905").findings[0]

    assert "wrong scale" in found.message
    assert set(found.layers) == {f"{layer.name}/kernel" for layer in model.layers[1:]}


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal"])
def test_usual_initializers_are_right(sanity: Any, initializer: str) -> None:
    assert sanity.codes(plain(sanity, "relu", 3, kernel_initializer=initializer), "SN905") == []


def test_kernels_of_every_shape_are_right(sanity: Any) -> None:
    """Keras' own initial weights, and how many inputs each output sums up, counted by hand."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = sanity.model(
        layers.Conv2D(8, 3, padding="same", name="conv"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="depth"),
        layers.Conv2DTranspose(4, 3, padding="same", name="back"),
        layers.SeparableConv2D(6, 3, padding="same", name="parts"),
        layers.Reshape((64, 6)),
        layers.EinsumDense("abc,cde->abde", output_shape=(64, 2, 5), name="sum"),
        layers.Flatten(),
        layers.Dense(10, name="head"),
    )

    report = sanity.report(model, "SN905")

    assert not report.findings
    assert {each.name: each.inputs for each in report.evidence.experiments.first.weights} == {
        "conv/kernel": 9 * 1,
        "depth/kernel": 9,
        "back/kernel": 9 * 16,
        "parts/depthwise_kernel": 9,
        "parts/pointwise_kernel": 4,
        "sum/kernel": 6,
        "head/kernel": 64 * 2 * 5,
    }


@pytest.mark.parametrize(("factor", "expected"), TABLE["first_loss"])
def test_a_first_loss_far_from_chance_is_named(sanity: Any, factor: float, expected: bool) -> None:
    model = plain(sanity, "relu", 2)
    model.layers[-1].kernel.assign(model.layers[-1].kernel * factor)

    messages = [found.message for found in sanity.report(model, "SN905").findings]

    assert any(f"chance gives ln(10) = {math.log(10):.3g}" in message for message in messages) == expected


def test_a_trained_model_is_not_judged_by_its_scale(sanity: Any) -> None:
    model = sanity.net(None)
    for layer in (model.get_layer("conv"), model.get_layer("head")):
        layer.kernel.assign(keras.random.normal(layer.kernel.shape, stddev=5.0, seed=0))
    assert set(sanity.codes(model, "SN905")) == {"SN905"}
    model(sanity.train_data[0][0], training=True)  # the statistics move

    assert sanity.codes(model, "SN905") == []


@pytest.mark.every_backend
@pytest.mark.parametrize(("activation", "expected"), TABLE["gradients"])
def test_gradients_vanish_through_sigmoids_and_not_through_relus(sanity: Any, activation: str, expected: bool) -> None:
    messages = [found.message for found in sanity.report(plain(sanity, activation, 12), "SN905").findings]

    assert [("gradients vanish" in message) for message in messages] == [True] * expected


def test_a_training_that_leaves_the_finite_numbers(sanity: Any) -> None:
    model = sanity.net(None)

    def logarithm(target: Any, output: Any) -> Any:
        picked = keras.ops.take_along_axis(output, keras.ops.cast(target, "int32")[:, None], axis=1)
        return -keras.ops.mean(keras.ops.log(keras.ops.relu(picked)))

    model.compile(keras.optimizers.Adam(), logarithm, jit_compile=False)

    found = sanity.report(model, "SN905").findings

    assert [(each.evidence, each.severity) for each in found] == [({"step": 1}, Severity.ERROR)]


@pytest.mark.every_backend
@pytest.mark.parametrize(("weight", "expected"), TABLE["terms"])
def test_terms_of_a_loss(sanity: Any, weight: float, expected: list[str]) -> None:
    def loss(output: Any, target: Any) -> dict[str, Any]:
        return {"class": sanity.loss(output, target), "size": weight * keras.ops.mean(keras.ops.square(output))}

    report = sanity.report(sanity.net(None), "SN907", loss=loss)

    assert [found.code for found in report.findings] == expected
    terms = report.evidence.experiments.first.terms
    assert set(terms) == {"class", "size"}
    assert all(np.isfinite(each.gradient) for each in terms.values())
