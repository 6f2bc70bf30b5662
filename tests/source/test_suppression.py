"""Comments that suppress findings."""

from __future__ import annotations

import ast
import json

import pytest

from steadynorm.source.reading.files import SourceFile, source_of
from steadynorm.source.suppression import Suppressions, comments_in


def hidden(text: str, code: str = "SN501", name: str = "target") -> bool:
    """Whether a finding about a call in the text is hidden."""
    file = SourceFile("a.py", text)
    node = next(node for node in ast.walk(file.tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name)
    return Suppressions(file).hide(code, file.place(node))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target()  # steadynorm: ignore", True),
        ("target()  # steadynorm: ignore[SN501]", True),
        ("target()  # steadynorm: ignore[SN1, SN5]", True),
        ("target()  # steadynorm:ignore[sn501]  because of the checkpoint", True),
        ("target()  # noqa: E501  # steadynorm: ignore[SN501]", True),
        ("target()  # steadynorm: ignore[SN502]", False),
        ("target()  # steadynorm: ignore[]", False),
        ("target()  # steadynorm: ignored", False),
        ("target('# steadynorm: ignore')", False),
        ("'''\n# steadynorm: ignore\n'''; target()", False),
        ("# steadynorm: ignore\ntarget()", False),
        ("x = [\n  target(),  # steadynorm: ignore\n]", True),
        ("x = [  # steadynorm: ignore\n  target(),\n]", True),
        ("x = [\n  target(),\n]  # steadynorm: ignore", True),
        ("x = [\n  b(),  # steadynorm: ignore\n  target(),\n]", False),
        ("x = target(\n  1,\n)  # steadynorm: ignore", True),
        ("x = f(target(\n  1,\n),  # steadynorm: ignore\n  2)", True),
        ("for i in target():  # steadynorm: ignore\n  a()", True),
        ("for i in target():\n  a()  # steadynorm: ignore", False),
        ("if (a and\n  target()\n):  # steadynorm: ignore\n  a()", True),
        ("'ü'; target()  # steadynorm: ignore", True),
    ],
)
def test_comment_hides_what_is_in_its_line_or_statement(text: str, expected: bool) -> None:
    assert hidden(text) is expected
    assert hidden(text.replace("\n", "\r\n")) is expected


def test_comment_in_a_notebook_is_found() -> None:
    cells = [
        {"cell_type": "code", "source": "%time x = 1"},
        {"cell_type": "code", "source": "batch_norm() # steadynorm: ignore"},
    ]
    file = source_of("a.ipynb", json.dumps({"cells": cells}).encode())
    assert file is not None

    assert Suppressions(file).hide("SN501", file.place(file.tree.body[-1]))


def test_comments_that_hide_nothing_are_known() -> None:
    file = SourceFile("a.py", "a()  # steadynorm: ignore\nb()  # steadynorm: ignore[SN1,SN999]\n")
    found = Suppressions(file)
    found.hide("SN501", file.place(file.tree.body[0]))
    (needless,) = found.needless()

    assert needless.place.line == 2
    assert needless.unknown == ("SN999",)


def test_files_without_such_comments_are_not_taken_apart() -> None:
    assert list(comments_in(SourceFile("a.py", "x = 'unfinished"))) == []
