"""Orbax checkpoints made with tensorstore, in the layout of Orbax' own writer.

Orbax itself is not installed. The layout is that of its source: an item is a folder with `_METADATA`, JSON whose
`tree_metadata` has the keys of each leaf, and the arrays as zarr, either in one OCDBT database (`manifest.ocdbt`) or in
a folder each; their names join the keys with dots. A step's folder has `_CHECKPOINT_METADATA` and folders of items.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadynorm.artifacts import isolation
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read, recognise_folder
from steadynorm.errors import UnusableInputError

tensorstore = pytest.importorskip("tensorstore")

RNG = np.random.default_rng(4)
STATE = {
    ("batch_stats", "bn.0", "mean"): RNG.random(3).astype(np.float32),
    ("batch_stats", "bn.0", "var"): RNG.random(3).astype(np.float32),
    ("params", "bn.0", "scale"): RNG.random(3).astype(np.float32),
    ("params", "bn.0", "bias"): RNG.random(3).astype(np.float32),
    ("params", "dense", "kernel"): RNG.random((200, 100)),
    ("opt_state", "0", "count"): np.array(11, np.int32),
    ("step",): np.array(12, np.int32),
}


def item(folder: Path, state: Mapping[tuple[str, ...], Any] = STATE, ocdbt: bool = True, driver: str = "zarr") -> Path:
    folder.mkdir(parents=True)
    tree = {}
    for keys, values in state.items():
        name = ".".join(keys)
        base = {"driver": "file", "path": f"{folder}/"}
        store = (
            {"driver": "ocdbt", "base": base, "path": f"{name}/"} if ocdbt else {**base, "path": f"{folder}/{name}/"}
        )
        spec: dict[str, Any] = {"driver": driver, "kvstore": store}
        if driver == "zarr":
            spec["metadata"] = {"compressor": {"id": "zstd"}}
        array = tensorstore.open(spec, create=True, dtype=values.dtype, shape=values.shape).result()
        array.write(values).result()
        tree[str(keys)] = {
            "key_metadata": [{"key": key, "key_type": 2} for key in keys],
            "value_metadata": {"value_type": "jax.Array", "skip_deserialize": False},
        }
    metadata = {"tree_metadata": tree, "use_ocdbt": ocdbt, "use_zarr3": driver == "zarr3"}
    (folder / "_METADATA").write_text(json.dumps(metadata))
    return folder


def same(contents: Contents) -> None:
    assert set(contents.tensors) == {"/".join(keys) for keys in STATE}
    for keys, values in STATE.items():
        tensor = contents.tensors["/".join(keys)]
        assert (tensor.shape, tensor.dtype) == (values.shape, values.dtype.name)
        assert tensor.load().tobytes() == values.tobytes()


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
@pytest.mark.parametrize("ocdbt", [True, False])
def test_an_item(tmp_path: Path, ocdbt: bool, driver: str) -> None:
    path = item(tmp_path / "item", ocdbt=ocdbt, driver=driver)

    contents = read(path)

    assert (contents.format, contents.framework) == ("Orbax checkpoint", "flax")
    assert (contents.steps, contents.steps_from) == (12, "step")
    same(contents)
    (layer,) = evidence_of(contents).layers
    assert layer.name == "bn.0"
    assert layer.statistics is not None
    np.testing.assert_array_equal(layer.statistics.mean, STATE["batch_stats", "bn.0", "mean"])


@pytest.mark.parametrize("name", ["default", "state", "params"])
def test_a_step_with_items(tmp_path: Path, name: str) -> None:
    step = tmp_path / "1000"
    item(step / name)
    (step / "_CHECKPOINT_METADATA").write_text("{}")
    (step / "metrics").mkdir()
    (step / "metrics" / "metrics").write_text("{}")

    same(read(step))


def test_an_item_of_parameters_alone_keeps_its_name(tmp_path: Path) -> None:
    item(tmp_path / "7" / "ema", {("bn", "scale"): np.ones(3, np.float32)})
    (tmp_path / "7" / "_CHECKPOINT_METADATA").write_text("{}")

    assert set(read(tmp_path / "7").tensors) == {"ema/bn/scale"}


def test_nnx_state(tmp_path: Path) -> None:
    state = {("model", "bn", name, "value"): RNG.random(3).astype(np.float32) for name in ("mean", "var", "scale")}

    contents = read(item(tmp_path / "item", state))

    assert set(contents.tensors) == {
        "batch_stats/model/bn/mean",
        "batch_stats/model/bn/var",
        "params/model/bn/scale",
    }


def test_bfloat16(tmp_path: Path) -> None:
    values = np.array([1, -1, 3.140625], tensorstore.bfloat16.numpy_dtype)

    tensor = read(item(tmp_path / "item", {("a",): values, ("b",): values})).tensors["a"]

    assert tensor.dtype == "bfloat16"
    np.testing.assert_array_equal(tensor.load(), np.float32([1, -1, 3.140625]))


def test_without_the_description_names_are_split_at_dots(tmp_path: Path) -> None:
    path = item(tmp_path / "item")
    (path / "_METADATA").unlink()

    assert "batch_stats/bn/0/mean" in read(path).tensors


def test_the_folder_is_recognised_before_tensorflows(tmp_path: Path) -> None:
    path = item(tmp_path / "item", ocdbt=False)
    (path / "checkpoint").write_bytes(b"\x80")  # an old aggregate file

    found = recognise_folder(str(path))

    assert found is not None
    assert found.name == "Orbax checkpoint"


def verdict(path: Path) -> str:
    """What is wrong with a folder, if anything is; nothing else may be raised."""
    try:
        for tensor in read(path).tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return ""


def refused(path: Path) -> str:
    found = verdict(path)
    assert found
    assert "\n" not in found
    return found


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = item(tmp_path / "item")
    (tmp_path / "tensorstore.py").write_text("raise ModuleNotFoundError(name='tensorstore')")
    isolation._stop()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    found = refused(path)
    isolation._stop()

    assert "steadynorm[orbax]" in found


def test_a_folder_without_arrays(tmp_path: Path) -> None:
    (tmp_path / "item").mkdir()
    (tmp_path / "item" / "_METADATA").write_text("{}")

    assert "has no arrays" in refused(tmp_path / "item")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"tree_metadata": 3}', '{"tree_metadata": {"a": [1]}}'])
def test_damaged_descriptions(tmp_path: Path, text: str) -> None:
    path = item(tmp_path / "item")
    (path / "_METADATA").write_text(text)

    if text.startswith('{"'):
        assert "batch_stats/bn/0/mean" in read(path).tensors
    else:
        assert "no JSON" in refused(path) or "expected an object" in refused(path)


def test_every_truncation_of_the_database_is_one_line(tmp_path: Path) -> None:
    path = item(tmp_path / "item")
    manifest = path / "manifest.ocdbt"
    data = manifest.read_bytes()
    for at in range(50):
        manifest.write_bytes(data[: len(data) * at // 50])
        refused(path)


def test_flipped_bits_in_the_database(tmp_path: Path) -> None:
    path = item(tmp_path / "item")
    for file in [path / "manifest.ocdbt", *sorted((path / "d").iterdir())]:
        data = file.read_bytes()
        for _ in range(10):
            damaged = bytearray(data)
            for at in RNG.integers(0, len(data), 3):
                damaged[at] ^= 1 << int(RNG.integers(8))
            file.write_bytes(damaged)
            assert "\n" not in verdict(path)  # a flip in unused bytes does no harm
        file.write_bytes(data)
    same(read(path))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1 << 40, 1 << 40]},
        {"shape": [1 << 40]},
        {"shape": [-1]},
        {"chunks": [1 << 50]},
        {"dtype": "|O"},
        {"compressor": {"id": "evil"}},
        {"filters": [{"id": "pickle"}]},
    ],
    ids=str,
)
def test_hostile_arrays(tmp_path: Path, change: dict[str, Any]) -> None:
    path = item(tmp_path / "item", {("a",): np.ones(3, np.float32), ("b",): np.ones(3, np.float32)}, ocdbt=False)
    described = path / "a" / ".zarray"
    described.write_text(json.dumps({**json.loads(described.read_text()), **change}))

    refused(path)


def test_links_to_other_folders_are_not_followed(tmp_path: Path) -> None:
    other = item(tmp_path / "other", {("secret",): np.ones(3)}, ocdbt=False)
    path = item(tmp_path / "item", {("a",): np.ones(3)}, ocdbt=False)
    os.symlink(other / "secret", path / "secret")
    os.symlink(path, path / "loop")

    assert set(read(path).tensors) == {"a"}


def test_remote_folders_are_refused() -> None:
    from steadynorm.artifacts.orbax import read_folder

    with pytest.raises(UnusableInputError, match="local folders only"):
        read_folder("s3://bucket/run/1000")
