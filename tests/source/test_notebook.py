"""Notebooks as one text of Python, and IPython's additions."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.source.reading.files import SourceFile, source_of
from steadynorm.source.reading.magics import as_python


def written(*cells: str, kernel: dict[str, Any] | None = None) -> bytes:
    """A notebook with a cell of text before the cells of code."""
    listed = [{"cell_type": "markdown", "source": ["# batch_norm"]}]
    listed += [{"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []} for cell in cells]
    return json.dumps({"cells": listed, "metadata": kernel or {}, "nbformat": 4}).encode()


def read(data: bytes) -> SourceFile:
    found = source_of("a.ipynb", data)
    assert found is not None
    return found


def test_cells_are_one_text_with_their_lines() -> None:
    found = read(written("import torch\nx = 1", "", "y = 'é' + x\n"))
    node = found.tree.body[2]

    assert found.text == "import torch\nx = 1\n\ny = 'é' + x\n\n"
    assert [(cell.number, cell.line, cell.lines) for cell in found.cells or ()] == [(2, 1, 2), (3, 3, 1), (4, 4, 2)]
    shown = found.shown(found.place(node))
    assert (shown.cell, shown.line, shown.column, shown.end_column) == (4, 1, 1, 12)
    assert str(shown) == "a.ipynb:cell 4:1"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%matplotlib inline", "0"),
        ("!pip install \"it's\nx = 1", "0\nx = 1"),
        ("if a:\n    !ls\n    b", "if a:\n    0\n    b"),
        ("x = (3\n  % 4)", None),
        ('"""\n%a\n"""\nb', None),
        ("x = 3 \\\n  % 4", None),
        ("x = '''a'''; y = \"%\"\n%time f(x)", "x = '''a'''; y = \"%\"\n0;    f(x)"),
        ("%timeit -n 10 -r3 g(x)", "0;" + " " * 16 + "g(x)"),
        ("%%time\nf(x)", "0\nf(x)"),
        ("%%capture out\nf(x)", "0\nf(x)"),
        ("%%bash\nls -l\n\necho", "#%bash\n#s -l\n\n#cho"),
        ("%%writefile a.py\nx = 1", "#%writefile a.py\n# = 1"),
        ("files = !ls *.py", "files = _"),
        ("rate = %env RATE", "rate = _"),
        ("model.fit?", "0"),
        ("?model", "0"),
        ("a ?? b", None),
        ("x = 'what?'", None),
        ("# %time\nx = 1  # really?", None),
        ("%", "0"),
        ("", None),
    ],
)
def test_additions_of_ipython_keep_every_position(cell: str, expected: str | None) -> None:
    found = as_python(cell)

    assert [len(line) for line in found.split("\n")] == [len(line) for line in cell.split("\n")]
    assert "\n".join(line.rstrip() for line in found.split("\n")) == (cell if expected is None else expected)


def test_cells_that_are_no_python_cost_only_themselves() -> None:
    found = read(written("import torch", "x = = 1", "model.eval()"))

    assert found.refused[0].startswith("a.ipynb:cell 3:1: is not valid Python")
    assert [ast.unparse(each) for each in found.tree.body] == ["import torch", "model.eval()"]


@pytest.mark.parametrize(
    "kernel", [{"kernelspec": {"language": "R", "name": "ir"}}, {"language_info": {"name": "julia"}}]
)
def test_other_languages_are_left_aside(kernel: dict[str, Any]) -> None:
    assert source_of("a.ipynb", written("library(batch_norm)", kernel=kernel)) is None


@pytest.mark.parametrize(
    "kernel", [{}, {"kernelspec": {"name": "python3"}}, {"kernelspec": 3, "language_info": {"name": "ipython"}}]
)
def test_python_is_told_in_several_ways(kernel: dict[str, Any]) -> None:
    assert source_of("a.ipynb", written("batch_norm", kernel=kernel)) is not None


def test_format_3_is_read() -> None:
    cells = [{"cell_type": "code", "input": ["import torch\n", "model.eval()"], "language": "python"}]
    found = read(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3, "metadata": {}}).encode())

    assert found.text == "import torch\nmodel.eval()\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{batch_norm", "is a broken notebook: no JSON"),
        (b'["batch_norm"]', "is a broken notebook: it has no cells"),
        (b'{"cells": "batch_norm"}', "its cells are no list"),
        (b'{"cells": ["batch_norm"]}', "cell 1 is no object"),
        (b'{"cells": [{"cell_type": "code", "source": ["batch_norm", 3]}]}', "the source of cell 1 is no text"),
        (b'{"cells": ' + b"[" * 100_000 + b"batch_norm", "nested too deeply"),
        (b'{"cells": [], "a": "batch_norm \xe9"}', "is not utf-8"),
    ],
)
def test_broken_notebooks_are_one_line(data: bytes, said: str) -> None:
    with pytest.raises(UnusableInputError, match=said) as raised:
        read(data)

    assert str(raised.value).startswith("a.ipynb:")
    assert "\n" not in str(raised.value)


def test_notebook_without_code_is_empty() -> None:
    found = read(b'{"cells": [{"cell_type": "markdown", "source": "batch_norm"}], "metadata": {}}')

    assert found.text == ""
    assert found.cells == ()
