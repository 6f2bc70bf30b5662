"""The bytes of one file, local or remote, read in ranges: what is not asked for is never read."""

from __future__ import annotations

import io
import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, TypeAlias

from steadynorm.artifacts.budget import Budget
from steadynorm.artifacts.places import file_system, first_line, is_remote
from steadynorm.errors import UnusableInputError

REMOTE_BLOCK = 1 << 15
"""Small reads of a remote file fetch the whole block around them: what lies close together costs one request."""

MOST_BLOCKS = 64
"""Blocks of a remote file that are kept."""

MOST_AT_ONCE = 1 << 29
"""No reader asks for more than this in one piece."""


Order: TypeAlias = Literal["<", ">"]
"""Byte orders: little and big."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes of a file that are the values of one tensor, in one piece and in the order of its shape.

    Arguments:
        path: the file.
        start: their first byte.
        stop: the byte behind their last.
        order: `<` or `>`, their byte order.
    """

    path: str
    start: int
    stop: int
    order: Order = "<"


class Source(ABC):
    """A file that is read in ranges. It is open until `close`, or to the end of a `with`.

    Arguments:
        path: what messages call it.
        size: its length in bytes.

    Attributes:
        bytes_read: how many bytes were fetched so far, for whoever wants to know what a reader costs.
        budget: what its messages may still cost, if it is made of such.
    """

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self.bytes_read = 0
        self.budget = Budget()

    @abstractmethod
    def _fetch(self, start: int, stop: int) -> bytes:
        """The bytes of a range inside the file; fewer if the file has become shorter. Counts what it fetches."""

    def close(self) -> None:  # noqa: B027  # what is in memory has nothing to close
        """Closes the file; nothing can be read afterwards."""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, all of them.

        Raises:
            UnusableInputError: the range is not inside the file, or the file cannot be read any more.
        """
        if not 0 <= start <= stop <= self.size:
            raise UnusableInputError(
                f"{self.path}: is damaged or cut off: it points to bytes {start} to {stop}, and has {self.size}"
            )
        if stop - start > MOST_AT_ONCE:
            raise UnusableInputError(f"{self.path}: has one piece of {stop - start} bytes; expected {MOST_AT_ONCE}")
        if start == stop:
            return b""
        data = self._fetch(start, stop)
        if len(data) != stop - start:
            raise UnusableInputError(
                f"{self.path}: became shorter while it was read: {len(data)} of {stop - start} bytes at {start}"
            )
        return data

    def extent(self, start: int, stop: int, order: Order = "<") -> Extent | None:
        """Which bytes of a file a range is; `None` if it is of none, as what was unpacked in memory."""
        return Extent(self.path, start, stop, order)

    def head(self, count: int = 4096) -> bytes:
        """The first bytes, fewer if the file has fewer."""
        return self.read(0, min(count, self.size))

    def tail(self, count: int) -> bytes:
        """The last bytes, fewer if the file has fewer."""
        return self.read(max(0, self.size - count), self.size)

    def file(self) -> SourceFile:
        """The same bytes as a file object, for libraries that want one."""
        return SourceFile(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SourceFile(io.RawIOBase):
    """A `Source` as a binary file that can only be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves to a position; past the end is allowed, and reads nothing there."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError(f"position {base + offset} is before the file's start")
        self._position = base + offset
        return self._position

    def read(self, count: int | None = -1, /) -> bytes:
        """The next `count` bytes, up to the end for -1."""
        start = min(self._position, self._source.size)
        stop = self._source.size if count is None or count < 0 else min(start + count, self._source.size)
        data = self._source.read(start, stop)
        self._position = start + len(data)
        return data

    def readall(self) -> bytes:
        """All up to the end."""
        return self.read(-1)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # any writable buffer will do
        """Fills a buffer as far as the file goes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def open_source(path: str | os.PathLike[str]) -> Source:
    """Opens a local file or, with a scheme, a remote one.

    Raises:
        UnusableInputError: there is no such file, or it cannot be read.
    """
    path = os.fspath(path)
    return _Remote(path) if is_remote(path) else _Local(path)


def of_bytes(path: str, data: bytes, budget: Budget | None = None) -> Source:
    """Bytes that are in memory, as those of a file within an archive.

    Arguments:
        path: where they are from.
        data: the bytes.
        budget: that of the file that they are from.
    """
    source = _Bytes(path, data)
    source.budget = budget or source.budget
    return source


def part_of(source: Source, path: str, start: int, stop: int) -> Source:
    """A range of another source as a source of its own, as of a file stored in an archive.

    Raises:
        UnusableInputError: the range is not inside the file.
    """
    if not 0 <= start <= stop <= source.size:
        raise UnusableInputError(
            f"{source.path}: is damaged or cut off: {path} lies at {start} to {stop}, and it has {source.size} bytes"
        )
    return _Part(source, path, start, stop)


class _Local(Source):
    def __init__(self, path: str) -> None:
        self._descriptor: int | None = None
        try:
            # Without O_NONBLOCK a named pipe would wait for a writer for ever.
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UnusableInputError(f"{path}: cannot be opened: {reason}") from error
        status = os.fstat(self._descriptor)
        super().__init__(path, status.st_size)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise UnusableInputError(f"{path}: is {kind}; expected a file")

    def _fetch(self, start: int, stop: int) -> bytes:
        if self._descriptor is None:
            raise UnusableInputError(f"{self.path}: is closed")
        pieces = []
        while start < stop:
            try:
                piece = os.pread(self._descriptor, stop - start, start)
            except OSError as error:
                raise UnusableInputError(f"{self.path}: cannot be read: {error.strerror}") from error
            if not piece:
                break
            pieces.append(piece)
            start += len(piece)
            self.bytes_read += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        # Tensors load lazily and keep the file open as long as one of them is there.
        self.close()


class _Remote(Source):
    def __init__(self, path: str) -> None:
        files, within = file_system(path)
        try:
            self._file = files.open(within, "rb", cache_type="none")
            size = self._file.size
        except FileNotFoundError as error:
            raise UnusableInputError(f"{path}: there is no such file, or no server that answers") from error
        except Exception as error:  # every file system raises errors of its own
            raise UnusableInputError(f"{path}: cannot be opened: {first_line(error)}") from error
        if not isinstance(size, int):
            raise UnusableInputError(f"{path}: the server does not tell its length; copy the file here first")
        super().__init__(path, size)
        self._blocks: dict[int, bytes] = {}

    def _fetch(self, start: int, stop: int) -> bytes:
        first, last = start // REMOTE_BLOCK, (stop - 1) // REMOTE_BLOCK
        if last - first > 1:
            return self._exactly(start, stop)
        data = b"".join(self._block(number) for number in range(first, last + 1))
        return data[start - first * REMOTE_BLOCK : stop - first * REMOTE_BLOCK]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= MOST_BLOCKS:
                self._blocks.pop(next(iter(self._blocks)))
            start = number * REMOTE_BLOCK
            self._blocks[number] = self._exactly(start, min(start + REMOTE_BLOCK, self.size))
        return self._blocks[number]

    def _exactly(self, start: int, stop: int) -> bytes:
        try:
            self._file.seek(start)
            data: bytes = self._file.read(stop - start)
        except Exception as error:  # every file system raises errors of its own
            raise UnusableInputError(f"{self.path}: cannot be read: {first_line(error)}") from error
        self.bytes_read += len(data)
        return data

    def close(self) -> None:
        self._file.close()


class _Bytes(Source):
    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, len(data))
        self._data = data

    def _fetch(self, start: int, stop: int) -> bytes:
        self.bytes_read += stop - start
        return self._data[start:stop]

    def extent(self, start: int, stop: int, order: Order = "<") -> Extent | None:
        return None


class _Part(Source):
    def __init__(self, whole: Source, path: str, start: int, stop: int) -> None:
        super().__init__(path, stop - start)
        self.budget = whole.budget
        self._whole, self._start = whole, start

    def _fetch(self, start: int, stop: int) -> bytes:
        self.bytes_read += stop - start
        return self._whole.read(self._start + start, self._start + stop)

    def extent(self, start: int, stop: int, order: Order = "<") -> Extent | None:
        return self._whole.extent(self._start + start, self._start + stop, order)
