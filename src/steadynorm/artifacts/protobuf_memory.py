"""How much memory a protobuf message would take, told before it is parsed."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

FIELD, MESSAGE, TEXT, NUMBER = 32, 64, 16, 8
"""What each field takes, and beside it a message, one of several texts, and each byte of several numbers; about."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Kinds: TypeAlias = dict[int, tuple[Any, int, int]]
"""By number of a field: the descriptor of the message that it is, what it takes, and what each of its bytes takes."""


def memory_of(kind: Any, data: bytes, most: int) -> int:
    """About how many bytes a message takes when it is parsed; counts no further than to over `most`.

    Arguments:
        kind: the message's descriptor.
        data: its bytes; of damaged ones, those before the damage are counted.
        most: more than this is enough to know.
    """
    total, at, stop, kinds, end = len(data), 0, len(data), _kinds(kind), len(data)
    around: list[tuple[int, Kinds]] = []
    while total <= most:
        if at >= stop:
            if not around:
                break
            stop, kinds = around.pop()
            continue
        total += FIELD
        tag, at = _integer(data, at, end)
        wire = tag & 7
        if wire == _BYTES:
            length, at = _integer(data, at, end)
            message, each, per_byte = kinds.get(tag >> 3, _OTHER)
            total += each + per_byte * length
            if message is None:
                at += length
            else:
                around.append((stop, kinds))
                stop, kinds = min(stop, at + length), _kinds(message)
        elif wire == _VARINT:
            _, at = _integer(data, at, end)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        else:
            break
    return total


_OTHER: tuple[Any, int, int] = (None, 0, 0)


@cache
def _kinds(kind: Any) -> Kinds:
    found: Kinds = {}
    for field in kind.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            found[field.number] = (field.message_type, MESSAGE, 0)
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            found[field.number] = (None, TEXT, 0)
        else:  # numbers in a row: the shortest take one byte each
            found[field.number] = (None, 0, NUMBER)
    return found


def _integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The integer at a position, and the position behind it; behind the data there are zeros."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, at + 1
