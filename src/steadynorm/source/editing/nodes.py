"""The way from a place back to the node that stands there, and to the statements around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from steadynorm.place import Place
from steadynorm.source.reading.files import SourceFile

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Standing:
    """A statement within the block that it stands in.

    Arguments:
        statement: the statement.
        block: the statements of its block, itself among them.
        parent: what has the block: a module, a function, an `if`, ...
    """

    statement: ast.stmt
    block: list[ast.stmt]
    parent: ast.AST

    @property
    def index(self) -> int:
        """The index of the statement in its block."""
        return self.block.index(self.statement)


def node_at(file: SourceFile, place: Place, kind: type[Node]) -> Node | None:
    """The outermost node of a kind that stands exactly at a place; `None` if there is none."""
    for node in _around(file.tree, place):
        if isinstance(node, kind) and file.place(node) == place:
            return node
    return None


def standing_at(file: SourceFile, place: Place) -> Standing | None:
    """The innermost statement that a place lies in; `None` if it lies in none."""
    found = None
    for parent in _around(file.tree, place):
        for block in blocks_of(parent):
            for statement in block:
                if _holds(statement, place):
                    found = Standing(statement, block, parent)
    return found


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that a node has: bodies, else branches, handlers and cases have their own."""
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value


def first_line(statement: ast.stmt) -> int:
    """The line at which a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def _around(tree: ast.Module, place: Place) -> Iterator[ast.AST]:
    """The nodes that hold a place, outermost first."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(child for child in ast.iter_child_nodes(node) if _holds(child, place))


def _holds(node: ast.AST, place: Place) -> bool:
    located: Any = node
    if not hasattr(node, "lineno"):
        # What has no place of its own, as the arguments of a function, may hold anything.
        return not isinstance(node, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop)
    line = first_line(node) if isinstance(node, ast.stmt) else located.lineno
    start = (line, located.col_offset if line == located.lineno else 0)
    end = (located.end_lineno or 0, located.end_col_offset or 0)
    return start <= (place.line, place.column) and (place.end_line or place.line, place.end_column) <= end
