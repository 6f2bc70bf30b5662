"""The fields of a JSON object that somebody else may have written, each of the kind that it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

_Word = TypeVar("_Word", bound=StrEnum)

_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


class DamagedError(ValueError):
    """What is wrong with a field, to follow the name of the file."""


class Fields:
    """One object.

    Arguments:
        value: what stands in the file.
        path: where it stands there, empty for the outermost.

    Raises:
        DamagedError: it is no object.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise DamagedError(f"{path or 'it'} is no object")
        self._value: Mapping[str, Any] = value
        self._path = path

    def text(self, key: str) -> str:
        """A text."""
        return str(self._of(key, lambda value: isinstance(value, str), "text"))

    def flag(self, key: str) -> bool:
        """A boolean."""
        return bool(self._of(key, lambda value: isinstance(value, bool), "boolean"))

    def whole(self, key: str) -> int:
        """A whole number."""
        return int(self._of(key, lambda value: type(value) is int, "whole number"))

    def number(self, key: str) -> float:
        """A number, which need not be finite."""
        return float(self._of(key, is_number, "number"))

    def maybe_text(self, key: str) -> str | None:
        """A text, or `None`."""
        return None if self._missing(key) else self.text(key)

    def maybe_whole(self, key: str) -> int | None:
        """A whole number, or `None`."""
        return None if self._missing(key) else self.whole(key)

    def maybe_number(self, key: str) -> float | None:
        """A number, or `None`."""
        return None if self._missing(key) else self.number(key)

    def word(self, key: str, kind: type[_Word]) -> _Word:
        """One of some words."""
        words = [each.value for each in kind]
        return kind(self._of(key, lambda value: value in words, f"one of {', '.join(words)}"))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self._of(key, lambda value: isinstance(value, list), "list")
        if not all(isinstance(each, str) for each in found):
            raise DamagedError(f"{self._at(key)} holds more than texts")
        return tuple(found)

    def part(self, key: str) -> Fields | None:
        """An object, or `None`."""
        return None if self._missing(key) else Fields(self._value[key], self._at(key))

    def parts(self, key: str) -> Iterator[Fields]:
        """A list of objects."""
        for number, each in enumerate(self._of(key, lambda value: isinstance(value, list), "list")):
            yield Fields(each, f"{self._at(key)}[{number}]")

    def anything(self, key: str) -> dict[str, object]:
        """An object of which nothing is known."""
        Fields(self._value.get(key), self._at(key))
        return {str(name): _given(each) for name, each in self._value[key].items()}

    def _missing(self, key: str) -> bool:
        return self._value.get(key) is None

    def _of(self, key: str, is_right: Callable[[Any], bool], what: str) -> Any:
        value = self._value.get(key)
        if not is_right(value):
            raise DamagedError(f"{self._at(key)} is {'missing' if value is None else 'no ' + what}")
        return value

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def is_number(value: object) -> bool:
    """Whether a value is a number as our JSON has them."""
    return (isinstance(value, int | float) and not isinstance(value, bool)) or value in _NOT_FINITE


def _given(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _given(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_given(each) for each in value]
    return float(value) if isinstance(value, str) and value in _NOT_FINITE else value
