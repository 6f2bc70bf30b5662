"""A last batch that virtual batches do not divide: training drops it, a diagnosis looks at it all the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm import Severity
from steadynorm.keras import BatchNormalization
from steadynorm.keras.batches import numbers_of
from steadynorm.keras.calls import standing_in

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"virtual_batch_size": 16},
    "renorm": {"virtual_batch_size": 16, "renorm": True, "renorm_momentum": 0.9},
}


def batches(seed: int) -> list[tuple[Any, Any]]:
    """Four of 64 and one of 5."""
    x = np.random.default_rng(seed).normal(3.0, 2.0, (261, 6)).astype("float32")
    y = (x[:, 0] > 3).astype("int32")
    return [(x[at : at + 64], y[at : at + 64]) for at in range(0, 261, 64)]


def trained(lab: Any, options: dict[str, Any]) -> Any:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    norm = BatchNormalization(momentum=0.9, name="norm", **options)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8), norm, layers.ReLU(), layers.Dense(2)])
    return lab.train(model, batches(0)[:-1], epochs=30)


def diagnosed(lab: Any, model: Any) -> Any:
    return steadynorm.diagnose(model, batches(0), batches(1), loss=lab.loss, progress=False)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_a_healthy_model_is_silent_and_stays_as_it_is(lab: Any, options: dict[str, Any]) -> None:
    model = trained(lab, options)
    before = [each.copy() for each in model.get_weights()]

    report = diagnosed(lab, model)

    assert not report.at_least(Severity.WARNING)
    assert model.get_layer("norm").virtual_batch_size == 16
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_statistics_that_were_lost_are_found(lab: Any, options: dict[str, Any]) -> None:
    """The broken twin."""
    model = trained(lab, options)
    layer = model.get_layer("norm")
    layer.moving_mean.assign(keras.ops.zeros_like(layer.moving_mean))
    layer.moving_variance.assign(keras.ops.ones_like(layer.moving_variance))

    report = diagnosed(lab, model)

    assert report.findings[0].code in ("SN103", "SN305")


@pytest.mark.every_backend
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_what_is_left_over_is_normalized_as_one_batch(options: dict[str, Any]) -> None:
    layer = BatchNormalization(**options)
    whole = BatchNormalization(**{**options, "virtual_batch_size": None})
    x, y = (batches(0)[index][0] for index in (-1, 0))
    for each in (layer, whole):
        each.build((None, 6))

    with standing_in(iter([(layer, lambda called: called.run(training=True))])):
        found, divided = numbers_of(layer(x)), numbers_of(layer(y))

    np.testing.assert_allclose(found, numbers_of(whole(x, training=True)), rtol=1e-5, atol=1e-6)
    assert layer.virtual_batch_size == 16
    if not layer.renorm:
        np.testing.assert_allclose(divided, numbers_of(layer(y, training=True)), rtol=1e-5, atol=1e-6)


def test_a_call_that_fails_leaves_the_layer_as_it_was() -> None:
    layer = BatchNormalization(virtual_batch_size=16)
    layer.build((None, 6))
    x = batches(0)[-1][0]

    with (
        standing_in(iter([(layer, lambda called: called.run(training=True))])),
        pytest.raises(ValueError, match="sample_weight has shape"),
    ):
        layer(x, sample_weight=np.ones(3, "float32"))

    assert layer.virtual_batch_size == 16
