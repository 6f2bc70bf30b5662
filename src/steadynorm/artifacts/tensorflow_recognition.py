"""Tells TensorFlow's graphs from each other and from other files; all of them are protobuf messages without a magic."""

from __future__ import annotations

import re

from steadynorm.artifacts.recognition import Sample
from steadynorm.artifacts.varint import varint
from steadynorm.errors import UnusableInputError

_NODE = re.compile(rb"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
_OP = re.compile(rb"_?[A-Za-z][A-Za-z0-9_.>/-]*")
_NEAR = 16

# The tags with which what is known about a MetaGraphDef may begin: a version, operations, tags, TensorFlow's version.
_INFO_TAGS = (b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x32", b"\x38")
_GRAPH_TAG = b"\x12"


def is_graph(sample: Sample) -> bool:
    """A GraphDef: it begins with a node, which begins with its name and its operation."""
    first = _first_field(sample.head, 0)
    return first is not None and _is_node(sample.head[first[0] :])


def is_meta_graph(sample: Sample) -> bool:
    """A MetaGraphDef: it begins with what is known about the file, and then comes a graph."""
    return _is_meta_graph(sample, 0)


def is_saved_model(sample: Sample) -> bool:
    """A SavedModel's own file: the number 1, and then a MetaGraphDef."""
    head = sample.head
    if head[:3] != b"\x08\x01\x12":
        return False
    behind = _integer(head, 3)
    return behind is not None and _is_meta_graph(sample, behind[1])


def _is_meta_graph(sample: Sample, at: int) -> bool:
    first = _first_field(sample.head, at)
    if first is None:
        return False
    start, stop = first
    info = sample.head[start:stop]
    if not info.startswith(_INFO_TAGS) or _is_node(info):
        return False
    # The list of operations alone is longer than most of what could be taken for it.
    if info[:1] == b"\x12" and b"\x0a" in info[:_NEAR]:
        return True
    return stop < sample.source.size and sample.source.read(stop, stop + 1) == _GRAPH_TAG


def _is_node(data: bytes) -> bool:
    """Whether a message begins with two texts, of which one can name a node and the other an operation."""
    name = _first_field(data, 0)
    if name is None or not _NODE.fullmatch(data[slice(*name)]) or data[name[1] : name[1] + 1] != b"\x12":
        return False
    length = _integer(data, name[1] + 1)
    return length is not None and bool(_OP.fullmatch(data[length[1] : length[1] + length[0]]))


def _first_field(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of the field at a position begins and ends, if that is field 1 and not empty."""
    if data[at : at + 1] != b"\x0a":
        return None
    length = _integer(data, at + 1)
    return None if length is None or not length[0] else (length[1], length[1] + length[0])


def _integer(data: bytes, at: int) -> tuple[int, int] | None:
    try:
        return varint(data, at, "")
    except UnusableInputError:
        return None
