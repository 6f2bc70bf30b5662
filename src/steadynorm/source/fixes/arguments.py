"""Arguments of a call put in, replaced and taken out, with their commas, lines and comments."""

from __future__ import annotations

import ast

from steadynorm.fix import Edit
from steadynorm.source.fixes.call_layout import Layout, layout
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.long_lines import broken
from steadynorm.source.fixes.style import code_length, indentation, width
from steadynorm.source.reading.files import SourceFile


def set_keyword(file: SourceFile, call: ast.Call, name: str, value: str) -> tuple[Edit, ...]:
    """Makes `name=value` an argument of a call: what it had there is replaced, else it is put behind the others.

    Raises:
        NoFixError: the call's text is not where it says.
    """
    for keyword in call.keywords:
        if keyword.arg == name:
            return replace_value(file, call, name, value)
    return insert_keyword(file, call, name, value)


def replace_value(file: SourceFile, call: ast.Call, name: str, value: str) -> tuple[Edit, ...]:
    """Replaces the value of an argument that is passed by its name.

    Raises:
        NoFixError: it is not passed by its name.
    """
    start, end = _span_of(file, call, name)
    current = file.text[start:end]
    begin = start + current.index("=") + 1
    begin += len(file.text[begin:end]) - len(file.text[begin:end].lstrip())
    return (Edit(file.path, begin, end, value),) if file.text[begin:end] != value else ()


def replace_positional(file: SourceFile, call: ast.Call, index: int, value: str) -> tuple[Edit, ...]:
    """Replaces an argument that is passed by its position.

    Raises:
        NoFixError: there is no such argument, or one before it is a `*sequence`.
    """
    if index >= len(call.args) or any(isinstance(each, ast.Starred) for each in call.args[: index + 1]):
        raise NoFixError(f"no argument {index}")
    if _is_bare_generator(call):
        return (Edit(file.path, *_inside(layout(file, call)), value),)
    start, end = layout(file, call).arguments[index]
    return (Edit(file.path, start, end, value),)


def insert_keyword(file: SourceFile, call: ast.Call, name: str, value: str) -> tuple[Edit, ...]:
    """Puts `name=value` behind the arguments of a call, before a `**mapping` that ends them.

    Raises:
        NoFixError: the call's text is not where it says.
    """
    found, code = layout(file, call), f"{name}={value}"
    if not found.arguments:
        return (Edit(file.path, found.opened, found.opened, code),)
    if _is_bare_generator(call):
        start, end = _inside(found)
        return (Edit(file.path, start, end, f"({file.text[start:end]}), {code}"),)
    last = len(found.arguments) - 1
    if call.keywords and call.keywords[-1].arg is None and len(found.arguments) == len(call.args) + len(call.keywords):
        return _before(file, found, last, code)
    end = found.arguments[last][1]
    if _is_vertical(file, found):
        return _on_its_line(file, found, code)
    line, _ = file.lines.position(end)
    text = file.lines.line(line)
    # A statement that shares its line cannot be laid out anew without the other ones.
    if code_length(text) + len(code) + 2 > width(file) and ";" not in text[: code_length(text)]:
        if not found.trailing and "\n" not in file.text[found.opened : found.closed]:
            return broken(file, call, code) or (Edit(file.path, end, end, f", {code}"),)
        aligned = _aligned(file, found)
        if aligned is not None:
            return (Edit(file.path, end, end, f",{file.newline}{aligned}{code}"),)
    return (Edit(file.path, end, end, f", {code}"),)


def rename_keyword(file: SourceFile, call: ast.Call, name: str, other: str) -> tuple[Edit, ...]:
    """Passes an argument by another name.

    Raises:
        NoFixError: it is not passed by its name.
    """
    start, _ = _span_of(file, call, name)
    return (Edit(file.path, start, start + len(name), other),)


def insert_positional(file: SourceFile, call: ast.Call, value: str) -> tuple[Edit, ...]:
    """Puts the only argument into a call without any.

    Raises:
        NoFixError: it has arguments.
    """
    found = layout(file, call)
    if found.arguments:
        raise NoFixError("it has arguments")
    return (Edit(file.path, found.opened, found.opened, value),)


def remove_keyword(file: SourceFile, call: ast.Call, name: str) -> tuple[Edit, ...]:
    """Takes an argument that is passed by its name out of a call, and its line, if it has one for itself.

    Raises:
        NoFixError: it is not passed by its name.
    """
    span = _span_of(file, call, name)
    found = layout(file, call)
    index = found.arguments.index(span)
    start, end = span
    behind = found.commas[index] + 1 if index < len(found.commas) else end
    if _has_lines_for_itself(file, start, behind):
        first, last = (file.lines.position(each)[0] for each in (start, behind))
        edits = [Edit(file.path, file.lines.start(first), file.lines.start(last + 1), "")]
        if index and index == len(found.arguments) - 1 and not found.trailing:
            edits.insert(0, Edit(file.path, found.commas[index - 1], found.commas[index - 1] + 1, ""))
        return tuple(edits)
    if index + 1 < len(found.arguments):
        return (Edit(file.path, start, found.arguments[index + 1][0], ""),)
    if index:
        return (Edit(file.path, found.commas[index - 1], end, ""),)
    return (Edit(file.path, start, behind, ""),)


def remove_positional(file: SourceFile, call: ast.Call, index: int) -> tuple[Edit, ...]:
    """Takes an argument that is passed by its position out of a call; it must not be the first one.

    Raises:
        NoFixError: there is no such argument, or one before it is a `*sequence`.
    """
    if not 0 < index < len(call.args) or any(isinstance(each, ast.Starred) for each in call.args[: index + 1]):
        raise NoFixError(f"no argument {index}")
    found = layout(file, call)
    return (Edit(file.path, found.commas[index - 1], found.arguments[index][1], ""),)


def _span_of(file: SourceFile, call: ast.Call, name: str) -> tuple[int, int]:
    keyword = next((each for each in call.keywords if each.arg == name), None)
    if keyword is None:
        raise NoFixError(f"no argument {name!r}")
    start = file.span(file.place(keyword))[0]
    for span in layout(file, call).arguments:
        if span[0] == start:
            return span
    raise NoFixError(f"no argument {name!r}")


def _is_bare_generator(call: ast.Call) -> bool:
    """Whether the call's own brackets are those of a generator."""
    return (
        len(call.args) == 1
        and not call.keywords
        and isinstance(call.args[0], ast.GeneratorExp)
        and (call.args[0].end_lineno, call.args[0].end_col_offset) == (call.end_lineno, call.end_col_offset)
    )


def _inside(found: Layout) -> tuple[int, int]:
    return found.arguments[0][0], found.arguments[-1][1]


def _before(file: SourceFile, found: Layout, index: int, code: str) -> tuple[Edit, ...]:
    start = found.arguments[index][0]
    line, column = file.lines.position(start)
    own_line = not file.lines.line(line)[:column].strip()
    between = f"{file.newline}{indentation(file, line)}" if own_line else " "
    return (Edit(file.path, start, start, f"{code},{between}"),)


def _is_vertical(file: SourceFile, found: Layout) -> bool:
    """Whether the last argument has lines for itself and the closing bracket stands below."""
    start, end = found.arguments[-1]
    line = file.lines.position(end)[0]
    return _begins_line(file, start) and file.lines.position(found.closed)[0] > line


def _begins_line(file: SourceFile, offset: int) -> bool:
    line, column = file.lines.position(offset)
    return not file.lines.line(line)[:column].strip()


def _on_its_line(file: SourceFile, found: Layout, code: str) -> tuple[Edit, ...]:
    start, end = found.arguments[-1]
    blanks = indentation(file, file.lines.position(start)[0])
    behind = found.commas[-1] + 1 if found.trailing else end
    line_end = file.lines.end(file.lines.position(behind)[0])
    comma = "," if found.trailing else ""
    put = f"{file.newline}{blanks}{code}{comma}"
    if found.trailing:
        return (Edit(file.path, line_end, line_end, put),)
    if line_end == end:
        return (Edit(file.path, end, end, f",{put}"),)
    return (Edit(file.path, end, end, ","), Edit(file.path, line_end, line_end, put))


def _aligned(file: SourceFile, found: Layout) -> str | None:
    """The blanks before an argument in a line of its own, below the first one; `None` if that stands with tabs."""
    start = found.arguments[0][0]
    line, column = file.lines.position(start)
    before = file.lines.line(line)[:column]
    blanks = indentation(file, line)
    return None if "\t" in before[len(blanks) :] else blanks + " " * (column - len(blanks))


def _has_lines_for_itself(file: SourceFile, start: int, end: int) -> bool:
    line = file.lines.position(end)[0]
    rest = file.text[end : file.lines.end(line)].strip()
    return _begins_line(file, start) and (not rest or rest.startswith("#"))
