"""Protobuf's fields one by one, in a file of any size: what is large is skipped, never read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.artifacts.source import Source
from steadynorm.artifacts.varint import varint
from steadynorm.errors import UnusableInputError

_HEAD = 20  # two integers of ten bytes: the tag, and a length or a value
_FIXED = {1: 8, 5: 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Arguments:
        number: as the .proto file has it.
        begin: where its tag is.
        start: where its bytes are.
        stop: where they end.
        value: the integer of a field that is one, else 0.
    """

    number: int
    begin: int
    start: int
    stop: int
    value: int = 0

    @property
    def size(self) -> int:
        """How many bytes its content has."""
        return self.stop - self.start


def fields(source: Source, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message that lies between two positions.

    Raises:
        UnusableInputError: they are no message, a field reaches beyond it, or the file has too many of them.
    """
    at = start
    while at < stop:
        source.budget.look_at_field(source.path)
        head = source.read(at, min(at + _HEAD, stop))
        tag, behind = varint(head, 0, source.path)
        number, kind, value = tag >> 3, tag & 7, 0
        if kind == 0:
            value, after = varint(head, behind, source.path)
            first, last = at + behind, at + after
        elif kind == 2:
            length, behind = varint(head, behind, source.path)
            first, last = at + behind, at + behind + length
        elif kind in _FIXED:
            first, last = at + behind, at + behind + _FIXED[kind]
        else:
            raise UnusableInputError(f"{source.path}: is damaged at byte {at}: no field has the wire type {kind}")
        if number == 0 or last > stop:
            raise UnusableInputError(
                f"{source.path}: is damaged or cut off at byte {at}: field {number} reaches to byte {last} of {stop}"
            )
        yield Field(number, at, first, last, value)
        at = last
