"""States of Flax as MessagePack, as `flax.serialization.to_bytes` and `save_checkpoint` write them."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts import flax_names
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.dtypes import count_of, decode
from steadynorm.artifacts.msgpack_scan import Item, Span, scan
from steadynorm.artifacts.places import shortened
from steadynorm.artifacts.source import Source
from steadynorm.errors import UnusableInputError

_ARRAY, _SCALAR = 1, 3
"""The codes of Flax's extensions for arrays and NumPy scalars; both hold a list of shape, type and bytes."""

_CHUNKED = "__msgpack_chunked_array__"
MOST_JOINED = 1 << 29


def read(source: Source) -> Contents:
    """What a state holds.

    Raises:
        UnusableInputError: it is damaged, or no state of Flax.
    """
    tree = scan(source)
    if not isinstance(tree, dict):
        raise UnusableInputError(f"{source.path}: is MessagePack of a {type(tree).__name__}; expected a state of Flax")
    walk = _Walk(source)
    walk.run(tree)
    if not walk.tensors:
        raise UnusableInputError(f"{source.path}: is MessagePack without arrays of Flax; expected its state")
    return flax_names.contents("Flax msgpack", source.path, walk.tensors, walk.numbers)


class _Walk:
    def __init__(self, source: Source) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.numbers: dict[str, int] = {}
        self._source = source

    def run(self, tree: Item) -> None:
        """All leaves, in the file's order."""
        waiting: list[tuple[str, Item]] = [("", tree)]
        while waiting:
            name, item = waiting.pop()
            if isinstance(item, dict) and _CHUNKED in item:
                self.tensors[name] = self._chunked(name, item)
            elif isinstance(item, dict):
                waiting += [(f"{name}/{key}" if name else key, each) for key, each in reversed(item.items())]
            elif isinstance(item, list):
                waiting += [(f"{name}/{at}", each) for at, each in reversed(list(enumerate(item)))]
            elif isinstance(item, Span) and item.code in (_ARRAY, _SCALAR):
                self.tensors[name] = self._array(name, item)
            elif isinstance(item, int):
                self.numbers[name] = item

    def _array(self, name: str, span: Span) -> Tensor:
        parts = scan(self._source, span.start, span.stop)
        if isinstance(parts, list) and len(parts) == 3:
            shape, dtype, values = parts
            lengths = _lengths(shape)
            if lengths is not None and isinstance(dtype, str) and isinstance(values, Span):
                count_of(lengths, self._source.path, name)
                load = partial(_load, self._source, values, dtype, lengths, name)
                return Tensor(name, lengths, dtype, load, self._source.extent(values.start, values.stop))
        raise UnusableInputError(
            f"{self._source.path}: the array {shortened(name)} is not Flax's list of shape, type and bytes"
        )

    def _chunked(self, name: str, item: dict[str, Item]) -> Tensor:
        """A large array, which Flax cuts into pieces of 1 GiB."""
        chunks, shape = item.get("chunks"), item.get("shape")
        pieces = [
            self._array(name, each) for each in _in_order(chunks) if isinstance(each, Span) and each.code == _ARRAY
        ]
        lengths = _lengths(shape)
        if (
            lengths is None
            or not pieces
            or any(piece.dtype != pieces[0].dtype or len(piece.shape) != 1 for piece in pieces)
        ):
            raise UnusableInputError(
                f"{self._source.path}: the chunks of {shortened(name)} are not pieces of one array"
            )
        if count_of(lengths, self._source.path, name) != sum(piece.shape[0] for piece in pieces):
            raise UnusableInputError(f"{self._source.path}: the chunks of {shortened(name)} do not fill its shape")
        return Tensor(name, lengths, pieces[0].dtype, partial(_join, self._source.path, pieces, lengths, name))


def _in_order(item: Item) -> list[Item]:
    """A tuple, which Flax writes as a map from "0", "1", ..."""
    if isinstance(item, list):
        return item
    return [item[str(at)] for at in range(len(item)) if str(at) in item] if isinstance(item, dict) else []


def _lengths(item: Item) -> tuple[int, ...] | None:
    """A shape, `None` if it is none."""
    found = _in_order(item)
    lengths = tuple(each for each in found if isinstance(each, int))
    return lengths if isinstance(item, list | dict) and len(lengths) == len(found) else None


def _load(source: Source, span: Span, dtype: str, shape: tuple[int, ...], name: str) -> npt.NDArray[np.generic]:
    return decode(source.read(span.start, span.stop), dtype, shape, source.path, name)


def _join(path: str, pieces: list[Tensor], shape: tuple[int, ...], name: str) -> npt.NDArray[np.generic]:
    if 4 * count_of(shape, path, name) > MOST_JOINED:
        raise UnusableInputError(f"{path}: {shortened(name)} of shape {list(shape)} is too large to be put together")
    return np.concatenate([piece.load() for piece in pieces]).reshape(shape)
