"""Models whose layers have the options of this package: what the options make of the statistics is no mistake."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from steadynorm import Report
from steadynorm.keras import BatchNormalization

OPTIONS: dict[str, dict[str, Any]] = {
    "renorm": {"renorm": True, "renorm_momentum": 0.9},
    "virtual batches": {"virtual_batch_size": 16},
    "both": {"renorm": True, "renorm_momentum": 0.9, "virtual_batch_size": 16},
}


@pytest.fixture(scope="module", params=OPTIONS.values(), ids=list(OPTIONS))
def trained(lab: Any, request: pytest.FixtureRequest) -> tuple[keras.Model, list[Any]]:
    """A trained model and its weights."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            BatchNormalization(momentum=0.9, name="norm", **request.param),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, use_bias=False),
            BatchNormalization(momentum=0.9, name="hidden_norm", **request.param),
            layers.ReLU(),
            layers.Dense(10),
        ]
    )
    lab.train(model, lab.train_data)
    return model, model.get_weights()


@pytest.fixture
def model(trained: tuple[keras.Model, list[Any]]) -> keras.Model:
    """The model as it was after training."""
    model, weights = trained
    model.set_weights(weights)
    return model


def diagnosed(lab: Any, model: Any) -> Report:
    """On whole batches: sixteen do not divide the last one of the digits."""
    return lab.diagnose(model, validation_data=[each for each in lab.validation_data if len(each[1]) == 64])  # type: ignore[no-any-return]


def test_a_healthy_model_is_silent(lab: Any, model: keras.Model) -> None:
    assert lab.evaluate(model, lab.validation_data) > 0.9

    lab.assert_healthy(diagnosed(lab, model))


def test_statistics_that_were_lost_are_found(lab: Any, model: keras.Model) -> None:
    """The broken twin: the moving averages are as at the beginning."""
    for name in ("norm", "hidden_norm"):
        layer = model.get_layer(name)
        layer.moving_mean.assign(keras.ops.zeros_like(layer.moving_mean))
        layer.moving_variance.assign(keras.ops.ones_like(layer.moving_variance))

    report = diagnosed(lab, model)

    assert report.findings[0].code in ("SN103", "SN305")
    assert report.findings[0].share > 0.9
