"""The tools of fixes on real code: whatever they edit, the program is the old one and what was put in.

The truth is Python's own: the syntax tree with the same change made in it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from steadynorm.source.editing.edits import applied
from steadynorm.source.editing.nodes import Standing, blocks_of, node_at, standing_at
from steadynorm.source.fixes import arguments, statements
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.reading.files import SourceFile, newline_of

PACKAGE = Path(__file__).parents[2] / "src" / "steadynorm"

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "tabs": lambda text: text.replace("    ", "\t"),
}

EVERY = 23
"""Only so many calls and statements are taken."""


@pytest.fixture(params=FORMS)
def files(request: pytest.FixtureRequest) -> list[SourceFile]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py"))[::11]:
        text = FORMS[request.param](path.read_text(encoding="utf-8"))
        found.append(SourceFile(path.name, text, newline=newline_of(text)))
    return found


def outside_of_strings(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that have their true place; those in formatted strings have not before Python 3.12."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [] if isinstance(node, ast.JoinedStr) else ast.iter_child_nodes(node)


def same(text: str, tree: ast.AST) -> bool:
    return equal(ast.parse(text), tree)


def equal(one: Any, other: Any) -> bool:
    """Whether two trees are the same wherever they stand: as `ast.dump` tells it, which takes far longer."""
    if one is other:  # names, small numbers and contexts are, in most places
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, ast.AST):
        return all(equal(getattr(one, name, None), getattr(other, name, None)) for name in one._fields)
    return bool(one == other)


def test_arguments_come_and_go(files: list[SourceFile]) -> None:
    seen = 0
    for file in files:
        calls = (node for node in outside_of_strings(file.tree) if isinstance(node, ast.Call))
        for call in islice(calls, 0, None, EVERY):
            longer = applied(file.text, arguments.insert_keyword(file, call, "put", "1"))
            before = list(call.keywords)
            call.keywords.insert(
                len(before) - (bool(before) and before[-1].arg is None), ast.keyword("put", ast.Constant(1))
            )
            assert same(longer, file.tree), (file.path, call.lineno)
            call.keywords[:] = before
            again = SourceFile(file.path, longer, newline=file.newline)
            put = next(
                node
                for node in ast.walk(again.tree)
                if isinstance(node, ast.Call) and "put" in {k.arg for k in node.keywords}
            )
            assert same(applied(longer, arguments.remove_keyword(again, put, "put")), file.tree), (
                file.path,
                call.lineno,
            )
            assert node_at(file, file.place(call), ast.Call) is not None
            seen += 1
    assert seen > 30


def test_statements_are_wrapped_put_in_and_taken_out(files: list[SourceFile]) -> None:
    seen = 0
    for file in files:
        standing = (
            Standing(statement, block, parent)
            for parent in outside_of_strings(file.tree)
            for block in blocks_of(parent)
            for statement in block
        )
        for each in islice(standing, 0, None, EVERY):
            try:
                seen += _edited(file, each)
            except NoFixError:
                assert file.text[file.span(file.place(each.statement))[0] :].startswith("elif")
            found = standing_at(file, file.place(each.statement))
            assert found is not None
            assert file.place(found.statement) == file.place(each.statement)
    assert seen > 30


def _edited(file: SourceFile, standing: Standing) -> bool:
    block, index = standing.block, standing.index
    before, put = list(block), ast.parse("put()").body
    wrapped = ast.parse("with put:\n    pass").body
    assert isinstance(wrapped[0], ast.With)
    wrapped[0].body = block[index : index + 2]
    changes: list[tuple[str, list[ast.stmt]]] = [
        (
            applied(file.text, statements.insert_before(file, standing, "put()")),
            [*before[:index], *put, *before[index:]],
        ),
        (
            applied(file.text, statements.insert_after(file, standing, "put()")),
            [*before[: index + 1], *put, *before[index + 1 :]],
        ),
        (
            applied(file.text, statements.wrap(file, standing, "with put:", count=len(wrapped[0].body))),
            [*before[:index], *wrapped, *before[index + 2 :]],
        ),
    ]
    for text, body in changes:
        block[:] = body
        assert same(text, file.tree), (file.path, standing.statement.lineno)
        block[:] = before
    shorter = ast.parse(applied(file.text, statements.remove(file, standing)))
    possible = False
    for body in ([*before[:index], *before[index + 1 :]], [*before[:index], ast.Pass(), *before[index + 1 :]]):
        block[:] = body
        possible |= equal(shorter, file.tree)
        block[:] = before
    assert possible, (file.path, standing.statement.lineno)
    return True
