"""Statements put in, wrapped, replaced and taken out, whatever shares their lines."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from steadynorm.fix import Edit
from steadynorm.place import Place
from steadynorm.source.editing.edits import applied
from steadynorm.source.editing.nodes import Standing, node_at, standing_at
from steadynorm.source.fixes import statements, style
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.reading.files import SourceFile, newline_of


def file_with(text: str) -> SourceFile:
    return SourceFile("a.py", text, newline=newline_of(text))


def standing(file: SourceFile, name: str = "target") -> Standing:
    """The statement with the first mention of a name."""
    node = next(node for node in ast.walk(file.tree) if isinstance(node, ast.Name) and node.id == name)
    found = standing_at(file, file.place(node))
    assert found is not None
    return found


def done(text: str, edits: tuple[Edit, ...]) -> str:
    found = applied(text, edits)
    ast.parse(found)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target", "new()\ntarget"),
        ("a\ntarget  # why\nb\n", "a\nnew()\ntarget  # why\nb\n"),
        ("if a:\n    target\n", "if a:\n    new()\n    target\n"),
        ("if a:\n\ttarget\n", "if a:\n\tnew()\n\ttarget\n"),
        ("if a:\r\n  target\r\n", "if a:\r\n  new()\r\n  target\r\n"),
        ("if a: target\n", "if a:\n    new()\n    target\n"),
        ("if a: b; target  # why\n", "if a:\n    b\n    new()\n    target  # why\n"),
        ("if a:\n  b; target; c\n", "if a:\n  b\n  new()\n  target\n  c\n"),
        ("if a: b\nelse: target\n", "if a: b\nelse:\n    new()\n    target\n"),
        ("@d\n@e(target)\nclass A: pass\n", "new()\n@d\n@e(target)\nclass A: pass\n"),
        ("try:\n  a\nexcept E:\n  target\n", "try:\n  a\nexcept E:\n  new()\n  target\n"),
        ("x = lambda: target\n", "new()\nx = lambda: target\n"),
        ("x = [\n  target,\n]\n", "new()\nx = [\n  target,\n]\n"),
        ("match a:\n  case 1:\n    target\n", "match a:\n  case 1:\n    new()\n    target\n"),
        ("with a as b: target", "with a as b:\n    new()\n    target"),
        ("'ü'; target", "'ü'\nnew()\ntarget"),
        ("f(1,\n  2); target", "f(1,\n  2)\nnew()\ntarget"),
    ],
)
def test_line_is_put_before(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, statements.insert_before(file, standing(file), "new()")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target", "target\nnew()"),
        ("target\n", "target\nnew()\n"),
        ("if a:\n    target  # why\nb\n", "if a:\n    target  # why\n    new()\nb\n"),
        ("if a:\n    f(target,\n      b)\n", "if a:\n    f(target,\n      b)\n    new()\n"),
        ("for i in target:\n    a\nelse:\n    b\n", "for i in target:\n    a\nelse:\n    b\nnew()\n"),
        ("if a: target", "if a:\n    target\n    new()"),
        ("a; target; b", "a\ntarget\nnew()\nb"),
        ("target\r\nb\r\n", "target\r\nnew()\r\nb\r\n"),
    ],
)
def test_line_is_put_behind(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, statements.insert_after(file, standing(file), "new()")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target", "with w:\n    target"),
        ("if a:\n  target  # why\n  b\n", "if a:\n  with w:\n    target  # why\n  b\n"),
        ("if a:\n\ttarget\n", "if a:\n\twith w:\n\t\ttarget\n"),
        ("x = f(\n    target,\n    b)\n", "with w:\n    x = f(\n        target,\n        b)\n"),
        ("x = f(target, '''a\n  b\n''',\n  c)\n", "with w:\n    x = f(target, '''a\n  b\n''',\n      c)\n"),
        ("x = (target, f'''a\n{b}\n  c''',\n  d)\n", "with w:\n    x = (target, f'''a\n{b}\n  c''',\n      d)\n"),
        ("x = target + \\\n  c\n", "with w:\n    x = target + \\\n      c\n"),
        ("if a: target", "if a:\n    with w:\n        target"),
        ("if a: b; target; c", "if a:\n    b\n    with w:\n        target\n    c"),
        ("x = (target,\n\n     # why\n     a)\n", "with w:\n    x = (target,\n\n         # why\n         a)\n"),
        ("for i in target:\r\n  a\r\n\r\n  b\r\n", "with w:\r\n  for i in target:\r\n    a\r\n\r\n    b\r\n"),
        (
            "class A:\n  def f(self):\n    return target\n",
            "class A:\n  def f(self):\n    with w:\n      return target\n",
        ),
    ],
)
def test_statement_is_wrapped(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, statements.wrap(file, standing(file), "with w:")) == expected


def test_several_statements_are_wrapped_with_lines_before() -> None:
    text = "def f():\n    a\n    target\n    # about b\n    b  # b\n    return c\n"
    file = file_with(text)
    found = done(text, statements.wrap(file, standing(file), "with w:", "w = 1", count=2))

    assert found == (
        "def f():\n    a\n    w = 1\n    with w:\n        target\n        # about b\n        b  # b\n    return c\n"
    )


def test_wrapping_keeps_what_strings_say() -> None:
    text = "if a:\n    x = [target, '''\n  one\n    two''', r'''\n  three\n''']\n"
    file = file_with(text)
    found = done(text, statements.wrap(file, standing(file), "with w:"))
    strings = [each.value for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Constant)]

    assert [each.value for each in ast.walk(ast.parse(found)) if isinstance(each, ast.Constant)] == strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = (target) + 1", "x = (new) + 1"),
        ("'ü'; target.b = 3", "'ü'; new.b = 3"),
        ("f(target)", "f(new)"),
        ("x = lambda: target", "x = lambda: new"),
    ],
)
def test_expression_is_replaced(text: str, expected: str) -> None:
    file = file_with(text)
    node = next(node for node in ast.walk(file.tree) if isinstance(node, ast.Name) and node.id == "target")

    assert done(text, statements.replace(file, node, "new")) == expected
    assert statements.replace(file, node, "target") == ()


def test_statement_is_replaced() -> None:
    file = file_with("if a:\n    x = target\nb\n")

    assert done(file.text, statements.replace(file, standing(file).statement, "y = 2")) == "if a:\n    y = 2\nb\n"


def test_expression_whose_place_is_wrong_is_no_fix() -> None:
    file = file_with("x = abc + d")
    node = next(node for node in ast.walk(file.tree) if isinstance(node, ast.Name) and node.id == "d")
    node.col_offset, node.end_col_offset = 4, 5

    with pytest.raises(NoFixError):
        statements.replace(file, node, "new")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\ntarget  # why\nb\n", "a\nb\n"),
        ("a; target\n", "a\n"),
        ("target; b\n", "b\n"),
        ("a; target; b\n", "a; b\n"),
        ("if a:\n    target\n", "if a:\n    pass\n"),
        ("if a: target; b\n", "if a: b\n"),
        ("f(target,\n  1)\nb", "b"),
        ("target", ""),
    ],
)
def test_statement_is_taken_out(text: str, expected: str) -> None:
    file = file_with(text)

    assert done(text, statements.remove(file, standing(file))) == expected


def test_innermost_statement_and_its_block_are_found() -> None:
    file = file_with(
        "class A:\n    @d\n    def f(self):\n        if a:\n            b\n        else:\n            target\n"
    )
    found = standing(file)

    assert isinstance(found.parent, ast.If)
    assert found.block is found.parent.orelse
    assert standing_at(file, Place("a.py", 9)) is None


def test_node_is_found_again_by_its_place() -> None:
    file = file_with("x = f(g(1))(2)\n")
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            assert node_at(file, file.place(node), ast.Call) is node
    assert node_at(file, Place("a.py", 1, 0, 1, 2), ast.Call) is None


def test_style_is_that_of_the_file() -> None:
    assert style.unit(file_with("if a:\n  b\nif a:\n\tb\nif c:\n  d\n")) == "  "
    assert style.unit(file_with("a\n")) == "    "
    assert style.quoted(file_with("a = 'b'\nc = \"d\"\ne = 'f'\n"), "x") == "'x'"
    assert style.quoted(file_with('a = "b"\n'), "x") == '"x"'
    assert style.quoted(file_with("a\n"), "it's") == '"it\'s"'


@pytest.mark.parametrize(
    "edit",
    [
        lambda file, found: statements.insert_before(file, found, "new()"),
        lambda file, found: statements.insert_after(file, found, "new()"),
        lambda file, found: statements.wrap(file, found, "with w:"),
        statements.remove,
    ],
)
def test_elif_stays_with_its_if(edit: Callable[[SourceFile, Standing], object]) -> None:
    file = file_with("if a:\n    b\nelif target:\n    c\n")

    with pytest.raises(NoFixError):
        edit(file, standing(file))
