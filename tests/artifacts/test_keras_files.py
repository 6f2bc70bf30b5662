"""Files of Keras 3 made by hand with h5py and JSON; what Keras 3 itself writes is compared in tests/tensorflow."""

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

from steadynorm.artifacts.formats import read
from steadynorm.errors import UnusableInputError


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


def small(keras: Any) -> dict[str, Any]:
    return keras.sequential(keras.layer("Dense", "d", use_bias=False, activation="relu"), keras.norm("mine", axis=-1))


def weights(keras: Any) -> dict[str, np.ndarray]:
    return {
        **keras.numbered_state("layers/batch_normalization"),
        "layers/dense/vars/0": np.ones((2, 4), np.float32),
        "optimizer/vars/0": np.int64(12),
    }


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_by_the_order_of_its_layers(keras: Any, tmp_path: Path, compression: int) -> None:
    contents = read(archive(tmp_path / "m.keras", small(keras), weights(keras), compression))

    assert (contents.format, contents.steps, contents.steps_from) == ("Keras archive", 12, "optimizer/vars/0")
    keras.same(contents, "mine")


def test_archive_of_keras_2_12(keras: Any, tmp_path: Path) -> None:
    weights = keras.numbered_state("_layer_checkpoint_dependencies/batch_normalization")

    contents = read(archive(tmp_path / "m.keras", small(keras), weights, version="2.12.0"))

    keras.same(contents, "mine")


@pytest.mark.parametrize(("scale", "center"), [(True, False), (False, True), (False, False)])
def test_the_options_say_which_weights_there_are(keras: Any, tmp_path: Path, scale: bool, center: bool) -> None:
    state = {
        name: values
        for name, values in keras.state.items()
        if (name != "gamma" or scale) and (name != "beta" or center)
    }
    weights = {f"layers/batch_normalization/vars/{at}": values for at, values in enumerate(state.values())}

    contents = read(
        archive(tmp_path / "m.keras", keras.sequential(keras.norm("bn", axis=-1, scale=scale, center=center)), weights)
    )

    assert set(contents.tensors) == {f"bn/{name}" for name in state}
    keras.same(contents, "bn", state)


def test_weights_without_a_description(keras: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for name, values in weights(keras).items():
            file[name] = values
        for at, values in enumerate(list(keras.state.values())[1:]):
            file[f"layers/batch_normalization_1/vars/{at}"] = values
        file[f"layers/dense/vars/{'9' * 5000}"] = np.ones(3, np.float32)  # no number that Python reads
        for at in range(3):
            file[f"layers/normalization/vars/{at}"] = np.ones(3, np.float32)
        file["layers/batch_normalization/vars"].attrs["name"] = "stem_bn"
        for at, values in enumerate(keras.state.values()):
            file[f"blocks/custom/norm/vars/{at}"] = values

    contents = read(tmp_path / "a.weights.h5")

    keras.same(contents, "stem_bn")
    keras.same(contents, "blocks/custom/norm")
    # Of three vectors nothing tells whether the first is gamma or beta.
    known = {name: keras.state[name] for name in ("moving_mean", "moving_variance")}
    keras.same(contents, "batch_normalization_1", known)
    assert "batch_normalization_1/0" in contents.tensors
    assert not any("normalization/moving_mean" in name and "batch" not in name for name in contents.tensors)
    assert contents.steps == 12


def use_of(keras: Any, tmp_path: Path, *layers: dict[str, Any]) -> Any:
    contents = read(archive(tmp_path / "m.keras", keras.sequential(*layers)))
    assert contents.graph is not None
    return contents.graph.uses[0]


CONV = {"data_format": "channels_last", "use_bias": True, "activation": "linear"}


@pytest.mark.parametrize(
    ("before", "chain"),
    [
        ([("Conv2D", CONV)], [("convolution", True)]),
        ([("Conv2D", {**CONV, "use_bias": False})], [("convolution", False)]),
        ([("Dense", {**CONV, "activation": "relu"})], [("activation", False), ("linear", True)]),
        ([("SeparableConv1D", CONV)], [("convolution", True)]),
        ([("ConvLSTM2D", CONV)], [("other", False)]),
        ([("Dense", CONV), ("Dropout", {"rate": 0.3})], [("dropout", False), ("linear", True)]),
        ([("Dense", CONV), ("Dropout", {"rate": 0.0})], [("reshape", False), ("linear", True)]),
    ],
)
def test_what_leads_into_a_layer(
    keras: Any, tmp_path: Path, before: list[tuple[str, dict[str, Any]]], chain: list[tuple[str, bool]]
) -> None:
    layers = [keras.layer(kind, kind, **options) for kind, options in before]
    use = use_of(keras, tmp_path, *layers, keras.norm("bn", axis=-1))

    assert [(each.kind, each.bias) for each in use.before] == chain


@pytest.mark.parametrize(
    ("after", "chain"),
    [
        ([], ["output"]),
        ([("Activation", {"activation": "sigmoid"})], ["sigmoid", "output"]),
        ([("Activation", {"activation": "tanh"}), ("Dense", {})], ["tanh", "linear"]),
        ([("ReLU", {})], ["activation", "output"]),
        ([("Flatten", {}), ("Dense", {"activation": "sigmoid"})], ["reshape", "linear"]),
        ([("Lambda", {"function": "os.system"})], ["other", "output"]),
    ],
)
def test_what_reads_a_layer(
    keras: Any, tmp_path: Path, after: list[tuple[str, dict[str, Any]]], chain: list[str]
) -> None:
    layers = [keras.layer(kind, kind, **options) for kind, options in after]
    use = use_of(keras, tmp_path, keras.norm("bn", axis=-1), *layers)

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
def test_the_axis_against_the_order_of_the_convolution(
    keras: Any, tmp_path: Path, order: str, axis: int, wrong: bool
) -> None:
    shape = [None, 8, 8, 3]
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                keras.layer("InputLayer", "in", batch_shape=shape),
                keras.layer("Conv2D", "conv", keras3_call("in", shape), data_format=order),
                keras.layer("ReLU", "relu", keras3_call("conv", shape)),
                keras.norm("bn", keras3_call("relu", shape, training=True), axis=axis),
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


def refused(tmp_path: Path, config: object, says: str) -> None:
    with pytest.raises(UnusableInputError, match=says) as caught:
        read(archive(tmp_path / "m.keras", config))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("{", "no JSON"),
        ("[]", "expected an object"),
        ('{"a":' * 100_000, "nests too deep"),
        ("{}", "names no class"),
        ({"class_name": "Sequential", "config": {"layers": [3]}}, "names no class"),
        ('{"class_name":"Sequential","config":{"layers":[{"class_name":"BatchNormalization","config":'
         '{"momentum":NaN}}]}}', "impossible options"),
    ],
)  # fmt: skip
def test_descriptions_that_make_no_sense(tmp_path: Path, config: object, says: str) -> None:
    refused(tmp_path, config, says)


@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 7},
        {"epsilon": "x"},
        {"axis": {"a": 1}},
        {"axis": [1, 1]},
        {"renorm": True, "renorm_clipping": [1]},
    ],
)
def test_options_that_cannot_be(keras: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    refused(tmp_path, keras.sequential(keras.norm("bn", **options)), "impossible options")


def test_models_within_models_are_bounded(keras: Any, tmp_path: Path) -> None:
    config = keras.sequential(keras.norm("bn"))
    for at in range(80):
        config = keras.sequential({**config, "config": {**config["config"], "name": str(at)}})
    with pytest.raises(UnusableInputError, match="deeper"):
        read(archive(tmp_path / "deep.keras", config))


def test_an_archive_that_unpacks_to_far_too_much(keras: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", json.dumps(small(keras)))
        with file.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(128):
                member.write(bytes(1 << 20))
    with pytest.raises(UnusableInputError, match="unpacks to"):
        read(tmp_path / "bomb.keras")


def test_a_negative_step_count(keras: Any, tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="-3 steps"):
        read(archive(tmp_path / "m.keras", small(keras), {**weights(keras), "optimizer/vars/0": np.int64(-3)}))


def verdict(path: Path) -> str:
    """What is wrong with a file, if anything is; nothing else may be raised."""
    try:
        contents = read(path)
        for tensor in contents.tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return ""


def test_every_truncation_is_one_line(keras: Any, tmp_path: Path) -> None:
    data = archive(tmp_path / "whole.keras", small(keras), weights(keras)).read_bytes()
    path = tmp_path / "cut.keras"
    for at in range(50):
        path.write_bytes(data[: len(data) * at // 50])
        found = verdict(path)
        assert found
        assert "\n" not in found


@settings(max_examples=100)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits(keras: Any, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]) -> None:
    whole = tmp_path_factory.getbasetemp() / "bits_whole.keras"
    if not whole.exists():
        archive(whole, small(keras), weights(keras))
    data = bytearray(whole.read_bytes())
    for share, bit in flips:
        data[int(share * len(data))] ^= 1 << bit
    path = whole.with_name("bits.keras")
    path.write_bytes(data)

    assert "\n" not in verdict(path)


@settings(max_examples=200)
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
def test_any_json_is_a_description_or_one_line(keras: Any, found: Any) -> None:
    from steadynorm.artifacts.keras_config import describe
    from steadynorm.artifacts.keras_graph import places
    from steadynorm.artifacts.keras_options import options

    def run(version: Any) -> str:
        try:
            description = describe("f", json.dumps(keras.sequential(keras.norm("a"), found)), version)
            options(description, {})
            places(description)
        except UnusableInputError as error:
            return str(error)
        return ""

    assert "\n" not in run(2) + run(3)


def sharded(keras: Any, folder: Path, names: object, same_tensor: bool = False) -> Path:
    groups = ("batch_normalization", "batch_normalization" if same_tensor else "batch_normalization_1")
    for at, group in enumerate(groups):
        with h5py.File(folder / f"m_{at}.weights.h5", "w") as file:
            for name, values in keras.numbered_state(f"layers/{group}").items():
                file[name] = values
    index = folder / "m.weights.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return index


def test_weights_in_several_files(keras: Any, tmp_path: Path) -> None:
    contents = read(sharded(keras, tmp_path, {"/a": ["m_0.weights.h5"], "/b": ["m_1.weights.h5"]}))

    keras.same(contents, "batch_normalization")
    keras.same(contents, "batch_normalization_1")


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
def test_indices_that_lead_astray(keras: Any, tmp_path: Path, names: object, says: str) -> None:
    with pytest.raises(UnusableInputError, match=says):
        read(sharded(keras, tmp_path, names, same_tensor=True))
