"""Files of models with steadynorm's own layer, as `check` reads them."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.keras import BatchNormalization

pytestmark = pytest.mark.every_backend

OPTIONS = [
    {"debias": True, "momentum": 0.9},
    {"renorm": True, "momentum": 0.5},
    {"renorm": True, "debias": True, "virtual_batch_size": 4, "momentum": 0.9},
    {"virtual_batch_size": 8, "momentum": 0.5},
    {"debias": True, "scale": False, "center": False, "momentum": 0.9},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids="+".join)
every_form = pytest.mark.parametrize("form", ["keras", "weights.h5"])
STEPS = 12


def compiled(options):
    keras.utils.set_random_seed(0)
    layer = BatchNormalization(name="mine_batch_norm", **options)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, use_bias=False), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@cache
def values_after_training(options):
    model = compiled(dict(options))
    x = np.random.default_rng(0).normal(2, 3, (64, 5)).astype("float32")
    model.fit(x, x[:, :1], epochs=3, batch_size=16, verbose=0)
    return [keras.ops.convert_to_numpy(each).copy() for each in model.variables + model.optimizer.variables]


def trained(options):
    """A model of its own for each test, with what one training has made of all its variables."""
    model, values = compiled(options), values_after_training(tuple(options.items()))
    for variable, value in zip(model.variables + model.optimizer.variables, values, strict=True):
        variable.assign(value)
    return model


def saved(model, path, form):
    file = path / f"model.{form}"
    (model.save if form == "keras" else model.save_weights)(file)
    return file


def codes(file):
    return {finding.code for finding in steadynorm.check(file).findings}


@every_option
@every_form
def test_a_healthy_file_is_read_and_nothing_is_found(options, form, tmp_path):
    model = trained(options)
    file = saved(model, tmp_path, form)

    (layer,) = evidence_of(read(file)).layers

    own = model.get_layer("mine_batch_norm")
    for found, expected in (
        (layer.statistics.mean, own.moving_mean),
        (layer.statistics.variance, own.moving_variance),
        (layer.gamma, own.gamma),
        (layer.beta, own.beta),
    ):
        assert (found is None) == (expected is None)
        assert found is None or found.tolist() == keras.ops.convert_to_numpy(expected).tolist()
    assert not codes(file)


@every_option
def test_the_options_and_the_updates_are_those_of_the_layer(options, tmp_path):
    model = trained(options)

    (layer,) = evidence_of(read(saved(model, tmp_path, "keras"))).layers

    expected = model.get_layer("mine_batch_norm").norm_config
    for name in ("debias", "renorm", "virtual_batch_size", "decay", "epsilon", "scale", "center"):
        assert getattr(layer.config, name) == getattr(expected, name), name
    if expected.virtual_batch_size is not None:
        assert layer.config.virtual_batch_variance == "pooled"
    # Only a debiased layer counts; 1 − 0.9¹² of it is settled.
    assert layer.statistics.updates == (STEPS if "debias" in options else None)


@every_option
@every_form
def test_statistics_that_never_moved_are_found(options, form, tmp_path):
    model = trained(options)
    layer = model.get_layer("mine_batch_norm")
    layer.moving_mean.assign(np.zeros(4))
    layer.moving_variance.assign(np.ones(4))
    if layer.debias:
        layer.settled.assign(0.0)

    assert "SN103" in codes(saved(model, tmp_path, form))


@pytest.mark.parametrize("settled", [float("nan"), -0.1, 1.5, 1.0, 0.9995])
def test_a_share_that_tells_no_count_tells_none(settled, tmp_path):
    model = trained(OPTIONS[0])
    model.get_layer("mine_batch_norm").settled.assign(settled)

    (layer,) = evidence_of(read(saved(model, tmp_path, "keras"))).layers

    assert layer.statistics.updates is None


def test_updates_for_a_few_of_the_steps_are_found(tmp_path):
    model = trained(OPTIONS[0])
    model.optimizer.iterations.assign(1000)

    (found,) = steadynorm.check(saved(model, tmp_path, "keras")).findings

    assert found.code == "SN202"
    assert found.evidence == {"updates": STEPS, "steps": 1000}
    assert "training=True" in found.remedy


@every_form
@pytest.mark.parametrize("name", ["renorm_mean", "renorm_stddev"])
def test_what_renorm_measures_against_is_looked_at(name, form, tmp_path):
    model = trained({"renorm": True, "momentum": 0.5})
    assert "SN701" not in codes(saved(model, tmp_path, form))
    variable = getattr(model.get_layer("mine_batch_norm"), name)
    variable.assign(np.where(np.arange(4) == 3, np.inf, keras.ops.convert_to_numpy(variable)))

    (finding,) = (each for each in steadynorm.check(saved(model, tmp_path, form)).findings if each.code == "SN701")

    assert f"{name} of 'mine_batch_norm' is not finite in 1 of 4 channels (first: inf at channel 3)" in finding.message
    assert "moving mean and √(moving variance + epsilon)" in finding.remedy
