"""How a file is written: what is put in should look as if its author had."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import lru_cache

from steadynorm.source.editing.nodes import Standing, blocks_of, first_line
from steadynorm.source.reading.files import SourceFile

INDENTATION = re.compile(r"[ \t\f]*")

_NARROWEST, _USUAL, _WIDEST = 79, 100, 120
_TELLING = 100
"""Lines of a file from which on the longest one tells how long they may be."""

_QUOTED = re.compile(r"(?<![\w\"'])[rbRB]?([\"'])(?!\1)[^\"'\\\n]*\1")


def indentation(file: SourceFile, line: int) -> str:
    """The blanks at the start of a line, counted from 1."""
    found = INDENTATION.match(file.lines.line(line))
    return found[0] if found else ""


def unit(file: SourceFile, standing: Standing | None = None) -> str:
    """What a block is indented by: the block around a statement, else the most usual in the file, else four blanks."""
    if standing is not None and (own := _step(file, standing.parent, standing.block)):
        return own
    return _usual_unit(file)


@lru_cache(maxsize=1024)
def _usual_unit(file: SourceFile) -> str:
    steps = Counter(
        step for node in ast.walk(file.tree) for block in blocks_of(node) if (step := _step(file, node, block))
    )
    return steps.most_common(1)[0][0] if steps else "    "


def _step(file: SourceFile, parent: ast.AST, block: list[ast.stmt]) -> str:
    line = getattr(parent, "lineno", None)
    if line is None or block[0].lineno == line:
        return ""
    outer, inner = indentation(file, line), indentation(file, first_line(block[0]))
    return inner.removeprefix(outer) if inner.startswith(outer) else ""


@lru_cache(maxsize=1024)
def width(file: SourceFile) -> int:
    """How long the file's author lets lines of code get: as the longest one, up to 120 characters.

    A small file tells little about it, and is taken to allow 100.
    """
    longest = max((code_length(file.lines.line(number)) for number in range(1, len(file.lines) + 1)), default=0)
    return min(max(longest, _NARROWEST if len(file.lines) >= _TELLING else _USUAL), _WIDEST)


def code_length(line: str) -> int:
    """The length of a line without the comment at its end, which may be any longer."""
    return len(line.partition("  #")[0].rstrip())


def quoted(file: SourceFile, text: str) -> str:
    """A text as a string in the quotes that the file uses most."""
    counts = Counter(each[1] for each in _QUOTED.finditer(file.text))
    mark = "'" if counts["'"] > counts['"'] else '"'
    return f"{mark}{text}{mark}" if mark not in text and "\\" not in text else repr(text)
