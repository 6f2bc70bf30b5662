"""Statements put in, replaced and wrapped, whatever shares their lines with them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence

from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing, first_line
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.style import indentation, unit
from steadynorm.source.reading.files import SourceFile


def insert_before(file: SourceFile, standing: Standing, *code: str) -> tuple[Edit, ...]:
    """Puts lines before a statement and its decorators, indented as it is.

    Raises:
        NoFixError: it is an `elif`, or shares its line with what cannot be parted from it; or the lines stand there
            already.
    """
    _require_new(code, standing.block[max(standing.index - 1, 0) : standing.index + 1])
    return _around(file, standing, standing.index, standing.index, code, (), None)


def insert_after(file: SourceFile, standing: Standing, *code: str) -> tuple[Edit, ...]:
    """Puts lines behind a statement, below a comment in its last line, indented as it is.

    Raises:
        NoFixError: as `insert_before`.
    """
    _require_new(code, standing.block[standing.index : standing.index + 2])
    return _around(file, standing, standing.index, standing.index, (), code, None)


def _require_new(code: Sequence[str], neighbours: Sequence[ast.stmt]) -> None:
    """That what is put between two statements says something else than they do."""
    try:
        said = ast.unparse(ast.parse("\n".join(code)))
    except SyntaxError:
        return
    if any(ast.unparse(each) == said for each in neighbours):
        raise NoFixError("it stands there already")


def wrap(file: SourceFile, standing: Standing, header: str, *before: str, count: int = 1) -> tuple[Edit, ...]:
    """Puts a statement, and those that follow it in its block, into a block of their own.

    Arguments:
        file: the file.
        standing: the first statement.
        header: what begins the block, as `with tf.control_dependencies(updates):`.
        before: lines that are put before it.
        count: how many statements of the block go into the new one.

    Raises:
        NoFixError: as `insert_before`.
    """
    return _around(file, standing, standing.index, standing.index + count - 1, before, (), header)


def replace(file: SourceFile, node: ast.expr | ast.stmt, code: str) -> tuple[Edit, ...]:
    """Puts other code in the place of an expression or a statement, without brackets around it.

    Raises:
        NoFixError: the text at its place is not the node, as in a formatted string before Python 3.12.
    """
    start, end = file.span(file.place(node))
    text = file.text[start:end]
    if isinstance(node, ast.expr) and not _says(text, node):
        raise NoFixError("the text is not the node's")
    return (Edit(file.path, start, end, code),) if text != code else ()


def _says(text: str, node: ast.expr) -> bool:
    try:
        return ast.unparse(ast.parse(f"({text}\n)", mode="eval").body) == ast.unparse(node)
    except SyntaxError:
        return False


def remove(file: SourceFile, standing: Standing) -> tuple[Edit, ...]:
    """Takes a statement out; one that its block cannot be without becomes `pass`.

    Raises:
        NoFixError: it is an `elif`.
    """
    start, end = _span(file, standing.statement)
    if _is_elif(file, standing.statement):
        raise NoFixError("an elif cannot be parted from its if")
    if len(standing.block) == 1 and not isinstance(standing.parent, ast.Module):
        return (Edit(file.path, start, end, "pass"),)
    first, last = file.lines.position(start)[0], file.lines.position(end)[0]
    before, behind = file.text[file.lines.start(first) : start], file.text[end : file.lines.end(last)]
    if not before.strip() and (not behind.strip() or behind.strip().startswith("#")):
        return (Edit(file.path, file.lines.start(first), file.lines.start(last + 1), ""),)
    index = standing.index
    if index + 1 < len(standing.block) and standing.block[index + 1].lineno == last:
        return (Edit(file.path, start, _span(file, standing.block[index + 1])[0], ""),)
    if index and standing.block[index - 1].end_lineno == first:
        return (Edit(file.path, _span(file, standing.block[index - 1])[1], end, ""),)
    return (Edit(file.path, start, end, "pass"),)


def _around(
    file: SourceFile,
    standing: Standing,
    first: int,
    last: int,
    before: Sequence[str],
    after: Sequence[str],
    header: str | None,
) -> tuple[Edit, ...]:
    """Lines before and after statements of a block, and a header over them."""
    block = standing.block
    if any(_is_elif(file, each) for each in block[first : last + 1]):
        raise NoFixError("an elif cannot be parted from its if")
    if _shares_lines(file, block, first, last):
        return _rewritten(file, standing, first, last, before, after, header)
    top, bottom = first_line(block[first]), _last_line(block[last])
    blanks, end = indentation(file, top), file.newline
    edits: list[Edit] = []
    head = [*before, *([header] if header is not None else [])]
    step = unit(file, standing) if header is not None else ""
    inserted = "".join(f"{blanks}{line}{end}" for line in head)
    if inserted or step:
        edits.append(_insertion(file, file.lines.start(top), inserted + step))
    if step:
        inside = _lines_in_strings(file, top, bottom)
        edits += [
            _insertion(file, file.lines.start(line), step)
            for line in range(top + 1, bottom + 1)
            if line not in inside and file.lines.line(line).strip()
        ]
    if after:
        edits.append(_insertion(file, file.lines.end(bottom), "".join(f"{end}{blanks}{line}" for line in after)))
    return tuple(edits)


def _rewritten(
    file: SourceFile,
    standing: Standing,
    first: int,
    last: int,
    before: Sequence[str],
    after: Sequence[str],
    header: str | None,
) -> tuple[Edit, ...]:
    """The same where statements share a line, by semicolons or behind a colon: each gets a line of its own."""
    block, end = standing.block, file.newline
    low, high = first, last
    while low and _span(file, block[low - 1])[1] >= file.lines.start(first_line(block[low])):
        low -= 1
    while high + 1 < len(block) and first_line(block[high + 1]) == _last_line(block[high]):
        high += 1
    start, stop = _span(file, block[low])[0], _span(file, block[high])[1]
    line = file.lines.position(start)[0]
    step, blanks = unit(file, standing), indentation(file, line)
    text = file.text[file.lines.start(line) : start]
    behind_colon = text.rstrip().endswith(":")
    if behind_colon:
        blanks += step
        start -= len(text) - len(text.rstrip())
    elif text.strip():
        raise NoFixError("the statement shares its line with something else")
    lines: list[str] = []
    for index in range(low, high + 1):
        own = file.text[slice(*_span(file, block[index]))]
        inside = header is not None and first <= index <= last
        if index == first:
            lines += [*before, *([header] if header is not None else [])]
        lines.append(f"{step}{own}" if inside else own)
        if index == last:
            lines += after
    joined = f"{end}{blanks}".join(lines)
    return (Edit(file.path, start, stop, f"{end}{blanks}{joined}" if behind_colon else joined),)


def _is_elif(file: SourceFile, statement: ast.stmt) -> bool:
    """Whether a statement is an `elif`, which `ast` has as an `if` in the other one's else branch."""
    return isinstance(statement, ast.If) and file.text.startswith("elif", _span(file, statement)[0])


def _shares_lines(file: SourceFile, block: list[ast.stmt], first: int, last: int) -> bool:
    start, end = _span(file, block[first])[0], _span(file, block[last])[1]
    before = file.text[file.lines.start(file.lines.position(start)[0]) : start]
    behind = file.text[end : file.lines.end(file.lines.position(end)[0])].strip()
    return bool(before.strip()) or not (not behind or behind.startswith("#"))


def _span(file: SourceFile, statement: ast.stmt) -> tuple[int, int]:
    """The offsets of a statement, its decorators with it."""
    start, end = file.span(file.place(statement))
    decorators = getattr(statement, "decorator_list", [])
    if decorators:
        top = file.lines.start(first_line(statement))
        start = top + len(indentation(file, first_line(statement)))
    return start, end


def _last_line(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def _insertion(file: SourceFile, offset: int, text: str) -> Edit:
    return Edit(file.path, offset, offset, text)


def _lines_in_strings(file: SourceFile, top: int, bottom: int) -> set[int]:
    """The lines that begin inside a string, where a blank more would be another string."""
    found: set[int] = set()
    part = "\n".join(file.lines.line(line) for line in range(top, bottom + 1))
    # An indented part is no program by itself.
    text = f"if 1:\n{part}\n" if part[:1].isspace() else f"\n{part}\n"
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name, row = tokenize.tok_name[token.type], token.start[0]
            if name == "FSTRING_START":
                opened.append(row)
            elif name in ("STRING", "FSTRING_END"):
                begin = opened.pop() if opened and name == "FSTRING_END" else row
                found.update(range(begin + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError) as error:
        raise NoFixError("the statement cannot be taken apart") from error
    return {row + top - 2 for row in found}
