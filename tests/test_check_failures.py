"""What a folder search comes upon and cannot check is told, whatever names the files of one model have together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from steadynorm import check, model_check
from steadynorm.artifacts import formats
from steadynorm.errors import UnusableInputError

CORPUS = Path(__file__).parent / "data" / "corpus"
CHECKPOINT = CORPUS / "03-updates-fetched-by-hand"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in CHECKPOINT.iterdir():
        shutil.copy(each, tmp_path)
    return tmp_path


def _raise(*_: object) -> None:
    raise ValueError("nothing is\nleft")


def test_a_mistake_over_a_checkpoint_of_several_files_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_check, "assemble", _raise)

    (unread,) = check(folder, progress=False).unread

    assert unread.path == str(folder / "model.ckpt")
    assert "stopped by ValueError: nothing is left" in unread.reason


def test_contents_that_do_not_fit_together_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(*_: object) -> None:
        raise UnusableInputError("they do not fit")

    monkeypatch.setattr(model_check, "assemble", unusable)

    assert [each.reason for each in check(folder, progress=False).unread] == ["they do not fit"]


def test_the_same_checkpoint_as_it_is_has_a_report(folder: Path) -> None:
    result = check(folder, progress=False)

    assert not result.unread
    assert len(result.reports) == 1


def test_a_checkpoint_that_is_gone_is_left_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanishing(*_: object) -> None:
        for each in folder.iterdir():
            each.unlink()
        raise UnusableInputError("gone")

    monkeypatch.setattr(model_check, "assemble", vanishing)

    assert not check(folder, progress=False).unread


def test_a_part_of_a_checkpoint_that_is_gone_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = formats.read

    def vanishing(path: str) -> object:
        if path.endswith(".index"):
            Path(path).unlink()
        return read(path)

    monkeypatch.setattr(formats, "read", vanishing)
    result = check(folder, progress=False)

    assert [each.path for each in result.unread] == [str(folder / "model.ckpt.index")]
    assert len(result.reports) == 1
