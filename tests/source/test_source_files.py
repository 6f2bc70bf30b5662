"""Files of source code as they are read, and what is refused."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.place import Place, Shown
from steadynorm.source.reading import files
from steadynorm.source.reading.files import SourceFile, read_source, source_of
from steadynorm.source.reading.lines import Lines
from steadynorm.source.reading.words import mentions


def read(data: bytes, path: str = "a.py") -> SourceFile:
    found = source_of(path, data)
    assert found is not None
    return found


def refusal(data: bytes, path: str = "a.py") -> str:
    """What is said of a file that cannot be read or parsed; it must be one line."""
    with pytest.raises(UnusableInputError) as raised:
        read(data, path).tree  # noqa: B018
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_encodings_are_the_declared_ones() -> None:
    latin = read("# -*- coding: latin-1 -*-\n# batch_norm größer\n".encode("latin-1"))
    marked = read(b"\xef\xbb\xbfbatch_norm = 1\n")

    assert (latin.encoding, latin.text.splitlines()[1]) == ("iso-8859-1", "# batch_norm größer")
    assert (marked.encoding, marked.text) == ("utf-8-sig", "batch_norm = 1\n")


def test_ends_of_lines_are_kept() -> None:
    found = read(b"batch_norm = 1\r\nb = 2\r\nc = 3\n")

    assert found.text == "batch_norm = 1\r\nb = 2\r\nc = 3\n"
    assert found.newline == "\r\n"
    assert read(b"batch_norm").newline == "\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = batch_norm(\n", "a.py:1: is not valid Python 3."),
        (b"batch_norm\nx = = 2\n", "a.py:2: is not valid Python 3."),
        (b"batch_norm\nprint 'a'\n", "a.py:2: is Python 2; expected Python 3"),
        (b"batch_norm\nprint x\n", "a.py:2: is Python 2"),
        (b"batch_norm\nprint >>f, x\n", ""),
        (b"batch_norm\ntry: x\nexcept E, e: pass\n", "a.py:3: is Python 2"),
        (b"batch_norm\nraise E, 'a'\n", "a.py:2: is Python 2"),
        (b"batch_norm\nx = 0777\n", "a.py:2: is Python 2"),
        (b"batch_norm\nif a <> b: pass\n", "a.py:2: is Python 2"),
        (b"batch_norm\nexec 'a'\n", "a.py:2: is Python 2"),
        (b"batch_norm\nx = `a`\n", "a.py:2: is Python 2"),
        (b"batch_norm\nx = 10L\n", "a.py:2: is Python 2"),
        (b"batch_norm\nif a:\n        b\n\tc\n", "a.py:4: is Python 2"),
        (b"# coding: foo\nbatch_norm", "a.py: has an encoding that is not known: unknown encoding: foo"),
        (b"# coding: rot13\nbatch_norm", "a.py: has an encoding that is not known: 'rot13' is not a text encoding"),
        (b"a = 1\n# batch_norm \xe9", "a.py:2: is not utf-8 (byte 19), and declares no other encoding"),
        (b"# coding: ascii\n# batch_norm \xe9", "a.py:2: is not ascii (byte 29), though it declares that"),
        ("batch_norm".encode("utf-16"), ""),
        (b"batch_norm = 1\n\0", "a.py:2: has a null byte in it"),
        (b"batch_norm = " + b"(" * 300, "is nested too deeply for Python's parser"),
        (b"batch_norm = " + b"-" * 100_000 + b"1", "is nested too deeply for Python's parser"),
        (b"batch_norm = " + b"a." * 100_000 + b"b", "is nested too deeply for Python's parser"),
        (b"batch_norm = " + b"9" * 10_000, "a.py:1: is not valid Python 3."),
    ],
)
def test_what_cannot_be_read_is_one_line(data: bytes, said: str) -> None:
    if not said:
        read(data)  # valid Python, or without the subject as it stands
    else:
        assert said in refusal(data)


def test_valid_code_with_the_look_of_python_2_is_read() -> None:
    read(b"batch_norm\nprint(x, file=f)\nexec('a')\ns = 'print x'\nx = '`a` <> b'\n").tree  # noqa: B018


def test_what_does_not_mention_the_subject_is_never_refused() -> None:
    found = read(b"# coding: foo\nimport os\n")

    assert not found.subject
    assert found.text == ""


def test_invalid_escapes_in_strings_are_not_warned_of() -> None:
    assert isinstance(read(b"batch_norm = '\\d'\n").tree, ast.Module)


def test_too_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "generated.py"
    path.write_text("batch_norm = 1\n" * 200_000)

    with pytest.raises(UnusableInputError, match=r"generated.py: has 3.0 MB, as only generated code has; expected at "):
        read_source(str(path))
    monkeypatch.setattr(files, "MOST_SOURCE", 1 << 24)
    assert read_source(str(path)) is not None


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"a.py: cannot be read: No such file"):
        read_source(str(tmp_path / "a.py"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch\nmodel.eval()", True),
        ("import torch", False),
        ("from model import Net\nclass A: use_batchnorm = 1", True),
        ("x = tf.layers.batch_normalization(x)", True),
        ("nn.BatchNorm2d(8)", True),
        ("import tensorflow as tf\nsaver = tf.train.Saver()", True),
        ("import numpy as np\nmodel.fit(x)", False),
        ("import keras\nDense(3)", False),
        ("import keras\nmodel.fit(x)", True),
        ("from torchmetrics import x; train()", False),
        ("", False),
    ],
)
def test_words_that_tell_the_subject(text: str, expected: bool) -> None:
    assert mentions(text.encode()) is expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_python(end: str) -> None:
    text = end.join(["a = 'é\x0c\u2028'", "b = 'ü' + c", ""])
    lines = Lines(text)
    node = ast.parse(text).body[1]
    assert isinstance(node, ast.Assign)
    assert isinstance(node.value, ast.BinOp)
    right = node.value.right

    assert len(lines) == 2
    assert lines.line(1) == "a = 'é\x0c\u2028'"
    offset = lines.offset(right.lineno, right.col_offset)
    assert text[offset] == "c"
    assert lines.position(offset) == (2, 10)


def test_places_of_nodes_are_shown_in_characters() -> None:
    found = read("batch_norm = 'é'; x = f(\n  1)\n".encode())
    node = found.tree.body[1]

    assert found.place(node) == Place("a.py", 1, 19, 2, 4)
    assert found.shown(found.place(node)) == Shown("a.py", None, 1, 19 + 1 - 1, 2, 5)
    start, end = found.span(found.place(node))
    assert found.text[start:end] == "x = f(\n  1)"
    assert str(found.shown(found.place(node))) == "a.py:1"
    assert found.text[slice(*found.span(Place("a.py", 2)))] == "  1)"
