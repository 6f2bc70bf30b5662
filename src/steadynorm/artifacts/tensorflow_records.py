"""The protobuf messages in TensorFlow's checkpoints, its types, and the keys of slices."""

from __future__ import annotations

from typing import Any, TypeAlias

from steadynorm.artifacts.protobuf import build

_SHAPES = {
    "Dim": ("int64 size = 1",),
    "TensorShape": ("repeated Dim dim = 2", "bool unknown_rank = 3"),
    "Extent": ("int64 start = 1", "oneof has_length: int64 length = 2"),
    "TensorSlice": ("repeated Extent extent = 1",),
}

MESSAGES = build(
    "steadynorm.checkpoint",
    {
        **_SHAPES,
        "BundleHeader": ("int32 num_shards = 1", "int32 endianness = 2"),
        "BundleEntry": (
            "int32 dtype = 1",
            "TensorShape shape = 2",
            "int32 shard_id = 3",
            "int64 offset = 4",
            "int64 size = 5",
            "fixed32 crc32c = 6",
            "repeated TensorSlice slices = 7",
        ),
        "SavedSliceMeta": (
            "string name = 1",
            "TensorShape shape = 2",
            "int32 type = 3",
            "repeated TensorSlice slice = 4",
        ),
        "SavedTensorSliceMeta": ("repeated SavedSliceMeta tensor = 1",),
        "Tensor": (
            "int32 dtype = 1",
            "TensorShape tensor_shape = 2",
            "bytes tensor_content = 4",
            "repeated float float_val = 5",
            "repeated double double_val = 6",
            "repeated int32 int_val = 7",
            "repeated int64 int64_val = 10",
            "repeated bool bool_val = 11",
            "repeated int32 half_val = 13",
            "repeated uint32 uint32_val = 16",
            "repeated uint64 uint64_val = 17",
        ),
        "SavedSlice": ("string name = 1", "TensorSlice slice = 2", "Tensor data = 3"),
        "SavedTensorSlices": ("SavedTensorSliceMeta meta = 1",),
        "SavedValues": ("SavedSlice data = 2",),
        "Child": ("int32 node_id = 1", "string local_name = 2"),
        "Attribute": ("string name = 1", "string full_name = 2", "string checkpoint_key = 3"),
        "Object": ("repeated Child children = 1", "repeated Attribute attributes = 2"),
        "ObjectGraph": ("repeated Object nodes = 1",),
    },
)

_TYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    28: "float8_e5m2fnuz",
}
_REFERENCE = 100


def dtype_of(number: int) -> str:
    """The name of a type by its number in the messages; a reference to a type counts as the type."""
    return _TYPES.get(number - _REFERENCE if number > _REFERENCE else number, f"type {number}")


def number_of(dtype: str) -> int:
    """The number of a type in the messages; StopIteration for one that they lack."""
    return next(number for number, name in _TYPES.items() if name == dtype)


def shape_of(message: Any) -> tuple[int, ...]:
    """The shape in a message; unknown lengths are -1."""
    return tuple(dim.size for dim in message.dim)


Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Start and length per axis; the length is -1 for all of an axis."""


def ranges_of(message: Any) -> Ranges:
    """The ranges of a slice."""
    return tuple((extent.start, extent.length if extent.WhichOneof("has_length") else -1) for extent in message.extent)


def slice_key(name: bytes, ranges: Ranges) -> bytes:
    """The key that a table keeps a slice of a tensor under: an encoding that sorts like its parts."""
    text = b"".join({0: b"\x00\xff", 0xFF: b"\xff\x00"}.get(byte, bytes([byte])) for byte in name)
    key = _number(0) + text + b"\x00\x01" + _number(len(ranges))
    return key + b"".join(_signed(start) + _signed(length) for start, length in ranges)


def _number(value: int) -> bytes:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def _signed(value: int) -> bytes:
    """As many leading ones as there are bytes, then the value; for negative values all of it inverted."""
    length = (value if value >= 0 else ~value).bit_length() // 7 + 1
    header = ((1 << length) - 1) << (8 * length - length)
    return ((value & ((1 << 8 * length) - 1)) ^ header).to_bytes(length, "big")
