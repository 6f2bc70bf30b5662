"""What the new statistics of a Keras model are, against moments that NumPy takes of the whole data in float64."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.keras.batches import numbers_of

IMAGES = (load_digits().images / 16).astype(np.float32)[..., None]


def batches(x: Any, sizes: tuple[int, ...] = (64,)) -> list[Any]:
    found, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(x):
            return found
        found.append((x[at : at + size], np.zeros(len(x[at : at + size]), np.int64)))
        at += size
    return found


def one_layer(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Dropout(0.5),
            layers.Conv2D(6, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm", **options),
            layers.Dropout(0.5),
        ]
    )


def convolved(model: keras.Model, x: Any) -> Any:
    """What the layer is fed in inference mode, in float64 from the float32 kernel."""
    kernel = numbers_of(model.get_layer("conv").kernel.value).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(x[..., 0].astype(np.float64), (3, 3), axis=(1, 2))
    return np.einsum("nhwij,ijc->nhwc", windows, kernel[:, :, 0])


def assert_statistics(layer: Any, x: Any, rtol: float = 1e-5) -> None:
    values = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    mean, variance = values.mean(0), values.var(0, ddof=1)
    np.testing.assert_allclose(numbers_of(layer.moving_mean.value), mean, atol=rtol * np.sqrt(variance).max())
    np.testing.assert_allclose(numbers_of(layer.moving_variance.value), variance, rtol=rtol)


def test_all_the_data_give_the_moments_of_the_whole_data_set() -> None:
    model = one_layer()
    result = steadynorm.recalibrate(model, batches(IMAGES), tolerance=0, progress=False)
    assert_statistics(model.get_layer("norm"), convolved(model, IMAGES))
    assert (result.batches, result.samples) == (29, 1797)
    assert result.converged


def test_batches_weigh_what_they_hold() -> None:
    model = one_layer()
    steadynorm.recalibrate(model, batches(IMAGES, (100, 3, 1, 40)), tolerance=0, progress=False)
    assert_statistics(model.get_layer("norm"), convolved(model, IMAGES))


def test_a_large_mean_costs_no_precision() -> None:
    """Float32 keeps 1e4 ± 1 to about 1e-3; sums of squares would keep nothing of the variance."""
    x = (1e4 + np.random.default_rng(0).normal(size=(512, 3))).astype(np.float32)
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    steadynorm.recalibrate(model, batches(x), tolerance=0, progress=False)
    assert_statistics(model.layers[0], x, rtol=1e-4)


def test_two_layers_the_second_normalized_input_included() -> None:
    """With several passes the second layer gets the moments of what inference feeds it."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(5, use_bias=False),
            keras.layers.BatchNormalization(),
        ]
    )
    x = np.random.default_rng(2).gamma(2.0, 1.0, (1000, 8)).astype(np.float32)
    steadynorm.recalibrate(model, batches(x), tolerance=0, passes=2, progress=False)
    first, dense, second = model.layers
    assert_statistics(first, x)
    wide = x.astype(np.float64)
    normalized = (wide - wide.mean(0)) / np.sqrt(wide.var(0, ddof=1) + first.epsilon)
    assert_statistics(second, normalized @ numbers_of(dense.kernel.value).astype(np.float64), rtol=1e-4)


def test_a_shared_layer_gets_the_moments_of_all_its_calls() -> None:
    shared = keras.layers.BatchNormalization()
    one, other = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([one, other], [shared(one), shared(other)])
    draw = np.random.default_rng(3)
    a, b = draw.normal(0, 1, (640, 4)).astype(np.float32), draw.normal(5, 2, (640, 4)).astype(np.float32)
    data = [((a[at : at + 64], b[at : at + 64]), np.zeros(64)) for at in range(0, 640, 64)]
    steadynorm.recalibrate(model, data, tolerance=0, progress=False)
    assert_statistics(shared, np.concatenate([a, b]))


def test_only_what_the_mask_lets_through_counts() -> None:
    draw = np.random.default_rng(4)
    x = draw.normal(3, 2, (256, 7, 4)).astype(np.float32)
    lengths = draw.integers(1, 8, 256)
    padded = np.arange(7)[None, :] >= lengths[:, None]
    x[padded] = 0.0
    model = keras.Sequential(
        [keras.Input((7, 4)), keras.layers.Masking(0.0), keras.layers.BatchNormalization(name="norm")]
    )
    steadynorm.recalibrate(model, batches(x), tolerance=0, progress=False)
    assert_statistics(model.get_layer("norm"), x[~padded])


def test_channels_on_another_axis() -> None:
    x = np.random.default_rng(5).normal(1, 3, (300, 5, 6)).astype(np.float32)
    model = keras.Sequential([keras.Input((5, 6)), keras.layers.BatchNormalization(axis=1, name="norm")])
    steadynorm.recalibrate(model, batches(x), tolerance=0, progress=False)
    assert_statistics(model.get_layer("norm"), np.moveaxis(x, 1, -1))


def test_renormalization_goes_on_from_the_new_statistics() -> None:
    model = one_layer(renorm=True)
    layer = model.get_layer("norm")
    steadynorm.recalibrate(model, batches(IMAGES), tolerance=0, progress=False)
    assert_statistics(layer, convolved(model, IMAGES))
    deviation = numbers_of(layer.moving_stddev.value)
    np.testing.assert_allclose(deviation**2 - layer.epsilon, numbers_of(layer.moving_variance.value), rtol=1e-4)


def test_mixed_precision_keeps_the_statistics_in_float32() -> None:
    x = np.random.default_rng(6).normal(2, 3, (512, 4)).astype(np.float32)
    layer = keras.layers.BatchNormalization(dtype="mixed_float16")
    model = keras.Sequential([keras.Input((4,)), layer])
    steadynorm.recalibrate(model, batches(x), tolerance=0, progress=False)
    assert keras.backend.standardize_dtype(layer.moving_variance.dtype) == "float32"
    assert_statistics(layer, x.astype(np.float16), rtol=1e-4)


def test_frozen_layers_are_left_alone_unless_asked_for() -> None:
    model = one_layer()
    model.get_layer("norm").trainable = False
    with pytest.raises(NoNormalizationLayersError, match="include_frozen=True"):
        steadynorm.recalibrate(model, batches(IMAGES), progress=False)
    steadynorm.recalibrate(model, batches(IMAGES), tolerance=0, include_frozen=True, progress=False)
    assert_statistics(model.get_layer("norm"), convolved(model, IMAGES))
    assert not model.get_layer("norm").trainable


def test_it_stops_once_the_error_is_small_enough() -> None:
    model = one_layer()
    data = batches(IMAGES) * 4
    result = steadynorm.recalibrate(model, data, tolerance=0.1, progress=False)
    assert result.stopped == "tolerance"
    assert result.batches < len(data) / 2
    assert result.worst.largest <= 0.1


class Pairs(keras.utils.PyDataset):
    """Batches by number."""

    def __init__(self, found: list[Any]) -> None:
        super().__init__()
        self.found = found

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: int) -> Any:
        return self.found[index]


@pytest.mark.parametrize("kind", ["generator", "dataset", "three parts", "dicts"])
def test_batches_come_in_many_ways(kind: str) -> None:
    model, plain = one_layer(), batches(IMAGES)
    data: Any = {
        "generator": (each for each in plain),
        "dataset": Pairs(plain),
        "three parts": [(x, y, np.ones(len(x))) for x, y in plain],
        "dicts": [{"image": x, "label": y} for x, y in plain],
    }[kind]
    forward = (lambda model, batch: model(batch["image"])) if kind == "dicts" else None
    steadynorm.recalibrate(model, data, tolerance=0, forward=forward, progress=False)
    assert_statistics(model.get_layer("norm"), convolved(model, IMAGES))


def snapshot(model: keras.Model) -> list[bytes]:
    return [numbers_of(each.value).tobytes() for each in model.variables]


def test_nothing_but_the_statistics_changes() -> None:
    model = one_layer()
    model.compile("adam", "mse")
    layer = model.get_layer("norm")
    before = {each.path: numbers_of(each.value).tobytes() for each in model.variables}
    attributes = {id(each): dict(vars(each)) for each in [model, *model.layers]}
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    steadynorm.recalibrate(model, batches(IMAGES), progress=False)
    changed = {each.path for each in model.variables if numbers_of(each.value).tobytes() != before[each.path]}
    assert changed == {layer.moving_mean.path, layer.moving_variance.path}
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002
    for each in [model, *model.layers]:
        now = vars(each)
        assert now.keys() == attributes[id(each)].keys()
        assert all(now[name] is value for name, value in attributes[id(each)].items())


def test_nothing_changes_where_the_data_hold_nan() -> None:
    model = one_layer()
    before = snapshot(model)
    data = batches(IMAGES)
    data[3] = (np.full_like(data[3][0], np.nan), data[3][1])
    with pytest.raises(UnusableInputError, match="NaN or Inf"):
        steadynorm.recalibrate(model, data, tolerance=0, progress=False)
    assert snapshot(model) == before
    assert "call" not in vars(model.get_layer("norm"))


def test_a_model_that_was_never_built_is_refused() -> None:
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization(name="norm")])
    with pytest.raises(UnusableInputError, match=r"'norm' was never called"):
        steadynorm.recalibrate(model, batches(IMAGES.reshape(-1, 64)), progress=False)


class Halves(keras.Model):
    """Has a layer for each half of its batch, as a network for pairs or for two domains does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = keras.layers.BatchNormalization(), keras.layers.BatchNormalization()

    def call(self, x: Any, training: bool = False) -> Any:
        one, other = keras.ops.split(x, 2)
        layers = (self.first(one, training=training), self.second(other, training=training))
        return keras.ops.concatenate(layers)


@pytest.mark.every_backend
def test_a_model_that_takes_its_batch_apart_gets_each_batch_as_it_is() -> None:
    x = np.random.default_rng(0).standard_normal((10, 64, 3)).astype(np.float32)
    x[:, 32:] = 4 + 3 * x[:, 32:]
    model = Halves()
    model(x[0])
    steadynorm.recalibrate(model, [(each, np.zeros(64)) for each in x], tolerance=0, progress=False)
    for layer, half in ((model.first, x[:, :32]), (model.second, x[:, 32:])):
        assert_statistics(layer, half)
