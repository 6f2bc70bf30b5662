"""What Keras 3 itself saves, read without it: every value, option and count against the model in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read
from steadynorm.artifacts.search import search
from steadynorm.evidence import Mode

keras = pytest.importorskip("keras")
layers = keras.layers

RNG = np.random.default_rng(0)
SUFFIXES = (".keras", ".h5", ".weights.h5")
ROLES = ("gamma", "beta", "moving_mean", "moving_variance")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras warns that .h5 is a format of the past


def trained(model: Any, steps: int = 3) -> Any:
    model.compile("adam", "mse")
    x = RNG.normal(size=(4 * steps, *model.input_shape[1:])).astype(np.float32)
    y = RNG.normal(size=(4 * steps, *model.output_shape[1:])).astype(np.float32)
    model.fit(x, y, batch_size=4, verbose=0)
    return model


def functional() -> Any:
    inner_input = keras.Input((8, 8, 4))
    inner = layers.Conv2D(5, 3, use_bias=False)(inner_input)
    block = keras.Model(inner_input, layers.BatchNormalization(name="inner")(inner), name="block")

    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    x = layers.BatchNormalization(name="first", momentum=0.9, scale=False)(x)
    x = block(layers.Activation("relu")(x))
    y = layers.BatchNormalization(name="frozen", trainable=False)(layers.Conv2D(5, 1)(x))
    x = layers.Reshape((6, 6, 5))(layers.Add()([x, y]))
    x = layers.TimeDistributed(layers.BatchNormalization(name="td", center=False), name="time")(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    x = layers.BatchNormalization(name="last", epsilon=1e-5)(layers.Dense(3)(x))
    return keras.Model(inputs, layers.Activation("sigmoid")(x), name="net")


def normalizations(model: Any, prefix: str = "") -> dict[str, Any]:
    """The normalization layers by the path that the reader is to give them."""
    found = {}
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        if isinstance(layer, layers.BatchNormalization):
            found[path] = layer
        elif isinstance(layer, layers.TimeDistributed):
            found[f"{path}/{layer.layer.name}"] = layer.layer
        elif isinstance(layer, keras.Model):
            found |= normalizations(layer, f"{path}/")
    return found


def saved(model: Any, path: Path) -> Contents:
    model.save_weights(path) if path.name.endswith(".weights.h5") else model.save(path)
    return read(path)


def same_values(contents: Contents, model: Any) -> None:
    expected = normalizations(model)
    assert expected
    for path, layer in expected.items():
        for role in ROLES:
            variable = getattr(layer, role)
            name = f"{path}/{role}"
            if variable is None:
                assert name not in contents.tensors
            else:
                assert contents.tensors[name].load().tobytes() == variable.numpy().tobytes(), name


@pytest.fixture(scope="module")
def model() -> Any:
    return trained(functional())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_functional_model(model: Any, tmp_path: Path, suffix: str) -> None:
    contents = saved(model, tmp_path / f"model{suffix}")

    if suffix == ".weights.h5":  # which alone do not tell gamma from beta where one of them is missing
        for path in ("block/inner", "frozen", "last"):
            layer = normalizations(model)[path]
            for role in ROLES:
                assert contents.tensors[f"{path}/{role}"].load().tobytes() == getattr(layer, role).numpy().tobytes()
    else:
        same_values(contents, model)
    assert contents.steps == int(model.optimizer.iterations.numpy()) == 3


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_options_and_places(model: Any, tmp_path: Path, suffix: str) -> None:
    contents = saved(model, tmp_path / f"model{suffix}")

    found = contents.facts["configs"]
    assert isinstance(found, dict)
    for path, layer in normalizations(model).items():
        config = found[path]
        assert (config.decay, config.epsilon, config.axis) == (layer.momentum, layer.epsilon, layer.axis)
        assert (config.scale, config.center, config.frozen) == (layer.scale, layer.center, not layer.trainable)
        assert not config.bessel_correction  # Keras 3 stores the batch's own variance
    assert contents.graph is not None
    uses = {use.layer: use for use in contents.graph.uses}
    assert set(uses) == set(normalizations(model))
    assert uses["frozen"].mode == Mode.POPULATION
    assert {use.mode for name, use in uses.items() if name != "frozen"} == {None}
    assert (uses["first"].before[0].kind, uses["first"].before[0].bias) == ("convolution", True)
    assert (uses["block/inner"].before[0].kind, uses["block/inner"].before[0].bias) == ("convolution", False)
    assert [each.kind for each in uses["last"].before] == ["linear"]
    assert [each.kind for each in uses["last"].after] == ["sigmoid", "output"]
    assert not any(use.wrong_axis for use in uses.values())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sequential_model(tmp_path: Path, suffix: str) -> None:
    model = trained(
        keras.Sequential(
            [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)]
        ),
        steps=5,
    )

    contents = saved(model, tmp_path / f"model{suffix}")

    same_values(contents, model)
    assert contents.steps == 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_renorm_and_the_order_of_its_weights(tmp_path: Path, suffix: str) -> None:
    try:
        layer = layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 3.0, "rmin": 0.3, "dmax": 5.0})
    except (TypeError, ValueError):
        pytest.skip("this Keras has no renorm")
    model = trained(keras.Sequential([keras.Input((4,)), layers.Dense(3), layer]))

    contents = saved(model, tmp_path / f"model{suffix}")

    same_values(contents, model)
    if suffix != ".weights.h5":
        configs = contents.facts["configs"]
        assert isinstance(configs, dict)
        (config,) = configs.values()
        assert config.renorm is not None
        assert (config.renorm.rmax, config.renorm.rmin, config.renorm.dmax) == (3.0, 0.3, 5.0)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = layers.Dense(3)
        self.norm = layers.BatchNormalization(name="own_name")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.norm(self.dense(x), training=training)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_subclassed_model(tmp_path: Path, suffix: str) -> None:
    model = Subclassed()
    model(RNG.normal(size=(8, 4)).astype(np.float32), training=True)

    contents = saved(model, tmp_path / f"model{suffix}")

    (name,) = {each.rpartition("/")[0] for each in contents.tensors if each.endswith("moving_variance")}
    for role in ROLES:
        assert contents.tensors[f"{name}/{role}"].load().tobytes() == getattr(model.norm, role).numpy().tobytes()
    assert contents.graph is None


def test_bfloat16_model(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(dtype="bfloat16")])
    model.layers[0].moving_mean.assign([0.5, 3.140625, -2.0, 100.0])

    contents = saved(model, tmp_path / "model.keras")

    tensor = contents.tensors[f"{model.layers[0].name}/moving_mean"]
    np.testing.assert_array_equal(tensor.load(), np.float32([0.5, 3.140625, -2.0, 100.0]))
    assert tensor.dtype == str(keras.backend.standardize_dtype(model.layers[0].moving_mean.dtype))


def test_fit_overrules_the_training_argument_of_a_functional_call(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    fixed = layers.BatchNormalization(name="fixed")
    model = trained(keras.Model(inputs, layers.Dense(1)(fixed(inputs, training=False))))

    contents = saved(model, tmp_path / "model.keras")

    # The argument is in the file, and yet the statistics moved: it does not fix the mode.
    assert np.any(fixed.moving_mean.numpy() != 0)
    assert contents.graph is not None
    assert contents.graph.uses[0].mode is None


def test_weights_in_several_files(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(256),
            layers.BatchNormalization(),
            layers.Dense(512),
            layers.Dense(256),
            layers.BatchNormalization(),
        ]
    )
    for layer in normalizations(model).values():
        layer.moving_mean.assign(RNG.normal(size=layer.moving_mean.shape))
    model.save_weights(tmp_path / "model.weights.json", max_shard_size=0.0006)  # GB

    contents = read(tmp_path / "model.weights.json")

    assert len(list(tmp_path.glob("*.h5"))) > 1
    assert contents.format == "sharded Keras weights"
    same_values(contents, model)
    assert [each.path for each in search([tmp_path]).groups] == [str(tmp_path / "model.weights.json")]
