"""How an ONNX model is told from other protobufs, which have no magic number either."""

from __future__ import annotations

from steadynorm.artifacts.recognition import Sample

_VERSIONS = range(3, 64)
_FIRST_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42})


def is_onnx(sample: Sample) -> bool:
    """A format version, and then one of a ModelProto's fields.

    A SavedModel begins likewise, with the version 1, at which ONNX was never published.
    """
    head = sample.head
    return len(head) > 2 and head[0] == 0x08 and head[1] in _VERSIONS and head[2] in _FIRST_FIELDS
