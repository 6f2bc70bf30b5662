"""What a pickle is read into: plain values, and records of what it would have built. Nothing here can be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.artifacts.source import Source

MOST_EXACT_INTEGER = 1 << 60
"""Beyond it, keys can be chosen so that all of them collide in a dict."""

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}

ATOMS = (str, bytes, int, float, bool, type(None))


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """The name of a class or function. It is not looked up anywhere."""

    module: str
    name: str
    path: str = field(init=False)
    """As `collections.OrderedDict`; what Python 2 called otherwise has Python 3's name."""

    def __post_init__(self) -> None:
        # Made once: every tensor of a file is made by the same few names.
        object.__setattr__(self, "path", f"{_RENAMED.get(self.module, self.module)}.{self.name}")


@dataclass(slots=True, eq=False)
class Record:
    """An object that the pickle describes and that was not built.

    Arguments:
        maker: what would have been called to build it: a `Global`, or any other value of the pickle.
        arguments: the arguments of that call.
        state: what its `__setstate__` or `__dict__` would have got.
        items: what would have been appended.
        entries: what would have been set by key.
    """

    maker: object
    arguments: object = ()
    state: object = None
    items: list[object] | None = None
    entries: dict[object, object] | None = None

    @property
    def path(self) -> str:
        """The name of its class or of the function that makes it, empty if that is no name."""
        return self.maker.path if isinstance(self.maker, Global) else ""


class Attributed(dict[object, object]):
    """A dict with attributes, as the OrderedDict of a state dict has `_metadata`."""

    __slots__ = ("attributes",)

    def __init__(self) -> None:
        super().__init__()
        self.attributes: object = None


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key of a dict that is not a plain string or number; each is different from every other."""

    value: object


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Bytes that were left where they are.

    Arguments:
        source: what the pickle is read from.
        start: their first byte in it.
        stop: the byte behind their last.
        text: whether they are a text's.
    """

    source: Source
    start: int
    stop: int
    text: bool = False

    def read(self) -> bytes:
        """The bytes."""
        return self.source.read(self.start, self.stop)


RawBytes: TypeAlias = bytes | str | Piece


def as_key(value: object) -> object:
    """A value as the key of a dict: itself if it hashes at once and by a hash that nobody can steer."""
    if isinstance(value, int):
        return value if -MOST_EXACT_INTEGER < value < MOST_EXACT_INTEGER else Key(value)
    return value if isinstance(value, ATOMS) else Key(value)
