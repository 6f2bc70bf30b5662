"""Keras files made by hand with h5py and JSON, as Keras 1, 2 and 3 write them; what Keras 3 itself writes is compared
in tests/tensorflow."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode

RNG = np.random.default_rng(1)
STATE = {name: RNG.random(4).astype(np.float32) for name in ("gamma", "beta", "moving_mean", "moving_variance")}


def layer(kind: str, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, "trainable": True, **config},
        "inbound_nodes": list(inbound),
    }


def norm(name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
    options = {"axis": [3], "momentum": 0.95, "epsilon": 0.002, "center": True, "scale": True, "trainable": True}
    return layer("BatchNormalization", name, *inbound, **{**options, **config})


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


def named_state(layer: str) -> dict[str, np.ndarray]:
    return {f"{layer}/{name}:0": values for name, values in STATE.items()}


def same(contents: Contents, layer: str, state: Mapping[str, np.ndarray] = STATE) -> None:
    for name, values in state.items():
        assert contents.tensors[f"{layer}/{name}"].load().tobytes() == values.tobytes()


def configs(contents: Contents) -> dict[str, Any]:
    found = contents.facts["configs"]
    assert isinstance(found, dict)
    return found


def test_keras_2_model(tmp_path: Path) -> None:
    config = keras2_functional(
        layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]),
        layer("Conv2D", "conv", keras2_call("in"), use_bias=True, activation="linear"),
        norm("bn", keras2_call("conv"), trainable=False),
        output="bn",
    )
    weights = {"in": {}, "conv": {"conv/kernel:0": np.ones((1, 1, 3, 4), np.float32)}, "bn": named_state("bn")}
    steps = {"training/Adam/iter:0": np.int64(321), "training/Adam/m:0": np.zeros(3, np.float32)}

    contents = read(legacy_file(tmp_path / "model.h5", weights, config, optimizer=steps))

    assert (contents.format, contents.framework) == ("Keras model (HDF5)", "keras")
    assert (contents.steps, contents.steps_from) == (321, "optimizer_weights/training/Adam/iter:0")
    same(contents, "bn")
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


def test_keras_2_weights_alone(tmp_path: Path) -> None:
    weights = {"bn": named_state("bn"), "block": {**named_state("inner"), "dense/kernel:0": np.ones((2, 2))}}

    contents = read(legacy_file(tmp_path / "model.weights.h5", weights, version=None))

    same(contents, "bn")
    same(contents, "block/inner")
    assert "block/dense/kernel" in contents.tensors
    assert (contents.steps, contents.graph, "configs" in contents.facts) == (None, None, False)


def test_wrapped_and_nested_layers_are_found_in_the_description(tmp_path: Path) -> None:
    inner = {"class_name": "BatchNormalization", "config": norm("td")["config"]}
    mid = {"class_name": "Sequential", "config": {"name": "mid", "layers": [norm("deep")]}}
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
    weights = {"time": named_state("time"), "outer": named_state("deep")}

    contents = read(legacy_file(tmp_path / "model.h5", weights, config))

    assert list(configs(contents)) == ["time/td", "outer/mid/deep"]
    same(contents, "time/td")
    same(contents, "outer/mid/deep")


@pytest.mark.parametrize("variance", ["running_std", "running_var"])
def test_keras_1_model(tmp_path: Path, variance: str) -> None:
    roles = {"gamma": "gamma", "beta": "beta", "moving_mean": "running_mean", "moving_variance": variance}
    weights = {"bn_1": {f"bn_1_{name}": STATE[role] for role, name in roles.items()}}
    config = {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Dense", "config": {"name": "dense_1", "bias": True, "activation": "linear"}},
            {"class_name": "BatchNormalization", "config": {"name": "bn_1", "mode": 2, "momentum": 0.9, "axis": -1}},
        ],
    }

    contents = read(legacy_file(tmp_path / "old.h5", weights, config, version=None))

    same(contents, "bn_1")
    assert configs(contents)["bn_1"].decay == 0.9
    assert contents.graph is not None
    (use,) = contents.graph.uses
    assert use.mode == Mode.BATCH  # mode 2 normalizes by the batch for ever
    assert use.before[0].bias


@pytest.mark.parametrize(("training", "mode"), [(None, None), (True, Mode.BATCH), (False, Mode.POPULATION)])
def test_keras_2_keeps_the_training_argument_of_a_call(
    tmp_path: Path, training: bool | None, mode: Mode | None
) -> None:
    options = {} if training is None else {"training": training}
    config = keras2_functional(
        layer("InputLayer", "in", batch_input_shape=[None, 4]),
        norm("bn", keras2_call("in", **options), axis=[1]),
        output="bn",
    )

    contents = read(legacy_file(tmp_path / "model.h5", {"bn": named_state("bn")}, config))

    assert contents.graph is not None
    assert contents.graph.uses[0].mode == mode


def keras3_call(source: str, shape: list[int | None], **options: Any) -> dict[str, Any]:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": shape, "dtype": "float32", "keras_history": [source, 0, 0]},
    }
    return {"args": [tensor], "kwargs": options}


def archive(
    path: Path,
    config: object,
    weights: Mapping[str, np.ndarray] = {},
    compression: int = zipfile.ZIP_STORED,
    version: str = "3.5.0",
    names: Mapping[str, str] = {},
) -> Path:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in weights.items():
            file[name] = values
        for group, name in names.items():
            file.require_group(group).attrs["name"] = name
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("metadata.json", json.dumps({"keras_version": version}))
        file.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        file.writestr("model.weights.h5", buffer.getvalue())
    return path


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def numbered_state(group: str) -> dict[str, np.ndarray]:
    return {f"{group}/vars/{at}": values for at, values in enumerate(STATE.values())}


SMALL = sequential(layer("Dense", "d", use_bias=False, activation="relu"), norm("mine", axis=-1))
WEIGHTS = {
    **numbered_state("layers/batch_normalization"),
    "layers/dense/vars/0": np.ones((2, 4), np.float32),
    "optimizer/vars/0": np.int64(12),
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_by_the_order_of_its_layers(tmp_path: Path, compression: int) -> None:
    contents = read(archive(tmp_path / "m.keras", SMALL, WEIGHTS, compression))

    assert (contents.format, contents.steps, contents.steps_from) == ("Keras archive", 12, "optimizer/vars/0")
    same(contents, "mine")


def test_archive_of_keras_2_12(tmp_path: Path) -> None:
    weights = numbered_state("_layer_checkpoint_dependencies/batch_normalization")

    contents = read(archive(tmp_path / "m.keras", SMALL, weights, version="2.12.0"))

    same(contents, "mine")


@pytest.mark.parametrize(("scale", "center"), [(True, False), (False, True), (False, False)])
def test_the_options_say_which_weights_there_are(tmp_path: Path, scale: bool, center: bool) -> None:
    state = {
        name: values for name, values in STATE.items() if (name != "gamma" or scale) and (name != "beta" or center)
    }
    weights = {f"layers/batch_normalization/vars/{at}": values for at, values in enumerate(state.values())}

    contents = read(archive(tmp_path / "m.keras", sequential(norm("bn", axis=-1, scale=scale, center=center)), weights))

    assert set(contents.tensors) == {f"bn/{name}" for name in state}
    same(contents, "bn", state)


def test_weights_without_a_description(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for name, values in WEIGHTS.items():
            file[name] = values
        for at, values in enumerate(list(STATE.values())[1:]):
            file[f"layers/batch_normalization_1/vars/{at}"] = values
        file[f"layers/dense/vars/{'9' * 5000}"] = np.ones(3, np.float32)  # no number that Python reads
        for at in range(3):
            file[f"layers/normalization/vars/{at}"] = np.ones(3, np.float32)
        file["layers/batch_normalization/vars"].attrs["name"] = "stem_bn"
        for at, values in enumerate(STATE.values()):
            file[f"blocks/custom/norm/vars/{at}"] = values

    contents = read(tmp_path / "a.weights.h5")

    same(contents, "stem_bn")
    same(contents, "blocks/custom/norm")
    # Of three vectors nothing tells whether the first is gamma or beta.
    known = {name: STATE[name] for name in ("moving_mean", "moving_variance")}
    same(contents, "batch_normalization_1", known)
    assert "batch_normalization_1/0" in contents.tensors
    assert not any("normalization/moving_mean" in name and "batch" not in name for name in contents.tensors)
    assert contents.steps == 12


def use_of(tmp_path: Path, *layers: dict[str, Any]) -> Any:
    contents = read(archive(tmp_path / "m.keras", sequential(*layers)))
    assert contents.graph is not None
    return contents.graph.uses[0]


CONV = {"data_format": "channels_last", "use_bias": True, "activation": "linear"}


@pytest.mark.parametrize(
    ("before", "chain"),
    [
        ([layer("Conv2D", "c", **CONV)], [("convolution", True)]),
        ([layer("Conv2D", "c", **{**CONV, "use_bias": False})], [("convolution", False)]),
        ([layer("Dense", "c", **{**CONV, "activation": "relu"})], [("activation", False), ("linear", True)]),
        ([layer("SeparableConv1D", "c", **CONV)], [("convolution", True)]),
        ([layer("ConvLSTM2D", "c", **CONV)], [("other", False)]),
        ([layer("Dense", "c", **CONV), layer("Dropout", "d", rate=0.3)], [("dropout", False), ("linear", True)]),
        ([layer("Dense", "c", **CONV), layer("Dropout", "d", rate=0.0)], [("reshape", False), ("linear", True)]),
    ],
)
def test_what_leads_into_a_layer(tmp_path: Path, before: list[dict[str, Any]], chain: list[tuple[str, bool]]) -> None:
    use = use_of(tmp_path, *before, norm("bn", axis=-1))

    assert [(each.kind, each.bias) for each in use.before] == chain


@pytest.mark.parametrize(
    ("after", "chain"),
    [
        ([], ["output"]),
        ([layer("Activation", "a", activation="sigmoid")], ["sigmoid", "output"]),
        ([layer("Activation", "a", activation="tanh"), layer("Dense", "d")], ["tanh", "linear"]),
        ([layer("ReLU", "a")], ["activation", "output"]),
        ([layer("Flatten", "f"), layer("Dense", "d", activation="sigmoid")], ["reshape", "linear"]),
        ([layer("Lambda", "l", function="os.system")], ["other", "output"]),
    ],
)
def test_what_reads_a_layer(tmp_path: Path, after: list[dict[str, Any]], chain: list[str]) -> None:
    use = use_of(tmp_path, norm("bn", axis=-1), *after)

    assert [each.kind for each in use.after] == chain


@pytest.mark.parametrize(
    ("order", "axis", "wrong"),
    [
        ("channels_last", -1, False),
        ("channels_last", 3, False),
        ("channels_last", 1, True),
        ("channels_first", 1, False),
        ("channels_first", -3, False),
        ("channels_first", -1, True),
    ],
)
def test_the_axis_against_the_order_of_the_convolution(tmp_path: Path, order: str, axis: int, wrong: bool) -> None:
    shape = [None, 8, 8, 3]
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                layer("InputLayer", "in", batch_shape=shape),
                layer("Conv2D", "conv", keras3_call("in", shape), data_format=order),
                layer("ReLU", "relu", keras3_call("conv", shape)),
                norm("bn", keras3_call("relu", shape, training=True), axis=axis),
            ],
            "input_layers": ["in", 0, 0],
            "output_layers": ["bn", 0, 0],
        },
    }

    contents = read(archive(tmp_path / "m.keras", config))

    assert contents.graph is not None
    (use,) = contents.graph.uses
    assert (use.wrong_axis is not None) == wrong
    assert use.mode is None  # Keras 3 lets fit() and predict() overrule what the call was recorded with


def test_a_convolution_that_is_read_twice_and_a_layer_that_is_called_twice(tmp_path: Path) -> None:
    config = keras2_functional(
        layer("InputLayer", "in", batch_input_shape=[None, 8, 8, 3]),
        layer("Conv2D", "conv", keras2_call("in"), use_bias=True),
        norm("bn", keras2_call("conv"), keras2_call("conv")),
        layer("Add", "add", [["conv", 0, 0, {}], ["bn", 0, 0, {}], ["bn", 1, 0, {}]]),
        output="add",
    )

    contents = read(legacy_file(tmp_path / "model.h5", {"bn": named_state("bn")}, config))

    assert contents.graph is not None
    assert [use.layer for use in contents.graph.uses] == ["bn", "bn"]
    assert contents.graph.uses[0].before[0].consumers == 3


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("{", "no JSON"),
        ("[]", "expected an object"),
        ('{"a":' * 100_000, "nests too deep"),
        ("{}", "names no class"),
        ({"class_name": "Sequential", "config": {"layers": [3]}}, "names no class"),
        (sequential(norm("bn", momentum=7)), "impossible options"),
        (sequential(norm("bn", epsilon="x")), "impossible options"),
        (sequential(norm("bn", axis={"a": 1})), "impossible options"),
        (sequential(norm("bn", axis=[1, 1])), "impossible options"),
        (sequential(norm("bn", renorm=True, renorm_clipping=[1])), "impossible options"),
        ('{"class_name":"Sequential","config":{"layers":[{"class_name":"BatchNormalization","config":'
         '{"momentum":NaN}}]}}', "impossible options"),
    ],
)  # fmt: skip
def test_descriptions_that_make_no_sense(tmp_path: Path, config: object, says: str) -> None:
    with pytest.raises(UnusableInputError, match=says) as caught:
        read(archive(tmp_path / "m.keras", config))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_models_within_models_are_bounded(tmp_path: Path) -> None:
    config = sequential(norm("bn"))
    for at in range(80):
        config = sequential({**config, "config": {**config["config"], "name": str(at)}})
    with pytest.raises(UnusableInputError, match="deeper"):
        read(archive(tmp_path / "deep.keras", config))


def test_calls_that_double_with_every_model_are_bounded(tmp_path: Path) -> None:
    def doubled(model: dict[str, Any], name: str) -> dict[str, Any]:
        inner = {**model, "name": "inner", "inbound_nodes": [keras2_call("in"), [["inner", 0, 0, {}]]]}
        found = keras2_functional(layer("InputLayer", "in"), inner, output="inner")
        found["config"]["name"] = name
        return found

    model = sequential(norm("bn"))
    for at in range(30):
        model = doubled(model, str(at))
    with pytest.raises(UnusableInputError, match="more than 200000 calls"):
        read(legacy_file(tmp_path / "m.h5", {"bn": named_state("bn")}, model))


def test_layers_in_a_circle(tmp_path: Path) -> None:
    config = keras2_functional(
        layer("InputLayer", "in"), norm("a", keras2_call("b")), norm("b", keras2_call("a")), output="b"
    )
    with pytest.raises(UnusableInputError, match="circle"):
        read(legacy_file(tmp_path / "m.h5", {"a": named_state("a")}, config))


def test_an_archive_that_unpacks_to_far_too_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", json.dumps(SMALL))
        with file.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(128):
                member.write(bytes(1 << 20))
    with pytest.raises(UnusableInputError, match="unpacks to"):
        read(tmp_path / "bomb.keras")


def test_another_programs_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros((3, 3))

    contents = read(tmp_path / "data.h5")

    assert contents.format == "HDF5 without Keras' weights"
    assert not contents.tensors
    assert evidence_of(contents).layers == ()


def test_a_negative_step_count(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="-3 steps"):
        read(archive(tmp_path / "m.keras", SMALL, {**WEIGHTS, "optimizer/vars/0": np.int64(-3)}))


def verdict(path: Path) -> str:
    """What is wrong with a file, if anything is; nothing else may be raised."""
    try:
        contents = read(path)
        for tensor in contents.tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return ""


def test_every_truncation_is_one_line(tmp_path: Path) -> None:
    data = archive(tmp_path / "whole.keras", SMALL, WEIGHTS).read_bytes()
    path = tmp_path / "cut.keras"
    for at in range(50):
        path.write_bytes(data[: len(data) * at // 50])
        found = verdict(path)
        assert found
        assert "\n" not in found


@settings(max_examples=100, deadline=None)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits(tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]) -> None:
    whole = tmp_path_factory.getbasetemp() / "bits_whole.keras"
    if not whole.exists():
        archive(whole, SMALL, WEIGHTS)
    data = bytearray(whole.read_bytes())
    for share, bit in flips:
        data[int(share * len(data))] ^= 1 << bit
    path = whole.with_name("bits.keras")
    path.write_bytes(data)

    assert "\n" not in verdict(path)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["bn", "layers", "Dense", "x"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["class_name", "config", "layers", "name", "inbound_nodes", "kwargs", "axis", "momentum"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=25,
    )
)
def test_any_json_is_a_description_or_one_line(found: Any) -> None:
    from steadynorm.artifacts.keras_config import describe
    from steadynorm.artifacts.keras_graph import places
    from steadynorm.artifacts.keras_options import options

    def run(version: Any) -> str:
        try:
            description = describe("f", json.dumps(sequential(norm("a"), found)), version)
            options(description, {})
            places(description)
        except UnusableInputError as error:
            return str(error)
        return ""

    assert "\n" not in run(2) + run(3)


def sharded(folder: Path, names: object, same_tensor: bool = False) -> Path:
    for at, group in enumerate(("batch_normalization", "batch_normalization_1")):
        with h5py.File(folder / f"m_{at}.weights.h5", "w") as file:
            for name, values in numbered_state(f"layers/{group if not same_tensor else 'batch_normalization'}").items():
                file[name] = values
    index = folder / "m.weights.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return index


def test_weights_in_several_files(tmp_path: Path) -> None:
    contents = read(sharded(tmp_path, {"/a": ["m_0.weights.h5"], "/b": ["m_1.weights.h5"]}))

    same(contents, "batch_normalization")
    same(contents, "batch_normalization_1")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"/a": ["../m_0.weights.h5"]}, "leads out"),
        ({"/a": "/etc/m_0.weights.h5"}, "leads out"),
        ({"/a": ["gone.weights.h5"]}, "gone"),
        ({"a": {"b": "m_0.weights.h5"}}, "names 0 files"),
        ({"/a": ["m_0.weights.h5", "m_1.weights.h5"]}, "another file"),
    ],
)
def test_indices_that_lead_astray(tmp_path: Path, names: object, says: str) -> None:
    with pytest.raises(UnusableInputError, match=says):
        read(sharded(tmp_path, names, same_tensor=True))
