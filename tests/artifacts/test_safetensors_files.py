"""safetensors against its own writer, its rules, and damage."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadynorm.artifacts import safetensors as reader
from steadynorm.artifacts.formats import read
from steadynorm.artifacts.source import of_bytes, open_source
from steadynorm.errors import UnusableInputError


def written(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    """A file, by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list[Any], start: Any, stop: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


GOOD = written(
    {"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 3], 0, 24), "b": entry("BF16", [4], 24, 32)},
    np.arange(6, dtype="<f4").tobytes() + bytes.fromhex("803f0040404000bf"),
)


def test_by_hand() -> None:
    contents = reader.read(of_bytes("f", GOOD))

    np.testing.assert_array_equal(contents.tensors["a"].load(), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(contents.tensors["b"].load(), [1, 2, 3, -0.5])
    assert (contents.tensors["b"].dtype, contents.framework) == ("bfloat16", "torch")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no safetensors|has 0"),
        (b"\xff" * 8 + b"{}", "header should have 18446744073709551615 bytes"),
        (written(b"{" + b" " * 10), "no JSON"),
        (written(b"[" * 100_000), "no JSON"),
        (written(b"[1, 2]"), "no JSON object"),
        (written(b'{"a": ' + b"9" * 5000 + b"}"), "no JSON"),
        (written(b'{"\xff": 1}'), "no JSON"),
        (written({"a": 1}), "no dtype, shape"),
        (written({"a": entry("F32", [1], 0, 4) | {"data_offsets": [0]}}, bytes(4)), "no dtype, shape"),
        (written({"a": entry("F32", [True], 0, 4)}, bytes(4)), "no integers"),
        (written({"a": entry("F32", [1.0], 0, 4)}, bytes(4)), "no integers"),
        (written({"a": entry("X32", [1], 0, 4)}, bytes(4)), "unknown type 'X32'"),
        (written({"a": entry("F32", [1 << 62, 4], 0, 0)}), "impossible shape"),
        (written({"a": entry("F32", [-1], 0, -4)}), "impossible shape"),
        (written({"a": entry("F32", [1], -4, 0)}, bytes(4)), "lies at -4"),
        (written({"a": entry("F32", [2], 0, 4)}, bytes(4)), "expected 8 bytes"),
        (written({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, bytes(4)), "overlaps"),
        (written({"a": entry("F32", [1], 4, 8)}, bytes(8)), "hole"),
        (written({"a": entry("F32", [1], 0, 4)}, bytes(8)), "behind its last tensor"),
        (written({"a": entry("F32", [2], 0, 8)}, bytes(4)), "cut off"),
        (written(b'{"a": 1, "a": 2}'), "stands twice"),
        (written({"__metadata__": 3}), "__metadata__"),
    ],
)
def test_rules(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableInputError, match=reason):
        reader.read(of_bytes("f", data))


def test_attack_of_many_lists_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(UnusableInputError, match="expected at most"):
        reader.read(of_bytes("f", written(b"[" + b"[]," * 10_000_000 + b"[]]")))


def test_truncated() -> None:
    for part in range(50):
        with pytest.raises(UnusableInputError):
            reader.read(of_bytes("f", GOOD[: len(GOOD) * part // 50]))


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=500, suppress_health_check=list(HealthCheck))
def test_changed_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    try:
        for tensor in reader.read(of_bytes("f", bytes(data))).tensors.values():
            tensor.load()
    except UnusableInputError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


def large(path: Path, layers: int, filler: int) -> None:
    """Layers of batch normalization between sparse blocks of weights."""
    header: dict[str, Any] = {}
    at = 0
    for number in range(layers):
        header[f"layers.{number}.conv.weight"] = entry("F32", [filler], at, at + 4 * filler)
        at += 4 * filler
        for name in ("weight", "bias", "running_mean", "running_var"):
            header[f"layers.{number}.bn.{name}"] = entry("F32", [64], at, at + 256)
            at += 256
    with path.open("wb") as file:
        file.write(written(header))
        file.truncate(file.tell() + at)


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    large(tmp_path / "large.safetensors", 20, 1_000_000)
    with open_source(tmp_path / "large.safetensors") as source:
        contents = reader.read(source)
        statistics = [each for name, each in contents.tensors.items() if "running" in name]
        for tensor in statistics:
            tensor.load()
        assert source.size > 80_000_000
        assert source.bytes_read < 20_000 + 40 * 256


def index(folder: Path, names: dict[str, Any]) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return path


def test_sharded(tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00002.safetensors").write_bytes(GOOD)
    (tmp_path / "m-00002-of-00002.safetensors").write_bytes(written({"c": entry("I64", [1], 0, 8)}, b"\7" + bytes(7)))
    path = index(tmp_path, {"a": "m-00001-of-00002.safetensors", "c": "m-00002-of-00002.safetensors"})
    for name in (path, tmp_path):
        contents = read(name)
        assert sorted(contents.tensors) == ["a", "c"]
        np.testing.assert_array_equal(contents.tensors["c"].load(), [7])

    os.unlink(tmp_path / "m-00002-of-00002.safetensors")
    with pytest.raises(UnusableInputError, match=r"m-00002-of-00002\.safetensors: cannot be opened"):
        read(path)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"a": "../a.safetensors"}, "out of its folder"),
        ({"a": "/etc/hostname"}, "out of its folder"),
        ({"a": "index"}, "cannot be opened"),
        ({"a": 3}, "no weight_map"),
        ([1], "no weight_map"),
        ({"zzz": "good.safetensors"}, "is not"),
        ({str(number): f"{number}" for number in range(10_001)}, "names 10001 files"),
    ],
)
def test_indexes_that_lead_astray(tmp_path: Path, names: Any, reason: str) -> None:
    (tmp_path / "good.safetensors").write_bytes(GOOD)
    with pytest.raises(UnusableInputError, match=reason):
        read(index(tmp_path, names))


def test_an_index_that_names_itself(tmp_path: Path) -> None:
    path = index(tmp_path, {"a": "model.safetensors.index.json"})
    shutil.copy(path, tmp_path / "copy.safetensors.index.json")
    with pytest.raises(UnusableInputError, match="no safetensors file"):
        read(path)
