"""One file of source code: read as its author encoded it, and refused in one line where that cannot be done."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from steadynorm.artifacts.places import is_remote
from steadynorm.artifacts.source import open_source
from steadynorm.errors import UnusableInputError
from steadynorm.place import Place, Shown
from steadynorm.source.reading.lines import Lines
from steadynorm.source.reading.notebook import Cell, notebook
from steadynorm.source.reading.parsing import parsed
from steadynorm.source.reading.words import Concern, mentions

MOST_SOURCE = 1 << 21
"""Bytes of the largest file that is read. Of 6,000 files in PyTorch, TensorFlow, Keras, NumPy, SciPy and SymPy the
largest that people edit has 1.4 MB; what is larger is data or generated, and would cost a second per 4 MB."""

MOST_NOTEBOOK = 1 << 26
"""The same for a notebook, most of whose bytes are pictures; `MOST_SOURCE` counts for its code alone."""

NOTEBOOK = ".ipynb"

_BOM = "\ufeff"


@dataclass(frozen=True)
class SourceFile:
    """A file of source code as it is read and parsed.

    Arguments:
        path: the file, as messages call it.
        text: what is parsed, decoded and with the ends of lines that the file has. Of a notebook its code cells, one
            after the other, IPython's additions made into Python of the same length.
        encoding: the encoding that the file declares, by PEP 263; `utf-8-sig` with a byte order mark.
        newline: what ends most lines, and is to end lines that are added.
        cells: of a notebook where its cells are in the text; `None` for a file that is no notebook.
        subject: whether the text mentions the subject. A file that does not is only parsed if another imports it.
        refused: cells that were left out, since they are no Python; each in one line.
    """

    path: str
    text: str
    encoding: str = "utf-8"
    newline: str = "\n"
    cells: tuple[Cell, ...] | None = None
    subject: bool = True
    refused: tuple[str, ...] = ()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree, parsed once, when it is first asked for.

        Raises:
            UnusableInputError: the text is no Python of the version that runs; one line says where and why.
        """
        return parsed(self.path, self.text)

    @cached_property
    def lines(self) -> Lines:
        """The lines of the text."""
        return Lines(self.text)

    @cached_property
    def concern(self) -> Concern:
        """What of the text may be about the subject."""
        return Concern(self.text)

    def place(self, node: ast.AST) -> Place:
        """Where a node stands."""
        located: Any = node
        return Place(
            self.path, located.lineno, located.col_offset, located.end_lineno or 0, located.end_col_offset or 0
        )

    def span(self, place: Place) -> tuple[int, int]:
        """The offsets in the text at which a place begins and ends; a place without an end is its whole line."""
        start = self.lines.offset(place.line, place.column)
        if not place.end_line:
            return start, self.lines.end(place.line)
        return start, self.lines.offset(place.end_line, place.end_column)

    def shown(self, place: Place) -> Shown:
        """A place as a reader counts."""
        return self.stretch(*self.span(place))

    def stretch(self, start: int, end: int) -> Shown:
        """The characters between two offsets of the text as a reader counts."""
        (line, column), (end_line, end_column) = self.lines.position(start), self.lines.position(end)
        cell = self.cell_at(line)
        above = 0 if cell is None else cell.line - 1
        number = None if cell is None else cell.number
        return Shown(self.path, number, line - above, column + 1, end_line - above, end_column + 1)

    def cell_at(self, line: int) -> Cell | None:
        """The cell of a notebook that a line of the text, counted from 1, belongs to; `None` in other files."""
        return next((each for each in self.cells or () if each.line <= line < each.line + each.lines), None)


def read_source(path: str, named: bool = False) -> SourceFile | None:
    """Reads a file of source code or a notebook; `None` for a notebook in another language than Python.

    Arguments:
        path: the file.
        named: whether the user named the file itself, and is to hear of it even if it does not mention the subject.

    Raises:
        UnusableInputError: it cannot be read, is too large, its encoding is unknown or not the one that it declares, or
            it is a broken notebook. A file that was only found, and does not mention the subject, is given up silently,
            as if it were empty.
    """
    is_notebook = path.endswith(NOTEBOOK)
    try:
        return source_of(path, _bytes(path, MOST_NOTEBOOK if is_notebook else MOST_SOURCE), named)
    except OSError as error:
        raise UnusableInputError(f"{path}: cannot be read: {error.strerror}") from error


def source_of(path: str, data: bytes, named: bool = False) -> SourceFile | None:
    """The file of source code with these bytes; as `read_source`."""
    subject = mentions(data)
    is_notebook = path.endswith(NOTEBOOK)
    try:
        text, encoding = _decoded(path, data, "utf-8" if is_notebook else None)
        if not is_notebook:
            return SourceFile(path, text, encoding, newline_of(text), subject=subject)
        found = notebook(path, text)
    except UnusableInputError:
        if subject or named:
            raise
        return SourceFile(path, "", subject=False)
    if found is None:
        return None
    if len(found.text) > MOST_SOURCE:
        raise UnusableInputError(_too_large(path, len(found.text), MOST_SOURCE))
    return SourceFile(path, found.text, encoding, "\n", found.cells, subject, found.refused if subject else ())


def newline_of(text: str) -> str:
    """What ends most lines of a text."""
    if "\r" not in text:
        return "\n"
    pairs = text.count("\r\n")
    counts = {"\r\n": pairs, "\n": text.count("\n") - pairs, "\r": text.count("\r") - pairs}
    return max(counts, key=lambda end: counts[end])


def _bytes(path: str, most: int) -> bytes:
    if is_remote(path):
        with open_source(path) as remote:
            _check_size(path, remote.size, most)
            return remote.head(most)
    with open(path, "rb") as file:
        _check_size(path, os.fstat(file.fileno()).st_size, most)
        return file.read(most)


def _check_size(path: str, size: int, most: int) -> None:
    if size > most:
        raise UnusableInputError(_too_large(path, size, most))


def _too_large(path: str, size: int, most: int) -> str:
    return (
        f"{path}: has {size / 1e6:.1f} MB, as only generated code has; expected at most {most / 1e6:.1f} MB: leave it "
        "out with --exclude"
    )


def _decoded(path: str, data: bytes, encoding: str | None) -> tuple[str, str]:
    """The text without a byte order mark, and its encoding."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnusableInputError(f"{path}: is UTF-16, which Python does not read; expected UTF-8")
    try:
        if encoding is None:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        elif data.startswith(b"\xef\xbb\xbf"):
            encoding = "utf-8-sig"
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        declared = "and declares no other encoding" if encoding == "utf-8" else "though it declares that"
        raise UnusableInputError(f"{path}:{line}: is not {encoding} (byte {error.start}), {declared}") from error
    except (SyntaxError, LookupError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UnusableInputError(f"{path}: has an encoding that is not known: {said.split(' for ')[0]}") from error
    return text.removeprefix(_BOM), encoding
