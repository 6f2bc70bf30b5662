"""The fields of ONNX's messages that are read."""

from __future__ import annotations

from functools import cache
from typing import Any

from steadynorm.artifacts.protobuf import build

TABLE = {
    "OperatorSetIdProto": ("string domain = 1", "int64 version = 2"),
    "StringStringEntryProto": ("string key = 1", "string value = 2"),
    "TensorProto": (
        "repeated int64 dims = 1",
        "int32 data_type = 2",
        "repeated float float_data = 4",
        "repeated int32 int32_data = 5",
        "repeated int64 int64_data = 7",
        "string name = 8",
        "bytes raw_data = 9",
        "repeated double double_data = 10",
        "repeated uint64 uint64_data = 11",
        "repeated StringStringEntryProto external_data = 13",
        "int32 data_location = 14",
    ),
    "AttributeProto": (
        "string name = 1",
        "float f = 2",
        "int64 i = 3",
        "TensorProto t = 5",
        "GraphProto g = 6",
        "repeated float floats = 7",
        "repeated GraphProto graphs = 11",
        "string ref_attr_name = 21",
    ),
    "NodeProto": (
        "repeated string input = 1",
        "repeated string output = 2",
        "string name = 3",
        "string op_type = 4",
        "repeated AttributeProto attribute = 5",
        "string domain = 7",
    ),
    "ValueInfoProto": ("string name = 1", "TypeProto type = 2"),
    "TypeProto": ("Tensor tensor_type = 1",),
    "Tensor": ("TensorShapeProto shape = 2",),
    "TensorShapeProto": ("repeated Dimension dim = 1",),
    "Dimension": ("int64 dim_value = 1",),
    "GraphProto": (
        "repeated NodeProto node = 1",
        "string name = 2",
        "repeated TensorProto initializer = 5",
        "repeated ValueInfoProto input = 11",
        "repeated ValueInfoProto output = 12",
    ),
    "FunctionProto": (
        "string name = 1",
        "repeated string input = 4",
        "repeated string output = 5",
        "repeated NodeProto node = 7",
        "string domain = 10",
        "repeated AttributeProto attribute_proto = 11",
    ),
}

DATA_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
}
"""The types of tensors that are decoded, by ONNX's numbers."""

EXTERNAL = 1
"""The data location of a tensor in another file."""


@cache
def messages() -> dict[str, type[Any]]:
    """The message classes by name."""
    return build("steadynorm.onnx", TABLE)
