"""Whatever goes wrong: the input stays as it is, nothing is written over, and nothing half is left behind."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from steadynorm import UnusableInputError, convert, debias_statistics, take_statistics
from steadynorm.mending import new_files as writing
from steadynorm.mending import patch

SIZE = 1 << 20


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A megabyte of weights, and statistics at their initial values."""
    state = {
        "bn.weight": np.full(4, 1.5, np.float32),
        "bn.running_mean": np.zeros(4, np.float32),
        "bn.running_var": np.ones(4, np.float32),
        "w": np.random.default_rng(0).normal(size=SIZE // 4).astype(np.float32),
    }
    folder = tmp_path / "run"
    folder.mkdir()
    safetensors.numpy.save_file(state, folder / "net.safetensors")
    return folder / "net.safetensors"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.safetensors"
    state = {"bn.running_mean": np.arange(4.0), "bn.running_var": np.full(4, 2.0)}
    safetensors.numpy.save_file(state, path)
    return path


@pytest.fixture
def lagging(checkpoint: Path) -> Path:
    """The same with statistics after a few updates."""
    state = dict(safetensors.numpy.load_file(checkpoint))
    state["bn.running_mean"] = np.full(4, 0.1, np.float32)
    safetensors.numpy.save_file(state, checkpoint)
    return checkpoint


Mend = Callable[[Path, Path, Path], Any]

WAYS: dict[str, Mend] = {
    "from": lambda checkpoint, good, output: take_statistics(checkpoint, good, output),
    "debias": lambda checkpoint, good, output: debias_statistics(checkpoint, output, decay=0.9, updates=3),
    "convert": lambda checkpoint, good, output: convert(checkpoint, output, to="tensorflow"),
}


@pytest.fixture(params=WAYS)
def mend(request: pytest.FixtureRequest, checkpoint: Path, good: Path) -> Iterator[Callable[[Path], Any]]:
    """Mends the checkpoint in one of the ways, and makes sure of the input afterwards."""
    if request.param == "debias":
        request.getfixturevalue("lagging")
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (checkpoint, good)}
    yield lambda output: WAYS[request.param](checkpoint, good, output)
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in before} == before


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_input_as_output(mend: Callable[[Path], Any], checkpoint: Path, tmp_path: Path) -> None:
    there = files(tmp_path)
    shutil.copy(checkpoint, f"{checkpoint}.index")  # what a TensorFlow checkpoint of this name would be
    with pytest.raises(UnusableInputError, match="exists: nothing is ever written over"):
        mend(checkpoint)
    os.unlink(f"{checkpoint}.index")
    assert files(tmp_path) == there


def test_input_as_output_by_another_way(checkpoint: Path, good: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(checkpoint.parent)
    with pytest.raises(UnusableInputError, match="exists"):
        take_statistics(checkpoint, good, tmp_path / "other" / checkpoint.name)


def test_existing_output(mend: Callable[[Path], Any], tmp_path: Path) -> None:
    for name in ("new", "new.index"):
        (tmp_path / name).write_text("precious")
    with pytest.raises(UnusableInputError, match="exists"):
        mend(tmp_path / "new")
    assert (tmp_path / "new").read_text() == (tmp_path / "new.index").read_text() == "precious"


def test_symlinked_output(mend: Callable[[Path], Any], tmp_path: Path) -> None:
    for name in ("new", "new.index"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableInputError, match="exists"):
        mend(tmp_path / "new")
    assert not (tmp_path / "elsewhere").exists()


def test_folder_that_is_missing(mend: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"there is no folder .*missing; make it first"):
        mend(tmp_path / "missing" / "new")


def test_folder_that_is_read_only(mend: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    if os.geteuid() == 0:  # for whom nothing is read-only
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    with pytest.raises(UnusableInputError, match="nothing may be written to the folder"):
        mend(folder / "new")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no files from anybody")
def test_folder_that_takes_no_files(mend: Callable[[Path], Any]) -> None:
    with pytest.raises(UnusableInputError, match=r"/proc/self/new.* cannot be written"):
        mend(Path("/proc/self/new"))


def test_disk_that_is_full(mend: Callable[[Path], Any], tmp_path: Path) -> None:
    there = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, hard))
    try:
        with pytest.raises(UnusableInputError, match="cannot be written: File too large"):
            mend(tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == there


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()], ids=["EIO", "^C"])
def test_failure_when_it_is_flushed(
    mend: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    there = files(tmp_path)

    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr(writing, "sync", fail)
    with pytest.raises((UnusableInputError, KeyboardInterrupt)):
        mend(tmp_path / "new")
    assert files(tmp_path) == there


def test_second_file_that_fails_takes_the_first_with_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, link, calls = files(tmp_path), os.link, []

    def once(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            target.write_text("another process was faster")
        link(source, target)

    monkeypatch.setattr(os, "link", once)
    with pytest.raises(UnusableInputError, match=r"new\.index exists"):
        convert(checkpoint, tmp_path / "new", to="tensorflow")
    assert (tmp_path / "new.index").read_text() == "another process was faster"
    assert files(tmp_path) == sorted([*there, "new.index"])


def test_file_systems_without_links(
    checkpoint: Path, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    take_statistics(checkpoint, good, tmp_path / "new.safetensors")
    assert safetensors.numpy.load_file(tmp_path / "new.safetensors")["bn.running_mean"].tolist() == [0, 1, 2, 3]
    assert files(tmp_path) == ["good.safetensors", "new.safetensors", "run", "run/net.safetensors"]


def test_checkpoint_that_is_replaced_meanwhile(
    checkpoint: Path, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, copy = files(tmp_path), shutil.copyfile

    def replaced(source: str, target: Path) -> None:
        state = dict(safetensors.numpy.load_file(source))
        state["bn.running_mean"] += 1
        safetensors.numpy.save_file(state, source)
        copy(source, target)

    monkeypatch.setattr(patch.shutil, "copyfile", replaced)
    with pytest.raises(UnusableInputError, match="changed while it was mended"):
        take_statistics(checkpoint, good, tmp_path / "new.safetensors")
    assert files(tmp_path) == there


def test_new_files_have_the_usual_permissions(checkpoint: Path, good: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    take_statistics(checkpoint, good, tmp_path / "new.safetensors")
    assert (tmp_path / "new.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_remote_checkpoints_are_not_patched(good: Path, tmp_path: Path) -> None:
    state = {"bn.running_mean": np.zeros(4, np.float32), "bn.running_var": np.ones(4, np.float32)}
    safetensors.numpy.save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(UnusableInputError, match="copy it here first"):
        take_statistics(f"file://{tmp_path}/net.safetensors", good, tmp_path / "new.safetensors")
