"""Notebooks: their code cells as one text of Python, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.source.reading.magics import as_comments, as_python
from steadynorm.source.reading.parsing import parsed


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell within the text of its notebook.

    Arguments:
        number: counted from 1 over all cells, of text as well.
        line: the line of the notebook's text at which it begins, counted from 1.
        lines: how many lines of it are the cell's.
        start: the offset in the notebook's text at which it begins.
        length: how many characters it has, without the end of the line that follows it in the text.
    """

    number: int
    line: int
    lines: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as Python.

    Arguments:
        text: its code cells, one after the other; each begins in a line of its own.
        cells: where they are in it.
        refused: cells that are no Python and were left out, each in one line that says why.
    """

    text: str
    cells: tuple[Cell, ...]
    refused: tuple[str, ...] = ()


def notebook(path: str, content: str) -> Notebook | None:
    """The code of a notebook, IPython's additions made into Python of the same length; `None` if it is not Python.

    Every character of a cell stands in the text where it stands in the cell, so that an edit of the one is an edit of
    the other. A cell that is no Python costs its own code only.

    Raises:
        UnusableInputError: it is no notebook.
    """
    loaded = _loaded(path, content)
    if not _is_python(loaded):
        return None
    texts: list[str] = []
    cells: list[Cell] = []
    refused: list[str] = []
    line, start = 1, 0
    for number, source in code_cells(path, loaded):
        # A carriage return would end a line for Python and not for the editor.
        code = as_python(source.replace("\r", " "))
        try:
            parsed(f"{path}:cell {number}", code)
        except UnusableInputError as error:
            refused.append(str(error))
            code = as_comments(source.replace("\r", " "))
        count = code.count("\n") + 1
        cells.append(Cell(number, line, count, start, len(code)))
        texts.append(f"{code}\n")
        line, start = line + count, start + len(code) + 1
    return Notebook("".join(texts), tuple(cells), tuple(refused))


def code_cells(path: str, loaded: Any) -> Iterator[tuple[int, str]]:
    """The number, counted from 1 over all cells, and the text of each code cell.

    Raises:
        UnusableInputError: the cells are not what a notebook has.
    """
    for number, cell in enumerate(cells_of(loaded), 1):
        if not isinstance(cell, dict):
            raise UnusableInputError(f"{path}: is a broken notebook: cell {number} is no object")
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input", ""))
        text = "".join(source) if isinstance(source, list) and _are_texts(source) else source
        if not isinstance(text, str):
            raise UnusableInputError(f"{path}: is a broken notebook: the source of cell {number} is no text")
        yield number, text


def cells_of(loaded: Any) -> list[Any]:
    """The cells of a notebook, also of format 3, which keeps them in worksheets; none if it has no list of cells."""
    cells = loaded.get("cells")
    if cells is None:
        sheets = loaded.get("worksheets")
        cells = sheets[0].get("cells") if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict) else None
    return cells if isinstance(cells, list) else []


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)


def _loaded(path: str, content: str) -> dict[str, Any]:
    try:
        loaded = json.loads(content)
    except RecursionError as error:
        raise UnusableInputError(f"{path}: is a broken notebook: its JSON is nested too deeply") from error
    except ValueError as error:
        raise UnusableInputError(f"{path}: is a broken notebook: no JSON: {error}") from error
    if not isinstance(loaded, dict) or not ({"cells", "worksheets", "nbformat"} & loaded.keys()):
        raise UnusableInputError(f"{path}: is a broken notebook: it has no cells")
    if "cells" in loaded and not isinstance(loaded["cells"], list):
        raise UnusableInputError(f"{path}: is a broken notebook: its cells are no list")
    return loaded


def _is_python(loaded: Mapping[str, Any]) -> bool:
    """Whether the kernel is Python's, or none is named, as in a notebook that was never run."""
    metadata = loaded.get("metadata")
    if not isinstance(metadata, dict):
        return True
    info, kernel = (
        each if isinstance(each, dict) else {} for each in map(metadata.get, ("language_info", "kernelspec"))
    )
    language = info.get("name") or kernel.get("language") or kernel.get("name") or "python"
    return not isinstance(language, str) or "python" in language.lower() or "conda" in language.lower()
