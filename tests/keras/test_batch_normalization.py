"""The layer of steadynorm.keras as a part of models: files, training, types, modes, masks, and what measures it."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.keras import BatchNormalization
from steadynorm.keras.layers import describe

BACKEND = keras.backend.backend()
EVERYTHING = {
    "renorm": True,
    "renorm_clipping": {"rmin": 0.5, "rmax": 2.0, "dmax": 1.0},
    "renorm_momentum": 0.9,
    "virtual_batch_size": 4,
    "debias": True,
    "skip_nonfinite": True,
}
RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (8, 5, 3)).astype("float32")


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(kind=BatchNormalization, **options):
    layer = kind(momentum=0.8, **options)
    layer.build((None, 5, 3))
    return layer


def statistics(layer):
    return numbers(layer.moving_mean.value), numbers(layer.moving_variance.value)


def classifier(**options):
    inputs = keras.Input((5, 3))
    x = BatchNormalization(momentum=0.5, name="norm", **options)(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))


@pytest.mark.every_backend
@pytest.mark.parametrize("options", [{}, {"renorm": True}, {"scale": False, "axis": 1}], ids=str)
def test_it_is_the_layer_of_keras(options):
    ours, theirs = built(**options), built(keras.layers.BatchNormalization, **options)

    for training in (True, True, False):
        np.testing.assert_allclose(
            numbers(ours(X, training=training)), numbers(theirs(X, training=training)), rtol=1e-5, atol=1e-5
        )

    assert [each.name for each in ours.weights] == [each.name for each in theirs.weights]
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.every_backend
@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
def test_a_saved_model_comes_back(options, tmp_path):
    model = classifier(**options)
    model(X, training=True)
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert type(loaded.get_layer("norm")) is BatchNormalization
    assert loaded.get_layer("norm").get_config() == model.get_layer("norm").get_config()
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for training in (False, True):
        np.testing.assert_array_equal(numbers(loaded(X, training=training)), numbers(model(X, training=training)))


@pytest.mark.every_backend
def test_a_file_of_keras_layer_fits_and_starts_the_further_averages(tmp_path):
    inputs = keras.Input((5, 3))
    theirs = keras.Model(inputs, keras.layers.BatchNormalization(momentum=0.5, name="norm")(inputs))
    theirs(X, training=True)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours = keras.Model(inputs, BatchNormalization(momentum=0.5, name="norm", **EVERYTHING)(inputs))

    ours.load_weights(tmp_path / "theirs.weights.h5")

    layer = ours.get_layer("norm")
    mean, variance = statistics(theirs.get_layer("norm"))
    np.testing.assert_array_equal(np.stack(statistics(layer)), np.stack([mean, variance]))
    np.testing.assert_array_equal(numbers(layer.renorm_mean.value), mean)
    for each in (layer.moving_stddev, layer.renorm_stddev):
        np.testing.assert_allclose(numbers(each.value), np.sqrt(variance + 1e-3), rtol=1e-6)
    ours(X + 1, training=True)
    expected = 0.5 * mean + 0.5 * (X.mean((0, 1)) + 1)
    np.testing.assert_allclose(statistics(layer)[0], expected, rtol=1e-5)  # debias takes what was loaded as settled


@pytest.mark.parametrize("options", [{"debias": True}, {"renorm": True}, EVERYTHING], ids=str)
def test_a_file_of_more_options_fits_the_plain_layer_and_so_that_of_keras(options, tmp_path):
    model = classifier(**options)
    model(X, training=True)
    model.save_weights(tmp_path / "more.weights.h5")
    plain = classifier()

    plain.load_weights(tmp_path / "more.weights.h5")

    layer = keras.layers.BatchNormalization()
    layer.build((None, 5, 3))
    layer.set_weights(plain.get_layer("norm").get_weights())
    np.testing.assert_array_equal(np.stack(statistics(layer)), np.stack(statistics(model.get_layer("norm"))))


@pytest.mark.parametrize("sizes", [(3, 3), (3, 3, 3), (4, 4, 4, 4)], ids=str)
def test_weights_of_another_layer_are_refused_and_change_nothing(sizes):
    layer = built(debias=True)
    before = layer.get_weights()

    with pytest.raises(ValueError, match=r"expected|shape"):
        layer.load_own_variables({str(at): np.full(size, 7.0, "float32") for at, size in enumerate(sizes)})

    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.every_backend
def test_fit_evaluate_predict():
    keras.utils.set_random_seed(0)
    x = RNG.normal(2.0, 3.0, (64, 5, 3)).astype("float32")
    y = (x.mean((1, 2)) > 2).astype("int32")
    model = classifier(**EVERYTHING)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, jit_compile=BACKEND != "torch")

    history = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]

    assert history[-1] < 0.5 * history[0]
    assert model.evaluate(x, y, batch_size=16, verbose=0) < 0.5 * history[0]
    mean, variance = statistics(model.get_layer("norm"))
    np.testing.assert_allclose(mean, x.mean((0, 1)), atol=1.0)
    np.testing.assert_allclose(variance, x.var((0, 1)), rtol=0.4)
    np.testing.assert_allclose(
        model.predict(x, batch_size=16, verbose=0), numbers(model(x, training=False)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.every_backend
def test_mixed_precision_keeps_statistics_and_weights_in_float32():
    layer = built(dtype="mixed_float16")
    weights = np.full(8, 1e-9, "float32")  # zero in float16

    y = layer(X.astype("float16"), training=True, sample_weight=weights)

    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    assert {keras.backend.standardize_dtype(each.dtype) for each in layer.weights} == {"float32"}
    exact = X.astype("float16").astype("float64")
    np.testing.assert_allclose(statistics(layer)[0], 0.2 * exact.mean((0, 1)), rtol=1e-5)


@pytest.mark.every_backend
def test_not_trainable_is_inference_and_changes_nothing():
    layer = built(**EVERYTHING)
    layer(X, training=True)
    before, layer.trainable = [numbers(each.value).copy() for each in layer.weights], False

    y = layer(X, training=True)

    np.testing.assert_array_equal(numbers(y), numbers(layer(X, training=False)))
    for one, other in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(one, numbers(other.value))


@pytest.mark.every_backend
@pytest.mark.parametrize("axis", [-1, 1])
def test_padding_does_not_count(axis):
    padded, mask = X.copy(), np.ones((8, 5), bool)
    mask[3:, 2:] = False
    padded[~mask] = np.nan
    weights = RNG.uniform(0.5, 2.0, 8).astype("float32")
    layer = BatchNormalization(axis, momentum=0.0)

    y = layer(np.moveaxis(padded, -1, axis), training=True, mask=mask, sample_weight=weights)

    counts = mask * weights[:, None]
    wide = X.astype("float64")
    mean = np.average(wide.reshape(-1, 3), axis=0, weights=counts.ravel())
    variance = np.average(np.square(wide - mean).reshape(-1, 3), axis=0, weights=counts.ravel())
    np.testing.assert_allclose(np.stack(statistics(layer)), np.stack([mean, variance]), rtol=1e-5)
    expected = (wide - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(np.moveaxis(numbers(y), axis, -1)[mask], expected[mask], rtol=1e-4, atol=1e-5)


@pytest.mark.every_backend
def test_a_mask_arrives_from_the_layer_before():
    x = X.copy()
    x[:, 3:] = -1.0
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Masking(-1.0), BatchNormalization(momentum=0.0)])

    model(x, training=True)

    np.testing.assert_allclose(statistics(model.layers[-1])[0], x[:, :3].mean((0, 1)), rtol=1e-5)


@pytest.mark.every_backend
@pytest.mark.parametrize("options", [{}, {"renorm": True, "debias": True}], ids=str)
def test_a_batch_without_any_weight_is_normalized_by_the_averages_and_moves_none(options):
    layer = built(**options)
    layer(X, training=True)
    before = layer.get_weights()

    y = layer(X + 5, training=True, sample_weight=np.zeros(8, "float32"))

    np.testing.assert_allclose(numbers(y), numbers(layer(X + 5, training=False)), rtol=1e-5, atol=1e-5)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.every_backend
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_batch_that_is_not_finite_moves_the_averages_only_of_a_layer_that_does_not_skip_it(bad):
    skips, takes = built(renorm=True, debias=True, skip_nonfinite=True), built(renorm=True, debias=True)
    broken = X.copy()
    broken[2, 1, 0] = bad
    for layer in (skips, takes):
        layer(X, training=True)
    before = skips.get_weights()

    for layer in (skips, takes):
        layer(broken, training=True)

    for one, other in zip(before, skips.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.isfinite(statistics(takes)[0][0])
    skips(X, training=True)
    assert np.isfinite(np.concatenate([each.ravel() for each in skips.get_weights()])).all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"renorm_clipping": {"rmax": 2.0}}, "renorm_clipping without renorm=True"),
        ({"renorm": True, "renorm_clipping": {"max": 2.0}}, "only rmin, rmax, dmax"),
        ({"virtual_batch_size": 0}, "a positive integer"),
        ({"virtual_batch_size": 4, "synchronized": True}, "expected one of them"),
        ({"debias": True, "momentum": 1.0}, "a decay below 1"),
    ],
    ids=str,
)
def test_options_that_describe_no_layer_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        BatchNormalization(**options)


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="virtual_batch_size 3 does not divide the batch of 8"):
        built(virtual_batch_size=3)(X, training=True)
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\).*expected one number per sample, \(8,\)"):
        built()(X, training=True, sample_weight=np.ones(3, "float32"))
    assert built(virtual_batch_size=3)(X, training=False).shape == X.shape


@pytest.mark.every_backend
def test_steadynorm_knows_the_layer():
    layer = built(**EVERYTHING)

    config = describe("norm", layer).config

    assert config == layer.norm_config
    assert (config.virtual_batch_size, config.debias, config.renorm.rmax) == (4, "full", 2.0)


@pytest.mark.every_backend
def test_recalibration_weighs_as_the_layer_does():
    inputs, weights = keras.Input((5, 3)), keras.Input(())
    model = keras.Model([inputs, weights], BatchNormalization(name="norm")(inputs, sample_weight=weights))
    w = RNG.uniform(0.1, 0.4, 8).astype("float32")

    steadynorm.recalibrate(model, [([X, w], None)] * 3, passes=1)

    mean, variance = statistics(model.get_layer("norm"))
    flat, counts = X.astype("float64").reshape(-1, 3), np.repeat(w, 5)
    expected = np.average(flat, axis=0, weights=counts)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    unbiased = 3 * counts.sum() / (3 * counts.sum() - 1)  # as recalibration stores it, whatever the layer
    exact = unbiased * np.average((flat - expected) ** 2, axis=0, weights=counts)
    np.testing.assert_allclose(variance, exact, rtol=1e-4)


@pytest.mark.every_backend
def test_diagnosis_and_monitor_find_nothing_in_a_healthy_training(lab, monkeypatch):
    monkeypatch.setattr(keras.layers, "BatchNormalization", BatchNormalization)
    model = lab.healthy(debias=True, skip_nonfinite=True)
    monkeypatch.undo()

    lab.assert_healthy(lab.diagnose(model))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(lab.train_data[0][0], lab.train_data[0][1], callbacks=[steadynorm.Monitor(model)], verbose=0)


def test_diagnosis_finds_statistics_that_lag_behind(lab, monkeypatch):
    monkeypatch.setattr(keras.layers, "BatchNormalization", BatchNormalization)
    model = lab.network(skip_nonfinite=True)
    monkeypatch.undo()
    lab.train(model, lab.train_data)
    for name in lab.layers:
        layer = model.get_layer(name)
        layer.moving_mean.assign(layer.moving_mean + 3 * np.sqrt(numbers(layer.moving_variance.value)))

    report = lab.diagnose(model)

    assert report.findings
    assert report.findings[0].effect is not None
    steadynorm.recalibrate(model, lab.train_data)
    assert lab.evaluate(model, lab.validation_data) > 0.9
