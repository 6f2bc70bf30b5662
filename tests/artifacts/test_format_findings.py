"""From a file of Keras, ONNX or Flax to findings: each broken model beside its healthy twin."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import msgpack
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run

RNG = np.random.default_rng(5)
ROLES = ("gamma", "beta", "moving_mean", "moving_variance")


def healthy_state(channels: int = 8) -> dict[str, np.ndarray]:
    return {
        "gamma": RNG.uniform(0.5, 1.5, channels).astype(np.float32),
        "beta": RNG.normal(size=channels).astype(np.float32),
        "moving_mean": RNG.normal(size=channels).astype(np.float32),
        "moving_variance": RNG.uniform(0.5, 2, channels).astype(np.float32),
    }


def initial_statistics() -> dict[str, np.ndarray]:
    return {**healthy_state(), "moving_mean": np.zeros(8, np.float32), "moving_variance": np.ones(8, np.float32)}


def negative_variance() -> dict[str, np.ndarray]:
    state = healthy_state()
    state["moving_variance"][3] = -0.5
    return state


def not_finite() -> dict[str, np.ndarray]:
    state = healthy_state()
    state["moving_mean"][0] = np.nan
    return state


def codes(path: Path) -> set[str]:
    findings, _ = run(evidence_of(read(path)))
    return {each.code for each in findings}


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def norm(**config: Any) -> dict[str, Any]:
    options = {"axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
    return layer("BatchNormalization", "bn", **{**options, **config})


def dense(name: str = "before", bias: bool = False, activation: str = "linear") -> dict[str, Any]:
    return layer("Dense", name, use_bias=bias, activation=activation)


def keras(path: Path, layers: list[dict[str, Any]], state: dict[str, np.ndarray], steps: int = 100_000) -> Path:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for at, role in enumerate(role for role in ROLES if role in state):
            file[f"layers/batch_normalization/vars/{at}"] = state[role]
        file["layers/dense/vars/0"] = RNG.normal(size=(4, 8)).astype(np.float32)
        file["optimizer/vars/0"] = np.int64(steps)
    inputs = layer("InputLayer", "in", batch_shape=[None, 4])
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": [inputs, *layers]}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", '{"keras_version": "3.5.0"}')
        file.writestr("model.weights.h5", buffer.getvalue())
    return path


HEALTHY = [dense(), norm(), layer("ReLU", "r"), dense("head", bias=True)]


def test_a_healthy_keras_model(tmp_path: Path) -> None:
    assert codes(keras(tmp_path / "m.keras", HEALTHY, healthy_state())) == set()


@pytest.mark.parametrize(
    ("layers", "code"),
    [
        ([dense(bias=True), *HEALTHY[1:]], "SN501"),
        ([*HEALTHY[:2], layer("Activation", "s", activation="sigmoid"), HEALTHY[3]], "SN502"),
        (HEALTHY[:2], "SN503"),
        ([dense(), layer("Dropout", "d", rate=0.5), *HEALTHY[1:]], "SN507"),
        ([dense(), norm(momentum=0.1), *HEALTHY[2:]], "SN510"),
        ([dense(), norm(epsilon=10.0), *HEALTHY[2:]], "SN509"),
    ],
)
def test_the_options_and_places_of_a_keras_model(tmp_path: Path, layers: list[dict[str, Any]], code: str) -> None:
    assert codes(keras(tmp_path / "m.keras", layers, healthy_state())) == {code}


@pytest.mark.parametrize(
    "layers",
    [
        [dense(bias=True, activation="relu"), *HEALTHY[1:]],
        [dense(bias=True), {**norm(), "config": {**norm()["config"], "trainable": False}}, *HEALTHY[2:]],
        [*HEALTHY[:3], layer("Dropout", "d", rate=0.5), HEALTHY[3]],
    ],
    ids=["rectifier between", "frozen", "dropout behind"],
)
def test_what_looks_like_it_and_is_not(tmp_path: Path, layers: list[dict[str, Any]]) -> None:
    assert codes(keras(tmp_path / "m.keras", layers, healthy_state())) == set()


@pytest.mark.parametrize(("order", "expected"), [("channels_first", {"SN504"}), ("channels_last", set())])
def test_the_axis_of_a_keras_model(tmp_path: Path, order: str, expected: set[str]) -> None:
    inputs = layer("InputLayer", "images", batch_shape=[None, 8, 8, 8])
    convolution = layer("Conv2D", "conv", data_format=order, use_bias=False, activation="linear")

    path = keras(tmp_path / "m.keras", [inputs, convolution, *HEALTHY[1:]], healthy_state())

    assert codes(path) == expected


def flax(path: Path, state: dict[str, np.ndarray], steps: int = 100_000) -> Path:
    def array(values: np.ndarray) -> msgpack.ExtType:
        return msgpack.ExtType(1, msgpack.packb((values.shape, values.dtype.name, values.tobytes())))

    tree = {
        "step": steps,
        "params": {
            "bn": {"scale": array(state["gamma"]), "bias": array(state["beta"])},
            "dense": {"kernel": array(RNG.normal(size=(4, 8)).astype(np.float32))},
        },
    }
    if "moving_mean" in state:
        tree["batch_stats"] = {"bn": {"mean": array(state["moving_mean"]), "var": array(state["moving_variance"])}}
    path.write_bytes(msgpack.packb(tree))
    return path


def onnx_model(path: Path, state: dict[str, np.ndarray], training: int = 0) -> Path:
    tensors = [numpy_helper.from_array(values, role) for role, values in state.items()]
    outputs = ["b", "mean", "variance"] if training else ["b"]
    nodes = [
        helper.make_node(
            "BatchNormalization", ["x", *ROLES], outputs, name="bn", momentum=0.9, epsilon=1e-5, training_mode=training
        ),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    kind = helper.np_dtype_to_tensor_dtype(state["gamma"].dtype)
    value = [helper.make_tensor_value_info(name, kind, ["n", 8, "h", "w"]) for name in "xy"]
    graph = helper.make_graph(nodes, "main", value[:1], value[1:], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (healthy_state, set()),
        (initial_statistics, {"SN103"}),
        (negative_variance, {"SN702"}),
        (not_finite, {"SN701"}),
    ],
)
def test_the_statistics_of_each_format(tmp_path: Path, make: Any, expected: set[str]) -> None:
    assert codes(keras(tmp_path / "m.keras", HEALTHY, make())) == expected
    assert codes(flax(tmp_path / "m.msgpack", make())) == expected
    assert codes(onnx_model(tmp_path / "m.onnx", make())) == expected


def test_an_export_in_training_mode(tmp_path: Path) -> None:
    assert codes(onnx_model(tmp_path / "broken.onnx", healthy_state(), training=1)) == {"SN209"}
    assert codes(onnx_model(tmp_path / "healthy.onnx", healthy_state())) == set()


def test_half_precision_matters_where_it_is_updated(tmp_path: Path) -> None:
    state = {role: values.astype(np.float16) for role, values in healthy_state().items()}

    assert codes(keras(tmp_path / "m.keras", HEALTHY, state)) == {"SN704"}
    assert codes(onnx_model(tmp_path / "m.onnx", state)) == set()  # nothing updates an export


def test_statistics_left_out_of_a_file(tmp_path: Path) -> None:
    state = healthy_state()
    parameters = {role: state[role] for role in ("gamma", "beta")}

    assert codes(flax(tmp_path / "broken.msgpack", parameters)) == {"SN301"}
    assert codes(flax(tmp_path / "healthy.msgpack", state)) == set()


def test_where_the_values_lie(tmp_path: Path) -> None:
    """The bytes of the file itself, at the place that the reader names, are the values."""
    state = healthy_state()
    for path in (
        keras(tmp_path / "m.keras", HEALTHY, state),
        flax(tmp_path / "m.msgpack", state),
        onnx_model(tmp_path / "m.onnx", state),
    ):
        data, found = path.read_bytes(), set()
        for tensor in read(path).tensors.values():
            assert tensor.extent is not None
            assert (tensor.extent.path, tensor.extent.order) == (str(path), "<")
            found.add(data[tensor.extent.start : tensor.extent.stop])
        assert {values.tobytes() for values in state.values()} <= found


def test_reading_imports_no_framework(tmp_path: Path) -> None:
    paths = [
        str(keras(tmp_path / "m.keras", HEALTHY, healthy_state())),
        str(flax(tmp_path / "m.msgpack", healthy_state())),
        str(onnx_model(tmp_path / "m.onnx", healthy_state())),
    ]
    code = (
        "import sys\nfrom steadynorm.artifacts.evidence import evidence_of\nfrom steadynorm.artifacts.formats import "
        "read\nfor path in sys.argv[1:]: assert evidence_of(read(path)).layers\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )

    done = subprocess.run([sys.executable, "-c", code, *paths], check=True, capture_output=True, text=True)

    frameworks = {"keras", "tensorflow", "onnx", "jax", "flax", "orbax", "torch", "h5py", "tensorstore", "msgpack"}
    assert not frameworks & set(done.stdout.split())
