"""The checksum of TensorFlow's files over data of any size, by NumPy in many lanes at once."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.tensorflow_table import crc32c

_LANE = 4096
_SMALL = 4 * _LANE

_Words = npt.NDArray[np.uint32]


def checksum(data: bytes) -> int:
    """The same as `crc32c`, a hundred times as fast for megabytes."""
    lanes = len(data) // _LANE
    if len(data) < _SMALL:
        return crc32c(data)
    bytes_ = np.frombuffer(data, np.uint8, lanes * _LANE).reshape(lanes, _LANE).T.copy()
    table = _table()
    value = np.zeros(lanes, np.uint32)
    for column in bytes_:
        value = value >> np.uint32(8) ^ table[(value ^ column) & np.uint32(0xFF)]
    # Each lane began at 0; what came before it passes through as many zero bytes as the lane is long.
    total = 0xFFFFFFFF
    for lane in value.tolist():
        total = _shifted(total) ^ lane
    for byte in data[lanes * _LANE :]:
        total = total >> 8 ^ int(table[(total ^ byte) & 0xFF])
    return total ^ 0xFFFFFFFF


@cache
def _table() -> _Words:
    value = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        value = np.where(value & 1, value >> np.uint32(1) ^ np.uint32(0x82F63B78), value >> np.uint32(1))
    return value.astype(np.uint32)


@cache
def _shifts() -> tuple[tuple[int, ...], ...]:
    """By byte of a state, what becomes of each of its values when a lane of zeros follows."""
    table = _table()
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(_LANE):
        bits = bits >> np.uint32(8) ^ table[bits & np.uint32(0xFF)]
    of_bit = bits.tolist()
    found = []
    for byte in range(4):
        row = [0] * 256
        for value in range(256):
            for bit in range(8):
                if value >> bit & 1:
                    row[value] ^= of_bit[8 * byte + bit]
        found.append(tuple(row))
    return tuple(found)


def _shifted(state: int) -> int:
    first, second, third, fourth = _shifts()
    return first[state & 0xFF] ^ second[state >> 8 & 0xFF] ^ third[state >> 16 & 0xFF] ^ fourth[state >> 24]
