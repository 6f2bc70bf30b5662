"""Values that a graph itself holds: small constants, shapes and types, out of the parsed nodes."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import numpy as np

from steadynorm.graphs.nodes import Node

Value: TypeAlias = bool | int | float | bytes

MANY_ELEMENTS = 1 << 16
"""Constants with more elements than this are weights or data, which nobody asks for here."""

_TYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 9: "int64"} | {
    10: "bool",
    14: "bfloat16",
    19: "float16",
    20: "resource",
}
_REFERENCE = 100  # what the number of a reference type is larger by
_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "int16": "int_val",
    "uint8": "int_val",
    "int8": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "string": "string_val",
}


def type_name(number: object) -> str:
    """NumPy's name of a type that a graph has by its number, `bfloat16`, or `other`."""
    if not isinstance(number, int):
        return "other"
    return _TYPES.get(number % _REFERENCE, "other")


def constant(node: Node | None) -> tuple[Value, ...] | None:
    """The elements of a constant in order, `None` if it is none, is too large or of another type."""
    if node is None or node.op != "Const" or node.source is None or "value" not in node.source.attr:
        return None
    tensor = node.source.attr["value"].tensor
    count = prod(each.size for each in tensor.tensor_shape.dim)
    kind = type_name(tensor.dtype)
    if not 0 <= count <= MANY_ELEMENTS or any(each.size < 0 for each in tensor.tensor_shape.dim):
        return None
    if tensor.tensor_content:
        return _decoded(tensor.tensor_content, kind, count)
    if kind in ("float16", "bfloat16"):
        values = _halves(list(tensor.half_val), kind)
    elif kind in _FIELDS:
        values = list(getattr(tensor, _FIELDS[kind])[:count])
    else:
        return None
    if not values:
        values = [b"" if kind == "string" else False if kind == "bool" else 0]
    # A tensor whose last elements are all equal is written without the repetitions.
    return tuple(values[:count] + values[-1:] * (count - len(values)))


def shape(node: Node, key: str = "shape") -> tuple[int, ...] | None:
    """An attribute that is a shape, −1 for an unknown size; `None` without one or of unknown rank."""
    if node.source is None or key not in node.source.attr:
        return None
    return _dimensions(node.source.attr[key].shape)


def output_shape(node: Node | None, index: int = 0) -> tuple[int, ...] | None:
    """The shape that the exporter noted for an output, −1 for an unknown size; `None` without one."""
    if node is None or node.source is None:
        return None
    if node.op == "Const" and "value" in node.source.attr:
        return _dimensions(node.source.attr["value"].tensor.tensor_shape)
    if "_output_shapes" not in node.source.attr or node.op == "VarHandleOp":
        return shape(node)
    shapes = node.source.attr["_output_shapes"].list.shape
    return _dimensions(shapes[index]) if index < len(shapes) else None


def function_at(node: Node, key: str) -> str | None:
    """The name of the function that an attribute is."""
    if node.source is None or key not in node.source.attr:
        return None
    return str(node.source.attr[key].func.name) or None


def _dimensions(proto: Any) -> tuple[int, ...] | None:
    return None if proto.unknown_rank else tuple(each.size for each in proto.dim)


def _decoded(content: bytes, kind: str, count: int) -> tuple[Value, ...] | None:
    if kind == "bfloat16":
        numbers = np.frombuffer(content[: 2 * count], "<u2").tolist() if len(content) >= 2 * count else []
        return tuple(_halves(numbers, kind)) or None
    if kind in ("string", "resource", "other"):
        return None
    dtype = np.dtype(kind).newbyteorder("<")
    if len(content) != count * dtype.itemsize:
        return None
    return tuple(np.frombuffer(content, dtype).tolist())


def _halves(bits: list[int], kind: str) -> list[Value]:
    words = np.array([each & 0xFFFF for each in bits], np.uint16)
    if kind == "float16":
        return list(words.view(np.float16).tolist())
    return list((words.astype(np.uint32) << 16).view(np.float32).tolist())
