"""What a search of a folder comes upon: links in circles, pipes, what may not be read, what vanishes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from steadynorm.artifacts import walk as walking
from steadynorm.artifacts.walk import NOWHERE, SPECIAL, TWICE, Walk, walk


def search(top: Path, *exclude: str) -> Walk:
    return walk(str(top), lambda names: "SavedModel" if "saved_model.pb" in names else None, exclude)


def names(found: Walk, top: Path) -> list[str]:
    return [Path(path).relative_to(top).as_posix() for path in found.files]


def fill(top: Path, *files: str) -> None:
    for name in files:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_all_files_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    fill(tmp_path, "b/step-10", "b/step-9", "a.pt", "b/c/d")

    assert names(search(tmp_path), tmp_path) == ["a.pt", "b/step-9", "b/step-10", "b/c/d"]


def test_hidden_folders_and_environments_are_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, ".git/objects/a", "venv/a", "node_modules/a", "py3/pyvenv.cfg", "py3/lib/a", "runs/a", ".hidden.pt")

    assert names(search(tmp_path), tmp_path) == [".hidden.pt", "runs/a"]


def test_hidden_folder_that_is_named_is_searched(tmp_path: Path) -> None:
    fill(tmp_path, ".cache/a")

    assert names(search(tmp_path / ".cache"), tmp_path) == [".cache/a"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("old", ["runs/a.pt", "runs/b.bak"]),
        ("old/", ["runs/a.pt", "runs/b.bak"]),
        ("*.bak", ["old/c.pt", "runs/a.pt"]),
        ("runs/*.bak", ["old/c.pt", "runs/a.pt"]),
        ("runs/*", ["old/c.pt"]),
    ],
)
def test_names_and_patterns_are_left_out(tmp_path: Path, pattern: str, left: list[str]) -> None:
    fill(tmp_path, "old/c.pt", "runs/a.pt", "runs/b.bak")

    assert names(search(tmp_path, pattern), tmp_path) == left


def test_patterns_of_paths_are_from_here_or_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "runs/old/a.pt", "runs/new/a.pt")
    monkeypatch.chdir(tmp_path)

    for top, pattern in (("runs", "runs/old"), ("runs", "old"), (".", "runs/old"), (".", "runs/o*/*.pt")):
        assert [Path(path).as_posix() for path in search(Path(top), pattern).files] == ["runs/new/a.pt"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    fill(tmp_path, "runs/a.pt")
    (tmp_path / "runs" / "up").symlink_to(tmp_path)
    (tmp_path / "runs" / "itself").symlink_to(tmp_path / "runs" / "itself")
    (tmp_path / "again").symlink_to(tmp_path / "runs")
    found = search(tmp_path)

    # Links come first where they sort first; the folder behind them is searched once.
    assert [path.rpartition("/")[2] for path in names(found, tmp_path)] == ["a.pt"]
    assert found.skipped == {NOWHERE: 1}


def test_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "outside.pt", "inner/a.pt")
    (tmp_path / "inner" / "root").symlink_to("/")
    (tmp_path / "inner" / "parent").symlink_to("..")

    assert names(search(tmp_path / "inner"), tmp_path) == ["inner/a.pt"]


def test_file_with_two_names_is_found_once_by_its_telling_name(tmp_path: Path) -> None:
    fill(tmp_path, "blobs/0a1b2c")
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "model.safetensors").symlink_to("../blobs/0a1b2c")
    found = search(tmp_path)

    assert names(found, tmp_path) == ["snapshots/model.safetensors"]
    assert found.skipped == {TWICE: 1}


def test_pipes_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a.pt")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        found = search(tmp_path)

    assert names(found, tmp_path) == ["a.pt"]
    assert found.skipped == {SPECIAL: 2}


def test_link_that_leads_nowhere_is_counted(tmp_path: Path) -> None:
    (tmp_path / "latest.pt").symlink_to("gone.pt")

    assert search(tmp_path).skipped == {NOWHERE: 1}


def test_file_that_vanishes_after_the_folder_was_listed_was_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a.pt", "b.pt")
    stat = os.stat

    def vanished(path: str, **options: object) -> os.stat_result:
        if str(path).endswith("a.pt"):
            raise FileNotFoundError(path)
        return stat(path, **options)

    monkeypatch.setattr(walking.os, "stat", vanished)
    found = search(tmp_path)
    monkeypatch.undo()

    assert names(found, tmp_path) == ["b.pt"]
    assert found.skipped == {}


def test_folder_that_cannot_be_listed_is_named_and_the_others_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "closed/a", "open/b")
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(walking.os, "scandir", refused)
    found = search(tmp_path)

    assert names(found, tmp_path) == ["open/b"]
    closed = str(tmp_path / "closed")
    assert found.refused == {closed: f"{closed}: cannot be listed: Permission denied"}


def test_folder_that_is_one_artifact_is_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, "export/saved_model.pb", "export/variables/variables.index", "a.pt")
    found = search(tmp_path)

    assert found.folders == {str(tmp_path / "export"): "SavedModel"}
    assert names(found, tmp_path) == ["a.pt"]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.pt")
    fill(tmp_path, name)

    assert names(search(tmp_path), tmp_path) == [name]


def test_thousands_of_files_and_deep_folders(tmp_path: Path) -> None:
    fill(tmp_path, *(f"many/{number}.pt" for number in range(2000)), "/".join("d" * 200) + "/deep.pt")

    assert len(search(tmp_path).files) == 2001
