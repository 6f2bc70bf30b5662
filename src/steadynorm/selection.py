"""The codes that a user names: looked up, and corrected where they are misspelt."""

from __future__ import annotations

from collections.abc import Iterable

from steadynorm.checks.catalogue import CATALOGUE, Entry
from steadynorm.errors import UnusableInputError


def entry_of(code: str) -> Entry:
    """The catalogue's entry of a code, in any case.

    Raises:
        UnusableInputError: there is no such code; the message names the nearest ones.
    """
    found = CATALOGUE.get(code.upper())
    if found is None:
        raise UnusableInputError(_unknown(code))
    return found


def codes(named: str | Iterable[str]) -> tuple[str, ...]:
    """Codes and prefixes (`SN1`): a text with one of them or several with commas between, or several such texts.

    Raises:
        UnusableInputError: no code begins that way.
    """
    texts = [named] if isinstance(named, str) else named
    split = [part.strip().upper() for text in texts for part in text.split(",") if part.strip()]
    for part in split:
        if not any(code.startswith(part) for code in CATALOGUE):
            raise UnusableInputError(_unknown(part))
    return tuple(dict.fromkeys(split))


def _unknown(code: str) -> str:
    named = ", ".join(f"{each} {CATALOGUE[each].name}" for each in _nearest(code))
    hint = f"the nearest are {named}" if named else "'steadynorm explain --all' lists them"
    return f"there is no check {code!r}; {hint}"


def _nearest(code: str) -> list[str]:
    number = code.upper().removeprefix("SN")
    if number.isdecimal():
        return sorted(CATALOGUE, key=lambda each: abs(int(each[2:]) - int(number)))[:3]
    from difflib import get_close_matches

    names = {entry.name: entry.code for entry in CATALOGUE.values()}
    return [names[each] for each in get_close_matches(code.lower(), names)]
