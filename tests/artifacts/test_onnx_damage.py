"""ONNX models that are damaged, or made to lead astray: one line, and neither time nor memory lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from steadynorm.artifacts.onnx import read as read_source
from steadynorm.artifacts.source import of_bytes
from steadynorm.errors import UnusableInputError

NAMES = ("weight", "bias", "running_mean", "running_var")


def parameters() -> list[TensorProto]:
    return [numpy_helper.from_array(np.arange(1, 5, dtype=np.float32), name) for name in NAMES]


def norm(source: str, output: str, **options: Any) -> onnx.NodeProto:
    return helper.make_node("BatchNormalization", [source, *NAMES], [output], name="bn", **options)


def model(nodes: Sequence[onnx.NodeProto], tensors: Iterable[TensorProto] = ()) -> onnx.ModelProto:
    shape = ["n", 4, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        list(tensors),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def exported() -> onnx.ModelProto:
    made = model([norm("x", "b", epsilon=1e-5), helper.make_node("Relu", ["b"], ["y"])], parameters())
    onnx.checker.check_model(made)
    return made


def verdict(data: bytes, path: str = "model.onnx") -> str:
    """What is wrong with a file, if anything is; nothing else may be raised."""
    try:
        for tensor in read_source(of_bytes(path, data)).tensors.values():
            tensor.load()
    except UnusableInputError as error:
        return str(error)
    return ""


def test_every_truncation_is_one_line() -> None:
    data = exported().SerializeToString()
    for at in range(50):
        found = verdict(data[: len(data) * at // 50])
        assert found
        assert "\n" not in found


@settings(max_examples=300)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=8))
def test_flipped_bits(flips: list[tuple[float, int]]) -> None:
    data = bytearray(exported().SerializeToString())
    for share, bit in flips:
        data[int(share * len(data))] ^= 1 << bit

    assert "\n" not in verdict(bytes(data))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert "\n" not in verdict(b"\x08\x08\x3a" + data)


def with_shape(*dims: int) -> onnx.ModelProto:
    tensors = parameters()
    tensors[2].ClearField("dims")
    tensors[2].dims.extend(dims)
    return model([norm("x", "y")], tensors)


def nested(depth: int) -> bytes:
    """Conditions within conditions, deeper than the package itself writes them: the bytes by hand."""

    def field(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 0x7F:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    output = helper.make_tensor_value_info("b", TensorProto.FLOAT, None).SerializeToString()
    graph = field(1, norm("x", "b").SerializeToString()) + field(12, output)
    for _ in range(depth):
        attribute = field(1, b"then_branch") + field(6, graph) + bytes([20 << 3 & 0x7F | 0x80, 1, 5])
        node = field(1, b"x") + field(2, b"b") + field(4, b"If") + field(5, attribute)
        graph = field(1, node) + field(12, output)
    tensors = b"".join(field(5, each.SerializeToString()) for each in parameters())
    return b"\x08\x08" + field(7, graph + tensors) + field(8, b"\x10\x11")


def calling_itself() -> onnx.ModelProto:
    made = model([helper.make_node("F", ["x"], ["y"], domain="own")])
    body = [helper.make_node("F", ["i"], ["a"], domain="own"), helper.make_node("F", ["a"], ["o"], domain="own")]
    made.functions.append(helper.make_function("own", "F", ["i"], ["o"], body, [helper.make_opsetid("", 17)]))
    return made


def doubling() -> onnx.ModelProto:
    made = model([helper.make_node("F30", ["x"], ["y"], domain="own")])
    for at in range(31):
        op, domain = (f"F{at - 1}", "own") if at else ("Relu", "")
        body = [helper.make_node(op, ["i"], ["a"], domain=domain), helper.make_node(op, ["a"], ["o"], domain=domain)]
        made.functions.append(helper.make_function("own", f"F{at}", ["i"], ["o"], body, [helper.make_opsetid("", 17)]))
    return made


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (with_shape(-1), "impossible shape"),
        (with_shape(1 << 40, 1 << 40), "impossible shape"),
        (with_shape(*[1] * 100), "impossible shape"),
        (with_shape(1 << 30), "16 bytes"),
        (nested(20), ""),
        (nested(40), "not a NodeProto"),
        (nested(200), "damaged|not a NodeProto"),
        (calling_itself(), "nest deeper"),
        (doubling(), "unfolds to more"),
        (model([norm("x", "y", momentum=float("nan"))], parameters()), "impossible options"),
        (model([norm("x", "y", epsilon=-1.0)], parameters()), "impossible options"),
        (onnx.ModelProto(ir_version=8), "has 0 graphs"),
    ],
)
def test_hostile_models(made: onnx.ModelProto | bytes, says: str) -> None:
    found = verdict(made if isinstance(made, bytes) else made.SerializeToString())

    assert re.search(says, found)
    assert "\n" not in found
    assert bool(found) == bool(says)
