"""Edited files on the disk, and edited notebooks in their JSON, of which nothing else changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from steadynorm.artifacts.places import is_remote
from steadynorm.errors import UnusableInputError
from steadynorm.fix import Edit
from steadynorm.source.editing.edits import applied
from steadynorm.source.reading.files import NOTEBOOK, SourceFile, source_of
from steadynorm.source.reading.notebook import code_cells
from steadynorm.writing import rewrite

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


def prepared(file: SourceFile, edits: Iterable[Edit]) -> bytes:
    """The bytes of a file on the disk with edits made; nothing is written yet.

    Raises:
        UnusableInputError: it is not local or has changed since it was read, the new text does not go into its
            encoding, or an edit is of what IPython alone understands.
    """
    if is_remote(file.path):
        raise UnusableInputError(f"{file.path}: cannot be edited where it is; expected a local file")
    try:
        data = Path(file.path).read_bytes()
    except OSError as error:
        raise UnusableInputError(f"{file.path}: cannot be read: {error.strerror}") from error
    current = source_of(file.path, data)
    if current is None or current.text != file.text:
        raise UnusableInputError(f"{file.path}: was changed since it was read, and is left as it is: run this again")
    return edited(file, data, edits)


def save(file: SourceFile, data: bytes) -> None:
    """Writes the new bytes of a file in one step; its mode stays.

    Raises:
        UnusableInputError: the file cannot be written. It then is as it was.
    """
    rewrite(Path(file.path), data)


def edited(file: SourceFile, data: bytes, edits: Iterable[Edit]) -> bytes:
    """The bytes of a file with edits made.

    Raises:
        UnusableInputError: the new text does not go into the encoding, or an edit is of what IPython alone understands.
    """
    text = data.decode(file.encoding)
    new = edited_notebook(file, text, edits) if file.path.endswith(NOTEBOOK) else applied(file.text, edits)
    try:
        return new.encode(file.encoding)
    except UnicodeEncodeError as error:
        raise UnusableInputError(f"{file.path}: {new[error.start]!r} cannot be written in {file.encoding}") from error


def edited_notebook(file: SourceFile, content: str, edits: Iterable[Edit]) -> str:
    """The JSON of a notebook with edits made in the sources of its cells; every other character stays.

    Raises:
        UnusableInputError: an edit is not inside one cell, or is of what IPython alone understands.
    """
    waiting = sorted(set(edits))
    sources = dict(code_cells(file.path, json.loads(content)))
    spans = _sources(content)
    replaced: list[Edit] = []
    for cell in file.cells or ():
        stop = cell.start + cell.length
        own = [each for each in waiting if cell.start <= each.start and each.end <= stop]
        if not own:
            continue
        waiting = [each for each in waiting if each not in own]
        source, code = sources[cell.number], file.text[cell.start : stop]
        moved = [Edit(each.path, each.start - cell.start, each.end - cell.start, each.text) for each in own]
        if any(source[each.start : each.end] != code[each.start : each.end] for each in moved):
            raise UnusableInputError(
                f"{file.path}:cell {cell.number}: has IPython's own syntax where a fix would be made"
            )
        start, end = spans[cell.number - 1]
        replaced.append(Edit(file.path, start, end, _as_source(content[start:end], applied(source, moved))))
    if waiting:
        raise UnusableInputError(f"{file.path}: a fix reaches from one cell to another")
    return applied(content, replaced)


def _as_source(before: str, text: str) -> str:
    """A cell's text as JSON, in the form and with the blanks that it had before."""
    ascii_only = before.isascii() and "\\u" in before
    if not before.startswith("["):
        return json.dumps(text, ensure_ascii=ascii_only)
    lines = [json.dumps(line, ensure_ascii=ascii_only) for line in text.splitlines(keepends=True)]
    opening = before[1 : _skip(before, 1)]
    closing = before[len(before[:-1].rstrip(" \t\r\n")) : -1]
    between = opening or " "
    if before[1 + len(opening)] == '"':
        comma = _skip(before, _value_end(before, 1 + len(opening)))
        if before[comma] == ",":
            between = before[comma + 1 : _skip(before, comma + 1)]
    return f"[{opening}{f',{between}'.join(lines)}{closing}]"


def _sources(content: str) -> list[tuple[int, int]]:
    """Where in a notebook's JSON the source of each cell is; an empty stretch for a cell without."""
    top = _members(content, _skip(content, 0))
    if "cells" not in top and "worksheets" in top:
        top = _members(content, _items(content, top["worksheets"][0])[0][0])
    cells = [_members(content, start) for start, _ in _items(content, top["cells"][0])]
    return [cell.get("source", cell.get("input", (0, 0))) for cell in cells]


def _members(content: str, position: int) -> dict[str, tuple[int, int]]:
    """Where the values of an object are, by their names."""
    found: dict[str, tuple[int, int]] = {}
    position = _skip(content, position + 1)
    while content[position] != "}":
        name, position = _DECODER.raw_decode(content, position)
        position = _skip(content, _skip(content, position) + 1)
        end = _value_end(content, position)
        found[name] = (position, end)
        position = _next(content, end)
    return found


def _items(content: str, position: int) -> list[tuple[int, int]]:
    """Where the items of a list are."""
    found: list[tuple[int, int]] = []
    position = _skip(content, position + 1)
    while content[position] != "]":
        end = _value_end(content, position)
        found.append((position, end))
        position = _next(content, end)
    return found


def _value_end(content: str, position: int) -> int:
    return _DECODER.raw_decode(content, position)[1]


def _next(content: str, end: int) -> int:
    """Where the next member or item begins, or the bracket that ends them is."""
    position = _skip(content, end)
    return _skip(content, position + 1) if content[position] == "," else position


def _skip(content: str, position: int) -> int:
    """The first position from here on that is no blank."""
    blanks = _BLANK.match(content, position)
    return blanks.end() if blanks else position
