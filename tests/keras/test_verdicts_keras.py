"""The verdicts of the table, which every framework has to come to for the same mistake, in Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

TABLE = json.loads((Path(__file__).parents[1] / "data" / "verdicts.json").read_text())["mistakes"]


def dropped(model: keras.Model, x: Any) -> Any:
    """A forward pass of a functional model whose new statistics nobody writes back."""
    values = [[each.value for each in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    return model.stateless_call(*values, x, training=True)[0]


def in_inference_mode(model: keras.Model, x: Any) -> Any:
    return model(x, training=False)


def in_training_mode(model: keras.Model, x: Any) -> Any:
    return model(x, training=True)


FORWARD = {"updates not run": dropped, "trained in inference mode": in_inference_mode}
MOMENTUM = {"momentum of the other framework": 0.01, "average too slow": 0.999}


def network(lab: Any, mistake: str) -> keras.Model:
    if mistake == "shared by two inputs":
        inner, inputs = lab.network(), keras.Input((8, 8, 1))
        return keras.Model(inputs, inner(inputs) + inner((1.0 - inputs) * 3.0 + 2.0))
    if mistake == "training mode written down":
        kind = type("Net", (lab.Net,), {"mode": lambda self, training: True})
        model = kind()
        model(lab.train_data[0][0])
        return model
    return lab.network(momentum=MOMENTUM.get(mistake, 0.9))


@pytest.mark.parametrize("mistake", TABLE)
def test_the_verdict_of_the_table(lab: Any, assert_verdict: Any, mistake: str) -> None:
    keras.utils.set_random_seed(0)
    step = lab.gradient_step(lab.loss, FORWARD.get(mistake, in_training_mode))
    model = lab.healthy() if mistake in ("none", "statistics lost") else network(lab, mistake)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        optimizer = keras.optimizers.Adam(3e-3)
        optimizer.build(model.trainable_variables)
        lab.repeat(step, model, optimizer, lab.train_data * 4)
    if mistake == "statistics lost":
        for name in lab.layers:
            layer = model.get_layer(name)
            layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
            layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    report = lab.diagnose(model, train_step=step, optimizer=optimizer)
    assert_verdict(report, mistake)
