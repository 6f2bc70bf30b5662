"""How many of something there are, in words that fit one as well as several."""

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
