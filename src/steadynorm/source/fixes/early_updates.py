"""The fixes of a collection of updates that is read too early, or for a part of the network."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from steadynorm.finding import Finding
from steadynorm.fix import Edit
from steadynorm.source.editing.nodes import Standing
from steadynorm.source.fixes.arguments import remove_keyword, remove_positional
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.found import call_of, lines_of, standing_of
from steadynorm.source.fixes.registry import fixes
from steadynorm.source.fixes.scopes import text_of
from steadynorm.source.fixes.statements import insert_before, remove
from steadynorm.source.reading.files import SourceFile


@fixes("SN102", "read the updates when the network is complete", safe=True)
def read_later(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Moves the statement that reads the collection to the one that trains, which is the first to use it."""
    file, standing = standing_of(found, files)
    if found.evidence.get("how") != "early":
        raise NoFixError("it is not read too early")
    statement = standing.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not _is_plain(statement.targets[0]):
        raise NoFixError("it has no name")
    name = ast.unparse(statement.targets[0])
    later = standing.block[standing.index + 1 :]
    used = next((each for each in later if _mentions(each, name)), None)
    step, *layers = lines_of(found, file)
    if used is None or step is None or not used.lineno <= step <= (used.end_lineno or used.lineno):
        raise NoFixError("what uses it does not train")
    if any(line is not None and used.lineno <= line <= (used.end_lineno or used.lineno) for line in layers):
        raise NoFixError("layers are built where it is used")
    target = Standing(used, standing.block, standing.parent)
    return (*remove(file, standing), *insert_before(file, target, _with_comment(file, statement)))


# The updates of other networks may run with this step as well.
@fixes("SN102", "read all updates", safe=False)
def read_all(found: Finding, files: Mapping[str, SourceFile]) -> Iterable[Edit]:
    """Leaves the scope out."""
    file, call = call_of(found, files)
    if found.evidence.get("how") != "scope":
        raise NoFixError("it is read for all")
    if any(each.arg == "scope" for each in call.keywords):
        return remove_keyword(file, call, "scope")
    return remove_positional(file, call, 1)


def _with_comment(file: SourceFile, statement: ast.stmt) -> str:
    end = file.span(file.place(statement))[1]
    behind = file.text[end : file.lines.end(file.lines.position(end)[0])]
    return text_of(file, statement) + (behind.rstrip() if behind.strip().startswith("#") else "")


def _is_plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))


def _mentions(statement: ast.stmt, name: str) -> bool:
    return any(isinstance(each, ast.Name | ast.Attribute) and ast.unparse(each) == name for each in ast.walk(statement))
