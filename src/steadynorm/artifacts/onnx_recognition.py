"""How an ONNX model is told from other protobufs, which have no magic number either."""

from __future__ import annotations

from steadynorm.artifacts.recognition import Sample
from steadynorm.artifacts.wire import fields
from steadynorm.errors import UnusableInputError

_VERSIONS = range(3, 64)
_FIRST_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42})
_GRAPH, _GRAPH_TAG = 7, b"\x3a"


def is_onnx(sample: Sample) -> bool:
    """A format version, then other fields of a ModelProto, and among them a graph, whole or cut off.

    A SavedModel begins likewise, with the version 1, at which ONNX was never published; a Core ML model has no graph.
    """
    head, source = sample.head, sample.source
    if len(head) < 3 or head[0] != 0x08 or head[1] not in _VERSIONS or head[2] not in _FIRST_FIELDS:
        return False
    behind = 0
    try:
        for each in fields(source, 0, source.size):
            if each.number == _GRAPH:
                return True
            behind = each.stop
    except UnusableInputError:
        return source.read(behind, min(behind + 1, source.size)) == _GRAPH_TAG
    return False
