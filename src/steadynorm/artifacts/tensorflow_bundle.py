"""TensorFlow's checkpoints since 1.0: an index, which is a table of names, and the values in data files beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.dtypes import count_of, decode, width_of
from steadynorm.artifacts.places import folder_of, join, name_of, shortened
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.slices import merged, shape_within
from steadynorm.artifacts.source import Extent, Source, open_source
from steadynorm.artifacts.tensorflow_records import MESSAGES, dtype_of, ranges_of, shape_of, slice_key
from steadynorm.artifacts.tensorflow_table import CHECKED_SIZE, Table, crc32c, masked
from steadynorm.artifacts.varint import varint
from steadynorm.errors import UnusableInputError

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The entry that says which object of the program each key belongs to."""

MOST_RECORDS = 1 << 24
"""Most bytes of messages that are parsed: empty ones take two bytes in the file and dozens in memory."""

MOST_SHARDS = 1 << 16


class Bundle:
    """The tensors of a checkpoint whose index is `table`.

    Arguments:
        table: the index.
        header: the value of its first, nameless entry.

    Raises:
        UnusableInputError: the index is damaged.
    """

    def __init__(self, table: Table, header: bytes) -> None:
        self.path = table.source.path
        self._header = parse(MESSAGES["BundleHeader"], header, self.path, "the header of a TensorFlow checkpoint")
        if not 0 <= self._header.num_shards <= MOST_SHARDS:
            raise UnusableInputError(f"{self.path}: is damaged: it claims {self._header.num_shards} data files")
        self._data: dict[int, Source] = {}
        self._entries: dict[bytes, Any] = {}
        left = MOST_RECORDS
        for key, value in table:
            left -= len(value)
            if left < 0:
                raise UnusableInputError(f"{self.path}: its index has over {MOST_RECORDS} bytes besides names")
            if key:
                what = f"the entry of {shortened(_text(key))}"
                self._entries[key] = parse(MESSAGES["BundleEntry"], value, self.path, what, table.source.budget)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name; the parts of sliced ones are not tensors of their own.

        Raises:
            UnusableInputError: a shape is impossible.
        """
        # The bundle keeps none of them, so that its files are closed as soon as the last tensor is gone.
        return {tensor.name: tensor for tensor in self._tensors()}

    @property
    def data_files(self) -> tuple[str, ...]:
        """Where the data files should be."""
        return tuple(self.data_file(number) for number in sorted({each.shard_id for each in self._entries.values()}))

    def full_names(self) -> dict[str, str]:
        """The variables' own names by key, as a checkpoint of objects records them; empty for other checkpoints.

        Raises:
            UnusableInputError: the record is damaged, or its data file is missing.
        """
        entry = self._entries.get(OBJECT_GRAPH.encode())
        if entry is None or entry.size > MOST_RECORDS:
            return {}
        data = self._bytes(OBJECT_GRAPH, entry)
        # One text: its length, a checksum of the length, the text.
        length, at = varint(data, 0, self.path)
        graph = parse(MESSAGES["ObjectGraph"], data[at + 4 : at + 4 + length], self.path, "a graph of objects")
        return {
            attribute.checkpoint_key: attribute.full_name
            for node in graph.nodes
            for attribute in node.attributes
            if attribute.full_name
        }

    def _tensors(self) -> Iterator[Tensor]:
        for key, entry in self._entries.items():
            # The keys of slices begin with a zero byte; the tensor that they belong to lists them.
            if key.startswith(b"\x00"):
                continue
            name, shape = _text(key), shape_of(entry.shape)
            count_of(shape, self.path, name)
            load: Callable[[], npt.NDArray[np.generic]] = partial(self._whole, name, shape, entry)
            extent: Extent | None = Extent(
                self.data_file(entry.shard_id),
                entry.offset,
                entry.offset + entry.size,
                ">" if self._header.endianness else "<",
            )
            if entry.slices:
                load, extent = partial(self._merged, key, shape, entry), None
            yield Tensor(name, shape, dtype_of(entry.dtype), load, extent)

    def _whole(self, name: str, shape: tuple[int, ...], entry: Any) -> npt.NDArray[np.generic]:
        dtype = dtype_of(entry.dtype)
        width = width_of(dtype)
        if width is not None and entry.size != width * count_of(shape, self.path, name):
            raise UnusableInputError(
                f"{self.path}: the tensor {shortened(name)} of shape {list(shape)} and type {dtype} has {entry.size} "
                "bytes: the index is damaged"
            )
        return decode(b"" if width is None else self._bytes(name, entry), dtype, shape, self.path, name)

    def _merged(self, key: bytes, shape: tuple[int, ...], entry: Any) -> npt.NDArray[np.generic]:
        name, parts = _text(key), []
        for message in entry.slices:
            ranges = ranges_of(message)
            part = self._entries.get(slice_key(key, ranges))
            if part is None:
                raise UnusableInputError(f"{self.path}: is damaged: it misses a slice of {shortened(name)}")
            lengths = shape_within(shape, ranges, self.path, name)
            parts.append((ranges, partial(self._whole, name, lengths, part)))
        return merged(shape, dtype_of(entry.dtype), parts, self.path, name)

    def _bytes(self, name: str, entry: Any) -> bytes:
        if self._header.endianness:
            raise UnusableInputError(f"{self.path}: was written on a big-endian machine, which is not read")
        if entry.offset < 0 or entry.size < 0:
            raise UnusableInputError(f"{self.path}: is damaged: {shortened(name)} lies at byte {entry.offset}")
        source = self._source(entry.shard_id)
        data = source.read(entry.offset, entry.offset + entry.size)
        # The checksum of texts is another one.
        checked = entry.size <= CHECKED_SIZE and dtype_of(entry.dtype) != "string"
        if checked and masked(crc32c(data)) != entry.crc32c:
            raise UnusableInputError(f"{source.path}: is damaged: wrong checksum of {shortened(name)}")
        return data

    def _source(self, shard: int) -> Source:
        if shard not in self._data:
            if not 0 <= shard < self._header.num_shards:
                raise UnusableInputError(f"{self.path}: is damaged: it has no data file {shard}")
            self._data[shard] = open_source(self.data_file(shard))
        return self._data[shard]

    def data_file(self, shard: int) -> str:
        """Where the data file of a number should be."""
        name = name_of(self.path).removesuffix(".index")
        return join(folder_of(self.path), f"{name}.data-{shard:05d}-of-{self._header.num_shards:05d}")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
