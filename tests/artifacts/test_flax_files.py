"""Flax states made with the msgpack package, in the layout of `flax.serialization`.

Flax itself is not installed. The layout is that of its source: extension 1 is an array and extension 3 a NumPy scalar,
each a packed list of shape, type name and bytes; arrays of over 1 GiB are maps with `__msgpack_chunked_array__`; lists
and tuples are maps from "0", "1" and so on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.flax_msgpack import read as read_source
from steadynorm.artifacts.formats import read
from steadynorm.artifacts.msgpack_scan import Span, scan
from steadynorm.artifacts.source import of_bytes, open_source
from steadynorm.checks.registry import run
from steadynorm.errors import UnusableInputError

RNG = np.random.default_rng(3)


def array(values: Any, code: int = 1, dtype: str | None = None, shape: Any = None) -> msgpack.ExtType:
    values = np.asarray(values)
    parts = (values.shape if shape is None else shape, dtype or values.dtype.name, values.tobytes())
    return msgpack.ExtType(code, msgpack.packb(parts, use_bin_type=True))


def packed(tree: Any) -> bytes:
    data = msgpack.packb(tree, strict_types=True)
    assert isinstance(data, bytes)
    return data


STATE = {name: RNG.random(3).astype(np.float32) for name in ("mean", "var", "scale", "bias")}


def train_state(**more: Any) -> dict[str, Any]:
    return {
        "params": {
            "block": {"bn": {"scale": array(STATE["scale"]), "bias": array(STATE["bias"])}},
            "dense": {"kernel": array(RNG.random((2, 3)))},
        },
        "batch_stats": {"block": {"bn": {"mean": array(STATE["mean"]), "var": array(STATE["var"])}}},
        "opt_state": {
            "0": {"count": array(np.int32(40)), "mu": {"block": {"bn": {"scale": array(np.zeros(3, np.float32))}}}}
        },
        **more,
    }


def contents_of(tree: Any) -> Contents:
    return read_source(of_bytes("state.msgpack", packed(tree)))


def same(contents: Contents) -> None:
    for collection, names in (("batch_stats", ("mean", "var")), ("params", ("scale", "bias"))):
        for name in names:
            tensor = contents.tensors[f"{collection}/block/bn/{name}"]
            assert tensor.load().dtype == np.float32
            assert tensor.load().tobytes() == STATE[name].tobytes()


def test_a_train_state(tmp_path: Path) -> None:
    (tmp_path / "checkpoint_7").write_bytes(packed({"step": 7, **train_state()}))

    contents = read(tmp_path / "checkpoint_7")

    assert (contents.format, contents.framework) == ("Flax msgpack", "flax")
    assert (contents.steps, contents.steps_from) == (7, "step")
    same(contents)
    (layer,) = evidence_of(contents).layers
    assert (layer.name, layer.channels) == ("block/bn", 3)
    assert layer.statistics is not None
    assert layer.gamma is not None
    np.testing.assert_array_equal(layer.statistics.variance, STATE["var"])
    np.testing.assert_array_equal(layer.gamma, STATE["scale"])


@pytest.mark.parametrize(
    ("more", "steps", "place"),
    [
        ({"step": array(np.int32(9))}, 9, "step"),
        ({"step": array(np.int64(9), code=3)}, 9, "step"),
        ({}, 40, "opt_state/0/count"),
        ({"state": {"step": 5}}, 5, "state/step"),
    ],
)
def test_what_counts_the_steps(more: dict[str, Any], steps: int, place: str) -> None:
    contents = contents_of({**train_state(), **more})

    assert (contents.steps, contents.steps_from) == (steps, place)


def test_variables_without_an_optimizer() -> None:
    state = train_state()
    del state["opt_state"]

    contents = contents_of(state)

    assert contents.steps is None
    same(contents)


def test_nnx_keeps_statistics_beside_parameters() -> None:
    tree = {
        "block": {"bn": {name: {"value": array(values)} for name, values in STATE.items()}},
        "norm": {"scale": {"value": array(np.ones(2))}},
    }

    contents = contents_of(tree)

    same(contents)
    assert "norm/scale" in contents.tensors


def test_chunked_arrays() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    flat = values.reshape(-1)
    tree = {
        "big": {
            "__msgpack_chunked_array__": True,
            "shape": {"0": 2, "1": 3, "2": 4},
            "chunks": {str(at): array(flat[12 * at : 12 * at + 12]) for at in range(2)},
        }
    }

    tensor = contents_of(tree).tensors["big"]

    assert (tensor.shape, tensor.dtype) == ((2, 3, 4), "float32")
    np.testing.assert_array_equal(tensor.load(), values)


def test_bfloat16_and_other_types() -> None:
    bits = np.array([0x3F80, 0xBF80, 0x4049], np.uint16)
    tree = {"a": array(bits, dtype="bfloat16"), "b": array(np.float16([0.5])), "c": array(np.array([True])), "d": {}}

    tensors = contents_of(tree).tensors

    np.testing.assert_array_equal(tensors["a"].load(), np.float32([1, -1, 3.140625]))
    assert tensors["b"].load().dtype == np.float16
    assert tensors["c"].load().tolist() == [True]


def test_large_arrays_stay_in_the_file(tmp_path: Path) -> None:
    large = np.arange(4_000_000, dtype=np.float32)
    (tmp_path / "s.msgpack").write_bytes(packed({"large": array(large), **train_state()}))
    source = open_source(tmp_path / "s.msgpack")

    contents = read_source(source)
    same(contents)

    assert source.size > 16_000_000
    assert source.bytes_read < 100_000


@pytest.mark.parametrize(
    "item",
    [
        None, True, False, 0, 127, 128, -1, -32, -33, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -128, -129,
        -(2**15), -(2**31), -(2**63), 0.5, float("inf"), "", "a" * 31, "a" * 32, "é" * 200, "a" * 60_000, [], [1] * 15,
        [1, [2, [3]]], [0] * 70_000, {}, {"a": {"b": [None]}}, {str(at): at for at in range(70_000)},
    ],
    ids=lambda item: repr(item)[:20],
)  # fmt: skip
def test_items_are_what_msgpack_reads(item: Any) -> None:
    data = packed(item)

    assert scan(of_bytes("f", data)) == msgpack.unpackb(data) == item


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 8, 15, 16, 17, 255, 256, 70_000])
@pytest.mark.parametrize("code", [None, 1, 100])
def test_binaries_and_extensions_are_skipped(size: int, code: int | None) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    data = packed([content if code is None else msgpack.ExtType(code, content), 5])

    found = scan(of_bytes("f", data))

    assert isinstance(found, list)
    span = found[0]
    assert isinstance(span, Span)
    assert (span.code, found[1]) == (code, 5)
    assert data[span.start : span.stop] == content


def verdict(data: bytes) -> str:
    """What is wrong with a file, if anything is; nothing else may be raised."""
    try:
        for tensor in read_source(of_bytes("state.msgpack", data)).tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "cut off"),
        (b"\xc1", "no item begins"),
        (packed(3), "expected a state"),
        (packed({}), "without arrays"),
        (packed({"a": "PLACEHOLDER://x"}), "without arrays"),
        (packed({"a": array([1.0])}) + b"\0", "follow its end"),
        (b"\x81" * 1000, "a key is a dict|nests"),
        (b"\x91" * 1000, "nests deeper"),
        (b"\x81\xa1a" * 100_000, "nests deeper"),
        (b"\xdf\xff\xff\xff\xff", "cut off"),
        (b"\xdd\xff\xff\xff\xff" + b"\xc0" * 3_000_000, "more than 2000000 parts"),
        (b"\x81\xa1a\xc6\xff\xff\xff\xff", "should follow"),
        (packed({"a": msgpack.ExtType(1, b"")}), "cut off"),
        (packed({"a": msgpack.ExtType(1, packed([1, 2]))}), "not Flax's list"),
        (packed({"a": msgpack.ExtType(1, packed([[1], 2, b""]))}), "not Flax's list"),
        (packed({"a": array([1.0, 2.0], shape=[3])}), "16 bytes; expected 24"),
        (packed({"a": array([1.0], shape=[1, None])}), "not Flax's list"),
        (packed({"a": array([1.0], shape=[-1])}), "impossible shape"),
        (packed({"a": array([1.0], shape=[2**40, 2**40])}), "impossible shape"),
        (packed({"a": array([1.0], dtype="object")}), "not read"),
        (packed({"a": array([1.0], dtype="V8")}), "not read"),
        (packed({"a": {"__msgpack_chunked_array__": True}}), "not pieces"),
        (packed({"a": {"__msgpack_chunked_array__": True, "shape": {"0": 5}, "chunks": {"0": array([1.0])}}}), "fill"),
        (packed({"step": -4, "a": array([1.0])}), "-4 steps"),
    ],
)  # fmt: skip
def test_hostile_states(data: bytes, says: str) -> None:
    found = verdict(data)

    assert re.search(says, found)
    assert "\n" not in found
    assert len(found) < 500


def test_every_truncation_is_one_line() -> None:
    data = packed({"step": 7, **train_state()})
    for at in range(50):
        found = verdict(data[: len(data) * at // 50])
        assert found
        assert "\n" not in found


@settings(max_examples=300)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits(flips: list[tuple[float, int]]) -> None:
    data = bytearray(packed({"step": 7, **train_state()}))
    for share, bit in flips:
        data[int(share * len(data))] ^= 1 << bit

    assert "\n" not in verdict(bytes(data))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert "\n" not in verdict(data)
    assert "\n" not in verdict(packed({"a": msgpack.ExtType(1, data)}))


@pytest.mark.parametrize(("slots", "codes"), [(np.float32, []), (np.float16, ["SN704"])])
def test_half_precision_by_the_optimizers_averages(tmp_path: Path, slots: Any, codes: list[str]) -> None:
    half = {name: array((values + 0.5).astype(np.float16)) for name, values in STATE.items()}
    kernel = RNG.random((2, 3))
    tree = {
        "step": array(np.int32(40)),
        "params": {
            "bn": {"scale": half["scale"], "bias": half["bias"]},
            "dense": {"kernel": array(kernel.astype(np.float16))},
        },
        "batch_stats": {"bn": {"mean": half["mean"], "var": half["var"]}},
        "opt_state": {"0": {"count": array(np.int32(40)), "mu": {"dense": {"kernel": array(kernel.astype(slots))}}}},
    }
    (tmp_path / "state.msgpack").write_bytes(packed(tree))
    found, _ = run(evidence_of(read(str(tmp_path / "state.msgpack"))))

    assert [each.code for each in found] == codes
