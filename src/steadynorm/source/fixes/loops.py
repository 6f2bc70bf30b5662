"""The loop that two places of a program share, through the functions that it calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from steadynorm.source.fixes.callers import Comprehension, Level, Loop


@dataclass(frozen=True, slots=True)
class Shared:
    """A loop that holds two places of a program.

    Arguments:
        loop: the loop, or the comprehension.
        first: the way to the one place, and how many levels up it comes to the loop.
        second: likewise to the other.
    """

    loop: Loop | Comprehension
    first: tuple[tuple[Level, ...], int]
    second: tuple[tuple[Level, ...], int]


def loops_around(ways: Iterable[tuple[Level, ...]]) -> set[int]:
    """The identities of the loops that a program goes through on its ways to a place."""
    return {id(loop) for way in ways for level in way for loop in level.loops}


def shared_loop(steps: list[tuple[Level, ...]], others: list[tuple[Level, ...]]) -> Shared | None:
    """The innermost loop in which both are, with the fewest calls between."""
    found: list[tuple[int, int, Shared]] = []
    far = [_looped(other) for other in others]
    for step in steps:
        near = _looped(step)
        for other, outer in zip(others, far, strict=True):
            for (high, mine), (deep, theirs) in product(near, outer):
                loops = [each for each in mine if any(each is loop for loop in theirs)]
                if loops:
                    found.append((high + deep, len(found), Shared(loops[-1], (step, high), (other, deep))))
    return min(found, key=lambda each: each[:2])[2] if found else None


def _looped(way: tuple[Level, ...]) -> list[tuple[int, list[Loop | Comprehension]]]:
    """The levels of a way that are in loops, with these."""
    return [(height, loops) for height, level in enumerate(way) if (loops := level.repeated)]
