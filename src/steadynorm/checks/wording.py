"""Counts in words that fit one as well as several, and numbers that a reader can tell apart."""

from __future__ import annotations

from collections.abc import Sized

_ONE = {"are": "is", "were": "was", "have": "has"}


def many(things: Sized | int, verb: str = "", noun: str = "layer", of: Sized | None = None) -> str:
    """A count with its noun and verb, as `1 layer is`, `2 layers are` or `1 of 2 layers is`.

    Arguments:
        things: what is counted, or how many there are.
        verb: what they do, in the plural.
        noun: what each is.
        of: all that there are, where these may be some of them.
    """
    count = things if isinstance(things, int) else len(things)
    said = verb if count != 1 else _ONE.get(verb, verb and f"{verb}s")
    most = count if of is None else len(of)
    share = "" if of is None else f"{count} of "
    return f"{share}{most} {noun}{'' if most == 1 else 's'} {said}".rstrip()


def told_apart(*values: float) -> list[str]:
    """Numbers with three digits, or as many more as show which of them differ."""
    for digits in range(3, 10):
        shown = [f"{each:.{digits}g}" for each in values]
        if len(set(shown)) == len(set(values)):
            break
    return shown
