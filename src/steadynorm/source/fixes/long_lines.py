"""Lines that an edit makes too long, broken at the outermost brackets around it, as their author would."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from steadynorm.fix import Edit
from steadynorm.source.fixes.call_layout import Layout, layout
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.scopes import lineage
from steadynorm.source.fixes.style import indentation, unit, width
from steadynorm.source.reading.files import SourceFile

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_BRACKETED = (ast.Call, ast.List, ast.Set, ast.Dict, *_COMPREHENSIONS)


def broken(file: SourceFile, call: ast.Call, code: str) -> tuple[Edit, ...] | None:
    """Puts an argument behind the others of a call and breaks the call's line, in which the call begins and ends.

    The line is broken at the outermost brackets where what stands between them fits into a line of its own, or each
    part does; where nothing fits, so that the lines get as short as can be.

    Returns:
        the edits; `None` where there is nothing to break at.
    """
    ways = [way for node in _around(file, call) for way in _opened(file, node, call, code)]
    return min(ways, key=lambda way: max(_longest(file, call, way), width(file)), default=None)


def _around(file: SourceFile, call: ast.Call) -> Iterator[ast.expr]:
    """The brackets of the call's line that it stands between, outermost first, and its own."""
    way = lineage(file.tree, call)
    inside = min((index for index, node in enumerate(way) if isinstance(node, ast.JoinedStr)), default=len(way))
    for node, child in zip(way[:inside], (*way[1:], call), strict=False):
        if not isinstance(node, _BRACKETED) or node.lineno != node.end_lineno or node.lineno != call.lineno:
            continue
        if node is call or not isinstance(node, ast.Call) or child is not node.func:
            yield node


def _opened(file: SourceFile, node: ast.expr, call: ast.Call, code: str) -> Iterator[tuple[Edit, ...]]:
    """The ways to break a line at the brackets of a node: what stands between them in one line, and part by part."""
    try:
        found, own = layout(file, node), layout(file, call)
    except NoFixError:
        return
    if found.trailing:
        return
    parts = _parts(file, node, found)
    outer = file.newline + indentation(file, node.lineno)
    inner = outer + unit(file)
    end = own.arguments[-1][1]
    first = Edit(file.path, found.opened, parts[0][0], inner)
    if node is call:
        yield first, Edit(file.path, end, found.closed, f", {code}{outer}")
    else:
        put = Edit(file.path, end, end, f", {code}")
        yield first, put, Edit(file.path, parts[-1][1], found.closed, outer)
    comma = "," if _generators(node) is None else ""
    between = [Edit(file.path, one[1], other[0], comma + inner) for one, other in pairwise(parts)]
    if node is call:
        yield first, *between, Edit(file.path, end, found.closed, f",{inner}{code},{outer}")
    elif between:
        yield first, *between, put, Edit(file.path, parts[-1][1], found.closed, comma + outer)


def _parts(file: SourceFile, node: ast.expr, found: Layout) -> list[tuple[int, int]]:
    """What stands between brackets: arguments, elements, or an element and what follows each `for`."""
    generators = _generators(node)
    if generators is None:
        return list(found.arguments)
    whole = found.arguments[0][0], found.arguments[-1][1]
    starts = [whole[0]]
    for each in generators:
        target = file.span(file.place(each.target))[0]
        starts.append(file.text.rindex("async" if each.is_async else "for", starts[-1], target))
    ends = [start - len(file.text[:start]) + len(file.text[:start].rstrip()) for start in starts[1:]]
    return list(zip(starts, [*ends, whole[1]], strict=True))


def _generators(node: ast.expr) -> list[ast.comprehension] | None:
    """The parts of a comprehension that begin with `for`; also of one in the brackets of a call, its only argument."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
        inner = node.args[0]
        return inner.generators if inner.end_col_offset == node.end_col_offset else None
    return node.generators if isinstance(node, _COMPREHENSIONS) else None


def _longest(file: SourceFile, call: ast.Call, edits: tuple[Edit, ...]) -> int:
    """The length of the longest line that edits make of a call's line, without the comment behind it."""
    start = file.lines.start(call.lineno)
    text, position = "", start
    for edit in sorted(edits):
        text += file.text[position : edit.start] + edit.text
        position = edit.end
    text += file.text[position : file.lines.end(call.lineno)].partition("  #")[0]
    return max(map(len, text.splitlines()))
