"""Where the arguments of a call stand in its text, and the commas between them."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass

from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.reading.lines import Lines

_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in the text the parts of a call's brackets are; all are offsets.

    Arguments:
        opened: behind the opening bracket.
        closed: before the closing bracket.
        arguments: start and end of every argument, with the brackets around it, without commas, blanks and comments.
        commas: the comma behind each argument; one fewer than arguments if there is no trailing comma.
    """

    opened: int
    closed: int
    arguments: tuple[tuple[int, int], ...]
    commas: tuple[int, ...]

    @property
    def trailing(self) -> bool:
        """Whether the last argument has a comma behind it."""
        return bool(self.arguments) and len(self.commas) == len(self.arguments)


def layout(file: SourceFile, call: ast.expr) -> Layout:
    """Where the parts of the brackets are that end a call, a list, a dict or a set.

    Raises:
        NoFixError: the text where the call should be is no call, as in a formatted string before Python 3.12.
    """
    start, end = file.span(file.place(call))
    text = f"({file.text[start:end]})"
    if not _says(text, call):
        raise NoFixError("no call")
    lines = Lines(text)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise NoFixError("no call") from error
    code = [each for each in tokens if each.type not in _NO_CODE]
    # The last bracket is the one that was put around; the one before it ends what was asked for.
    if len(code) < 4 or code[-2].string not in (")", "]", "}"):
        raise NoFixError("no call")
    opening = _opening(code, len(code) - 2)
    groups: list[list[tokenize.TokenInfo]] = [[]]
    commas: list[tokenize.TokenInfo] = []
    depth = 0
    for each in code[opening + 1 : -2]:
        depth += (each.string in "([{") - (each.string in ")]}") if each.type == tokenize.OP else 0
        if each.string == "," and depth == 0 and each.type == tokenize.OP:
            commas.append(each)
            groups.append([])
        else:
            groups[-1].append(each)

    def offset(position: tuple[int, int]) -> int:
        return start - 1 + lines.start(position[0]) + position[1]

    return Layout(
        offset(code[opening].end),
        offset(code[-2].start),
        tuple((offset(group[0].start), offset(group[-1].end)) for group in groups if group),
        tuple(offset(comma.start) for comma in commas),
    )


def _says(text: str, call: ast.expr) -> bool:
    try:
        return ast.unparse(ast.parse(text, mode="eval").body) == ast.unparse(call)
    except SyntaxError:
        return False


def _opening(code: list[tokenize.TokenInfo], closing: int) -> int:
    depth = 0
    for index in range(closing, 0, -1):
        if code[index].type == tokenize.OP:
            depth += (code[index].string in ")]}") - (code[index].string in "([{")
        if depth == 0:
            return index
    raise NoFixError("no call")
