"""Integers of variable length: seven bits a byte, the lowest first, the eighth bit says that more follow."""

from __future__ import annotations

from steadynorm.errors import UnusableInputError


def varint(data: bytes, at: int, path: str) -> tuple[int, int]:
    """The integer at a position, and the position behind it.

    Raises:
        UnusableInputError: it goes on past the end, or has more than 64 bits.
    """
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise UnusableInputError(f"{path}: is damaged or cut off: no integer at byte {at} of a block of {len(data)}")
