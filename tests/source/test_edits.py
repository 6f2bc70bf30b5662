"""Fixes made on text, and on the disk."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.fix import Edit, Fix
from steadynorm.source.editing.edits import applied, diff, fixed
from steadynorm.source.editing.saving import edited, edited_notebook, prepared, save
from steadynorm.source.reading.files import SourceFile, read_source, source_of


def edit(start: int, end: int, text: str, path: str = "a.py") -> Edit:
    return Edit(path, start, end, text)


def fix(*edits: Edit) -> Fix:
    return Fix("a change", edits, True)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 3), (3, 5), False),
        ((0, 4), (3, 5), True),
        ((0, 0), (0, 3), False),
        ((3, 3), (0, 3), False),
        ((1, 1), (0, 3), True),
        ((2, 2), (2, 2), True),
        ((2, 2), (3, 3), False),
    ],
)
def test_overlaps(one: tuple[int, int], other: tuple[int, int], expected: bool) -> None:
    first, second = edit(*one, "x"), edit(*other, "y")

    assert first.overlaps(second) is expected
    assert second.overlaps(first) is expected
    assert not first.overlaps(edit(*other, "y", path="b.py"))


def test_first_of_overlapping_fixes_is_made() -> None:
    files = {"a.py": SourceFile("a.py", "abc = 1\nd = 2\n")}
    first, second, third = fix(edit(0, 3, "x")), fix(edit(1, 2, "y"), edit(8, 9, "z")), fix(edit(12, 13, "3"))
    found = fixed(files, [first, second, third, first])

    assert found.texts == {"a.py": "x = 1\nd = 3\n"}
    assert found.made == (first, third)


def test_same_edit_in_two_fixes_is_made_once() -> None:
    files = {"a.py": SourceFile("a.py", "a = 1\nb = 2\n")}
    shared = edit(0, 0, "import x\n")
    found = fixed(files, [fix(shared, edit(4, 5, "x")), fix(shared, edit(10, 11, "x"))])

    assert found.texts == {"a.py": "import x\na = x\nb = x\n"}


def test_fix_that_leads_to_no_python_is_refused_alone() -> None:
    files = {"a.py": SourceFile("a.py", "a = 1\nb = 2\n")}
    wrong, right = fix(edit(4, 5, "(")), fix(edit(10, 11, "3"))
    found = fixed(files, [wrong, right])

    assert found.texts == {"a.py": "a = 1\nb = 3\n"}
    assert found.made == (right,)


def test_fix_of_two_files_is_made_in_both_or_in_none() -> None:
    files = {path: SourceFile(path, "a = 1\n") for path in ("a.py", "b.py")}
    half = fix(edit(4, 5, "2"), edit(4, 5, "(", path="b.py"))

    assert fixed(files, [half]).texts == {}
    assert set(fixed(files, [fix(edit(4, 5, "2"), edit(4, 5, "3", path="b.py"))]).texts) == {"a.py", "b.py"}


def test_fixes_that_change_nothing_are_no_change() -> None:
    files = {"a.py": SourceFile("a.py", "a = 1\n")}

    assert fixed(files, [fix(edit(4, 5, "1"))]).texts == {}


@pytest.mark.parametrize(
    ("before", "after"), [("a = 1\nb = 2\n", "a = 1\nb = 3\n"), ("a = 1", "a = 2"), ("a = 1", "a = 1\nb\n")]
)
def test_diff_is_what_patch_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text(before)
    Path("p").write_text(diff(SourceFile("a.py", before), after))
    subprocess.run(["git", "apply", "--unsafe-paths", "-p0", "p"], check=True)

    assert Path("a.py").read_text() == after


@pytest.mark.parametrize(
    "data",
    [
        "batch_norm = 'ü'\r\ny = 1\r\n".encode(),
        b"\xef\xbb\xbfbatch_norm = 'a'\ny = 1\n",
        "# coding: latin-1\nbatch_norm = 'ü'\ny = 1".encode("latin-1"),
    ],
)
def test_encoding_ends_of_lines_and_mode_stay(tmp_path: Path, data: bytes) -> None:
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_bytes(data)
    path.chmod(0o751)
    link.symlink_to(path)
    file = read_source(str(link))
    assert file is not None
    at = file.text.index("1", file.text.index("y"))
    save(file, prepared(file, [edit(at, at + 1, "2", file.path)]))

    assert path.read_bytes() == data.replace(b"y = 1", b"y = 2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["a.py", "link.py"]


def test_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("batch_norm = 1\n")
    file = read_source(str(path))
    assert file is not None
    path.write_text("batch_norm = 3\n")

    with pytest.raises(UnusableInputError, match="was changed since it was read"):
        prepared(file, [edit(13, 14, "2", str(path))])
    assert path.read_text() == "batch_norm = 3\n"


def test_text_that_does_not_go_into_the_encoding_is_refused() -> None:
    file = SourceFile("a.py", "x = 1", "iso-8859-1")

    with pytest.raises(UnusableInputError, match="'→' cannot be written in iso-8859-1"):
        edited(file, b"x = 1", [edit(4, 5, "'→'")])


NOTEBOOKS = {
    "usual": '{\n "cells": [\n  {\n   "cell_type": "markdown",\n   "source": []\n  },\n  {\n   "cell_type": "code",\n'
    '   "outputs": [{"data": "\\u00e9 1.0e5"}],\n   "source": [\n    "import torch\\n",\n    "%time x = 1"\n   ]\n  }\n'
    ' ],\n "nbformat": 4\n}\n',
    "compact": '{"cells":[{"cell_type":"code","source":["import torch\\n","%time x = 1"]}],"nbformat":4}',
    "one text": '{"cells": [{"source": "import torch\\n%time x = 1", "cell_type": "code"}]}\r\n',
    "format 3": '{"worksheets": [{"cells": [{"input": ["import torch\\n", "%time x = 1"], "cell_type": "code"}]}]}',
}


@pytest.mark.parametrize("content", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_notebook_keeps_all_but_what_is_edited(content: str) -> None:
    file = source_of("a.ipynb", content.encode())
    assert file is not None
    at = file.text.index("1")
    found = edited_notebook(file, content, [edit(at, at + 1, "22", "a.ipynb")])

    assert found == content.replace("time x = 1", "time x = 22")


def test_lines_that_come_to_a_cell_stand_as_the_others() -> None:
    content = NOTEBOOKS["usual"]
    file = source_of("a.ipynb", content.encode())
    assert file is not None
    found = edited_notebook(file, content, [edit(12, 12, "\nimport ü", "a.ipynb")])

    assert found == content.replace('    "import torch\\n",\n', '    "import torch\\n",\n    "import ü\\n",\n')
    assert json.loads(found)["cells"][0] == {"cell_type": "markdown", "source": []}


def test_what_only_ipython_understands_is_not_edited() -> None:
    content = '{"cells": [{"cell_type": "code", "source": "import torch.batch_norm\\n!ls"}]}'
    file = source_of("a.ipynb", content.encode())
    assert file is not None

    with pytest.raises(UnusableInputError, match=r"a.ipynb:cell 1: has IPython's own syntax where"):
        edited_notebook(file, content, [edit(24, 25, "x", "a.ipynb")])


def test_edits_in_two_cells_are_two_edits() -> None:
    content = '{"cells": [{"cell_type": "code", "source": "batch_norm"}, {"cell_type": "code", "source": ["b"]}]}'
    file = source_of("a.ipynb", content.encode())
    assert file is not None
    edits = [edit(0, 10, "x", "a.ipynb"), edit(11, 12, "y", "a.ipynb")]

    assert edited_notebook(file, content, edits) == content.replace("batch_norm", "x").replace('"b"', '"y"')
    with pytest.raises(UnusableInputError, match="from one cell to another"):
        edited_notebook(file, content, [edit(5, 12, "x", "a.ipynb")])


def test_edits_are_made_in_their_order() -> None:
    assert applied("abc", [edit(2, 3, "z"), edit(0, 0, "x"), edit(0, 1, "y")]) == "xybz"
