"""HDF5 files made by hand with h5py and JSON, as Keras 1 and 2 write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode


def keras2_functional(*layers: dict[str, Any], output: str) -> dict[str, Any]:
    config = {
        "name": "model",
        "layers": list(layers),
        "input_layers": [[layers[0]["name"], 0, 0]],
        "output_layers": [[output, 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def keras2_call(source: str, **options: Any) -> list[Any]:
    return [[source, 0, 0, options]]


def legacy_file(
    path: Path,
    layers: Mapping[str, Mapping[str, np.ndarray]],
    config: object = None,
    version: str | None = "2.8.0",
    optimizer: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """What Keras 2 writes: the weights of each layer by name, the names in attributes."""
    with h5py.File(path, "w") as file:
        root = file if config is None else file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in layers]
        if version:
            file.attrs["keras_version"] = version.encode()
        for name, weights in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [each.encode() for each in weights]
            for each, values in weights.items():
                group[each] = values
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        if optimizer is not None:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = [each.encode() for each in optimizer]
            for each, values in optimizer.items():
                group[each] = values
    return path


def configs(contents: Contents) -> dict[str, Any]:
    found = contents.facts["configs"]
    assert isinstance(found, dict)
    return found


def test_keras_2_model(keras: Any, tmp_path: Path) -> None:
    config = keras2_functional(
        keras.layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]),
        keras.layer("Conv2D", "conv", keras2_call("in"), use_bias=True, activation="linear"),
        keras.norm("bn", keras2_call("conv"), trainable=False),
        output="bn",
    )
    weights = {"in": {}, "conv": {"conv/kernel:0": np.ones((1, 1, 3, 4), np.float32)}, "bn": keras.named_state("bn")}
    steps = {"training/Adam/iter:0": np.int64(321), "training/Adam/m:0": np.zeros(3, np.float32)}

    contents = read(legacy_file(tmp_path / "model.h5", weights, config, optimizer=steps))

    assert (contents.format, contents.framework) == ("Keras model (HDF5)", "keras")
    assert (contents.steps, contents.steps_from) == (321, "optimizer_weights/training/Adam/iter:0")
    keras.same(contents, "bn")
    found = configs(contents)["bn"]
    assert (found.decay, found.epsilon, found.axis, found.frozen) == (0.95, 0.002, 3, True)
    assert found.bessel_correction  # on 4 axes tf.keras runs on the fused kernel, which corrects what it stores
    assert contents.graph is not None
    (use,) = contents.graph.uses
    assert use.mode == Mode.POPULATION
    assert [(each.kind, each.name, each.bias, each.consumers) for each in use.before] == [
        ("convolution", "conv", True, 1)
    ]
    assert [each.kind for each in use.after] == ["output"]


def test_keras_2_weights_alone(keras: Any, tmp_path: Path) -> None:
    weights = {
        "bn": keras.named_state("bn"),
        "block": {**keras.named_state("inner"), "dense/kernel:0": np.ones((2, 2))},
    }

    contents = read(legacy_file(tmp_path / "model.weights.h5", weights, version=None))

    keras.same(contents, "bn")
    keras.same(contents, "block/inner")
    assert "block/dense/kernel" in contents.tensors
    assert (contents.steps, contents.graph, "configs" in contents.facts) == (None, None, False)


def test_wrapped_and_nested_layers_are_found_in_the_description(keras: Any, tmp_path: Path) -> None:
    inner = {"class_name": "BatchNormalization", "config": keras.norm("td")["config"]}
    mid = {"class_name": "Sequential", "config": {"name": "mid", "layers": [keras.norm("deep")]}}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "all",
            "layers": [
                {"class_name": "TimeDistributed", "config": {"name": "time", "trainable": True, "layer": inner}},
                {"class_name": "Sequential", "config": {"name": "outer", "layers": [mid]}},
            ],
        },
    }
    weights = {"time": keras.named_state("time"), "outer": keras.named_state("deep")}

    contents = read(legacy_file(tmp_path / "model.h5", weights, config))

    assert list(configs(contents)) == ["time/td", "outer/mid/deep"]
    keras.same(contents, "time/td")
    keras.same(contents, "outer/mid/deep")


@pytest.mark.parametrize("variance", ["running_std", "running_var"])
def test_keras_1_model(keras: Any, tmp_path: Path, variance: str) -> None:
    roles = {"gamma": "gamma", "beta": "beta", "moving_mean": "running_mean", "moving_variance": variance}
    weights = {"bn_1": {f"bn_1_{name}": keras.state[role] for role, name in roles.items()}}
    config = {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Dense", "config": {"name": "dense_1", "bias": True, "activation": "linear"}},
            {"class_name": "BatchNormalization", "config": {"name": "bn_1", "mode": 2, "momentum": 0.9, "axis": -1}},
        ],
    }

    contents = read(legacy_file(tmp_path / "old.h5", weights, config, version=None))

    keras.same(contents, "bn_1")
    assert configs(contents)["bn_1"].decay == 0.9
    assert contents.graph is not None
    (use,) = contents.graph.uses
    assert use.mode == Mode.BATCH  # mode 2 normalizes by the batch for ever
    assert use.before[0].bias


@pytest.mark.parametrize(("training", "mode"), [(None, None), (True, Mode.BATCH), (False, Mode.POPULATION)])
def test_keras_2_keeps_the_training_argument_of_a_call(
    keras: Any, tmp_path: Path, training: bool | None, mode: Mode | None
) -> None:
    options = {} if training is None else {"training": training}
    config = keras2_functional(
        keras.layer("InputLayer", "in", batch_input_shape=[None, 4]),
        keras.norm("bn", keras2_call("in", **options), axis=[1]),
        output="bn",
    )

    contents = read(legacy_file(tmp_path / "model.h5", {"bn": keras.named_state("bn")}, config))

    assert contents.graph is not None
    assert contents.graph.uses[0].mode == mode


def test_a_convolution_that_is_read_twice_and_a_layer_that_is_called_twice(keras: Any, tmp_path: Path) -> None:
    config = keras2_functional(
        keras.layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]),
        keras.layer("Conv2D", "conv", keras2_call("in"), use_bias=True),
        keras.norm("bn", keras2_call("conv"), keras2_call("conv")),
        keras.layer("Add", "add", [["conv", 0, 0, {}], ["bn", 0, 0, {}], ["bn", 1, 0, {}]]),
        output="add",
    )

    contents = read(legacy_file(tmp_path / "model.h5", {"bn": keras.named_state("bn")}, config))

    assert contents.graph is not None
    assert [use.layer for use in contents.graph.uses] == ["bn", "bn"]
    assert contents.graph.uses[0].before[0].consumers == 3


def test_calls_that_double_with_every_model_are_bounded(keras: Any, tmp_path: Path) -> None:
    def doubled(model: dict[str, Any], name: str) -> dict[str, Any]:
        inner = {**model, "name": "inner", "inbound_nodes": [keras2_call("in"), [["inner", 0, 0, {}]]]}
        found = keras2_functional(keras.layer("InputLayer", "in"), inner, output="inner")
        found["config"]["name"] = name
        return found

    model = keras.sequential(keras.norm("bn"))
    for at in range(30):
        model = doubled(model, str(at))
    with pytest.raises(UnusableInputError, match="more than 200000 calls"):
        read(legacy_file(tmp_path / "m.h5", {"bn": keras.named_state("bn")}, model))


def test_layers_in_a_circle(keras: Any, tmp_path: Path) -> None:
    config = keras2_functional(
        keras.layer("InputLayer", "in"),
        keras.norm("a", keras2_call("b")),
        keras.norm("b", keras2_call("a")),
        output="b",
    )
    with pytest.raises(UnusableInputError, match="circle"):
        read(legacy_file(tmp_path / "m.h5", {"a": keras.named_state("a")}, config))


def test_another_programs_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros((3, 3))

    contents = read(tmp_path / "data.h5")

    assert contents.format == "HDF5 without Keras' weights"
    assert not contents.tensors
    assert evidence_of(contents).layers == ()
