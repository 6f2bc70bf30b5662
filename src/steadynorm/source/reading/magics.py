"""What IPython adds to Python in a cell, made into Python of the same length, so that every position stays."""

from __future__ import annotations

import re

_RUNS_PYTHON = ("time", "timeit", "prun", "memit", "mprun", "lprun", "snakeviz", "pyinstrument", "px")
"""Magics that run the statement behind them."""

_CELL_OF_PYTHON = (*_RUNS_PYTHON, "capture", "debug", "pyspark", "python", "python3", "tensorflow_version")
"""Cell magics whose cell is Python of this notebook; a cell of any other is another language, or a file to write."""

_RUN = re.compile(rf"%(?:{'|'.join(_RUNS_PYTHON)})\b(?:\s+-\w+(?:[ =]?\d+)?)*\s+(?=[^\s-])")
_CELL = re.compile(r"\s*%%(\w+)")
_HELP = re.compile(r"\?{0,2}%{0,2}[\w.*]+(?:\[[^]]*\])?\?{1,2}|\?{1,2}\s*%{0,2}[\w.*]+")
_ASSIGNED = re.compile(r"([\w.,\s*\[\]()'\"]+=\s*)((?:!|%)[^=\s].*)")
_SKIPPED = re.compile(
    r"""#[^\n]*|(?:\"{3}(?:\\.|(?!\"{3}).)*(?:\"{3}|\Z))|(?:'{3}(?:\\.|(?!'{3}).)*(?:'{3}|\Z))"""
    r"""|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\\\n|[\[({]|[\])}]|\n|[^#"'\\\n\[\](){}]+|\\""",
    re.DOTALL,
)


def as_python(cell: str) -> str:
    """A cell as Python, every line and every column where it was.

    A line or a shell command of IPython's becomes a constant, and a result that it has a name that nothing defines;
    what a magic as `%time` runs stays. A cell that is not Python at all becomes comments.
    """
    magic = _CELL.match(cell)
    if magic and magic[1] not in _CELL_OF_PYTHON:
        return as_comments(cell)
    lines = cell.split("\n")
    for number in _statement_lines(cell):
        lines[number] = _plain(lines[number])
    return "\n".join(lines)


def as_comments(cell: str) -> str:
    """A cell of which nothing is read, in the same length."""
    return "\n".join(f"#{line[1:]}" if line else "" for line in cell.split("\n"))


def _statement_lines(cell: str) -> list[int]:
    """The lines, counted from 0, at which a statement begins: not inside a string, a bracket or a continued line."""
    found: list[int] = []
    line, depth, position, fresh = 0, 0, 0, True
    while position < len(cell):
        if fresh and depth <= 0:
            found.append(line)
            end = cell.find("\n", position)
            text = cell[position : end if end >= 0 else len(cell)]
            if _plain(text) != text:
                # What is in such a line is not Python; quotes and brackets in it mean nothing.
                position, fresh = position + len(text), False
                continue
        token = _SKIPPED.match(cell, position)
        assert token is not None  # the last alternatives take whatever is left
        text, position = token[0], token.end()
        line += text.count("\n")
        depth += (text in "([{") - (text in ")]}") if len(text) == 1 else 0
        fresh = text == "\n"
    return found


def _plain(line: str) -> str:
    """A line that begins a statement, as Python of the same length."""
    body = line.lstrip()
    indent, code = line[: len(line) - len(body)], body.rstrip()
    if not code:
        return line
    runs = _RUN.match(code)
    if runs:
        return f"{indent}0;{' ' * (runs.end() - 2)}{body[runs.end() :]}"
    if code[0] in "%!" or _HELP.fullmatch(code):
        return f"{indent}{'0':<{len(body)}}"
    assigned = _ASSIGNED.fullmatch(code)
    if assigned:
        return f"{indent}{assigned[1]}{'_':<{len(body) - len(assigned[1])}}"
    return line
