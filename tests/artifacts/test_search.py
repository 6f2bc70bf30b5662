"""What the paths of a check stand for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadynorm.artifacts.grouping import OLDER, SHARDS
from steadynorm.artifacts.recognition import TABLE_MAGIC
from steadynorm.artifacts.search import UNKNOWN, Found, search


def safetensors(path: Path, *names: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * at, 8 * at + 8]} for at, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8 * len(names)))
    return path


def table(path: Path) -> Path:
    """Something that is recognised as an index of TensorFlow's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(40) + TABLE_MAGIC)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def models(found: Found) -> dict[str, tuple[str, ...]]:
    assert not found.unread
    return {group.path: group.files for group in found.groups}


def only_reason(found: Found) -> str:
    assert not found.groups
    (reason,) = found.unread.values()
    assert "\n" not in reason
    return reason


def test_folder_is_searched_and_files_are_told_by_their_content(here: Path) -> None:
    safetensors(here / "runs" / "weights.dat", "w")
    (here / "runs" / "notes.safetensors").write_text("not what its name says")
    (here / "runs" / "empty.pt").touch()
    found = search(["runs"])

    assert models(found) == {"runs/weights.dat": ("runs/weights.dat",)}
    assert found.skipped == {UNKNOWN: 2}


@pytest.mark.parametrize("path", [".", "./", "./a.safetensors", "a.safetensors"])
def test_names_are_as_short_as_they_can_be(here: Path, path: str) -> None:
    safetensors(here / "a.safetensors", "w")

    assert list(models(search([path]))) == ["a.safetensors"]


def test_path_that_is_given_twice_is_one_model(here: Path) -> None:
    safetensors(here / "runs" / "a.safetensors", "w")
    found = search(["runs", "runs/a.safetensors", "runs/"])

    assert list(models(found)) == ["runs/a.safetensors"]
    assert found.groups[0].named


@pytest.mark.parametrize(
    "path", ["run/m-10", "run/m-10.index", "run/m-10.data-00000-of-00001", "run/checkpoint", "run", "run/"]
)
def test_checkpoint_is_found_by_prefix_index_data_state_and_folder(here: Path, path: str) -> None:
    for step in (9, 10):
        table(here / "run" / f"m-{step}.index")
        (here / "run" / f"m-{step}.data-00000-of-00001").write_bytes(bytes(64))
    (here / "run" / "checkpoint").write_text(
        'model_checkpoint_path: "/elsewhere/m-10"\nall_model_checkpoint_paths: "/elsewhere/m-9"\n'
        'all_model_checkpoint_paths: "/elsewhere/m-10"\n'
    )
    found = search([path])

    assert models(found) == {"run/m-10": ("run/m-10.index",)}
    assert found.skipped == ({OLDER: 1} if path.startswith("run") and path.strip("/") == "run" else {})


META_GRAPH = b"\x0a\x03\x22\x01x\x12\x00"
"""A MetaGraphDef with one tag and an empty graph."""


@pytest.mark.parametrize("checkpoint", ["run/m-9.index", "run/m-9"])
@pytest.mark.parametrize("path", ["run/m-9", "run/m-9.meta", "run", "run/m-9.index"])
def test_graph_and_checkpoint_are_found_by_either(here: Path, path: str, checkpoint: str) -> None:
    table(here / checkpoint)
    (here / "run" / "m-9.meta").write_bytes(META_GRAPH)
    if path == "run/m-9.index" and checkpoint == "run/m-9":
        path = checkpoint

    assert models(search([path])) == {"run/m-9": (checkpoint, "run/m-9.meta")}


@pytest.mark.parametrize("path", ["run/m-9", "run/m-9.meta", "run"])
def test_graph_without_a_checkpoint_is_a_model(here: Path, path: str) -> None:
    (here / "run").mkdir()
    (here / "run" / "m-9.meta").write_bytes(META_GRAPH)

    assert models(search([path])) == {"run/m-9": ("run/m-9.meta",)}


def test_file_beside_a_graph_that_is_no_checkpoint_is_not_taken_for_one(here: Path) -> None:
    safetensors(here / "m-9", "w")
    (here / "m-9.meta").write_bytes(META_GRAPH)

    assert models(search(["m-9.meta"])) == {"m-9": ("m-9.meta",)}
    assert sorted(group.files for group in search(["."]).groups) == [("m-9",), ("m-9.meta",)]


def test_older_checkpoint_is_found_where_it_is_named(here: Path) -> None:
    for step in (9, 10):
        table(here / "run" / f"m-{step}.index")
    (here / "run" / "checkpoint").write_text('model_checkpoint_path: "m-10"\nall_model_checkpoint_paths: "m-9"\n')

    assert list(models(search(["run/m-9"]))) == ["run/m-9"]
    assert list(models(search(["run", "run/m-9"]))) == ["run/m-9", "run/m-10"]


def test_old_checkpoint_is_found_by_its_prefix_also_in_shards(here: Path) -> None:
    table(here / "whole")
    for shard in range(2):
        table(here / f"parts-0000{shard}-of-00002")

    assert models(search(["whole", "parts"])) == {
        "whole": ("whole",),
        "parts": ("parts-00000-of-00002",),
    }


def test_file_called_checkpoint_that_is_no_state_is_what_it_is(here: Path) -> None:
    safetensors(here / "run" / "checkpoint", "w")

    assert list(models(search(["run"]))) == ["run/checkpoint"]
    assert list(models(search(["run/checkpoint"]))) == ["run/checkpoint"]


@pytest.mark.parametrize("path", ["m", "m/model.safetensors.index.json", "m/model-00001-of-00002.safetensors"])
def test_shards_are_found_with_their_index(here: Path, path: str) -> None:
    shards = [f"model-0000{shard}-of-00002.safetensors" for shard in (1, 2)]
    for number, shard in enumerate(shards):
        safetensors(here / "m" / shard, f"w{number}")
    (here / "m" / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"w0": shards[0], "w1": shards[1]}})
    )
    found = search([path])

    assert models(found) == {"m/model.safetensors.index.json": ("m/model.safetensors.index.json",)}
    assert found.skipped == ({SHARDS: 2} if path == "m" else {})


@pytest.mark.parametrize("path", ["models", "models/export", "models/export/", "models/export/saved_model.pb"])
def test_saved_model_is_its_folder(here: Path, path: str) -> None:
    table(here / "models" / "export" / "variables" / "variables.index")
    (here / "models" / "export" / "saved_model.pb").touch()

    assert models(search([path])) == {"models/export": ("models/export",)}


def test_ranks_are_found_as_one_run(here: Path) -> None:
    for rank in range(3):
        safetensors(here / f"rank{rank}.safetensors", "w")

    assert models(search(["."])) == {
        "rank0.safetensors": ("rank0.safetensors", "rank1.safetensors", "rank2.safetensors")
    }
    assert models(search(["rank1.safetensors"])) == {"rank1.safetensors": ("rank1.safetensors",)}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no", "no: there is no such file or folder, and no checkpoint of that prefix"),
        ("no/deeper/x", "no/deeper/x: there is no such file or folder"),
        ("notes.txt", "notes.txt: is of no format that is read; expected "),
        ("empty.pt", "empty.pt: is empty"),
        ("broken.pt", "broken.pt: is a link to gone.pt, which does not exist"),
        ("loop", "loop: is a link to loop, which does not exist"),
        ("pipe", "pipe: is not a regular file; expected a file"),
        ("", "the path is empty"),
        ("nul\0byte", "nul"),
    ],
)
def test_path_that_stands_for_nothing_is_one_line(here: Path, path: str, said: str) -> None:
    (here / "notes.txt").write_text("not a model")
    (here / "empty.pt").touch()
    (here / "broken.pt").symlink_to("gone.pt")
    (here / "loop").symlink_to("loop")
    os.mkfifo(here / "pipe")

    assert only_reason(search([path])).startswith(said)


def test_what_cannot_be_read_does_not_keep_the_others_from_it(here: Path) -> None:
    safetensors(here / "a.safetensors", "w")
    found = search(["no.pt", "a.safetensors", "neither.pt"])

    assert [group.path for group in found.groups] == ["a.safetensors"]
    assert list(found.unread) == ["no.pt", "neither.pt"]


def test_archive_that_is_cut_off_is_named_in_a_search(here: Path) -> None:
    (here / "model.pt").write_bytes(b"PK\x03\x04" + bytes(100))
    found = search(["."])

    assert only_reason(found).startswith("model.pt: ")


def test_file_that_vanishes_between_two_looks_is_left_aside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from steadynorm.artifacts import search as searching

    safetensors(here / "a.safetensors", "w")
    safetensors(here / "b.safetensors", "w")
    opened = searching.open_source

    def vanishing(path: str) -> object:
        if path == "a.safetensors":
            os.unlink(path)
        return opened(path)

    monkeypatch.setattr(searching, "open_source", vanishing)
    found = search(["."])

    assert list(models(found)) == ["b.safetensors"]


def test_index_that_names_files_elsewhere_covers_nothing(here: Path) -> None:
    safetensors(here / "a.safetensors", "w")
    (here / "m").mkdir()
    (here / "m" / "x.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "../a.safetensors", "v": 3}}))

    assert list(models(search(["."]))) == ["a.safetensors", "m/x.safetensors.index.json"]


STATES = st.text(max_size=40).map(lambda name: f'model_checkpoint_path: "{name}"'.encode())
INDICES = st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(
    lambda value: json.dumps({"weight_map": value}).encode()
)


@given(state=st.binary(max_size=200) | STATES, index=st.binary(max_size=200) | INDICES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_notes_of_other_programs_may_say_anything(here: Path, state: bytes, index: bytes) -> None:
    (here / "run").mkdir(exist_ok=True)
    table(here / "run" / "m-1.index")
    (here / "run" / "checkpoint").write_bytes(state)
    (here / "run" / "m.safetensors.index.json").write_bytes(index)

    for path in ("run", "run/checkpoint", "run/m.safetensors.index.json"):
        found = search([path])
        assert all("\n" not in reason for reason in found.unread.values())
        assert all(name.startswith("run/") for group in found.groups for name in group.files)


def test_state_that_names_another_folder_stays_in_its_own(here: Path) -> None:
    table(here / "secret.index")
    table(here / "run" / "m-1.index")
    (here / "run" / "checkpoint").write_text('model_checkpoint_path: "../secret"\n')

    assert only_reason(search(["run/checkpoint"])).startswith("run/secret: there is no such file")
    assert list(models(search(["run"]))) == ["run/m-1"]


def test_non_utf8_names(here: Path) -> None:
    name = os.fsdecode(b"caf\xe9.safetensors")
    safetensors(here / name, "w")

    assert list(models(search(["."]))) == [name]
    assert list(models(search([name]))) == [name]


@pytest.fixture
def bucket(here: Path) -> Iterator[str]:
    """A remote folder with the files of a run, of shards and of a repository."""
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    data = safetensors(here / "a.safetensors", "w").read_bytes()
    for name in ("a.safetensors", "deep/b.safetensors", ".git/c.safetensors", "m/m-00001-of-00002.safetensors"):
        files.pipe(f"/bucket/{name}", data)
    files.pipe("/bucket/m/m.safetensors.index.json", b'{"weight_map": {"w": "m-00001-of-00002.safetensors"}}')
    for step in (9, 10):
        files.pipe(f"/bucket/run/m-{step}.index", bytes(40) + TABLE_MAGIC)
        files.pipe(f"/bucket/run/m-{step}.data-00000-of-00001", bytes(64))
    files.pipe("/bucket/run/checkpoint", b'model_checkpoint_path: "m-10"\nall_model_checkpoint_paths: "m-9"\n')
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)


@pytest.mark.parametrize("end", ["", "/"])
def test_remote_folder_is_searched_like_one_here(bucket: str, end: str) -> None:
    found = search([f"{bucket}{end}"])

    assert list(models(found)) == [
        f"{bucket}/{name}" for name in ("a.safetensors", "deep/b.safetensors", "m/m.safetensors.index.json", "run/m-10")
    ]
    assert found.skipped == {SHARDS: 1, OLDER: 1}


@pytest.mark.parametrize("name", ["m-9", "m-9.index", "m-9.data-00000-of-00001"])
def test_remote_checkpoint_is_found_by_any_of_its_names(bucket: str, name: str) -> None:
    assert models(search([f"{bucket}/run/{name}"])) == {f"{bucket}/run/m-9": (f"{bucket}/run/m-9.index",)}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("memory://bucket/no", "memory://bucket/no: there is no such file"),
        ("no-such-scheme://a", "no-such-scheme://a: "),
    ],
)
def test_remote_path_that_stands_for_nothing_is_one_line(bucket: str, path: str, said: str) -> None:
    assert only_reason(search([path])).startswith(said)


def test_missing_fsspec_is_one_line_and_keeps_no_other_path_from_it(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    found = search([bucket, "a.safetensors"])

    assert [group.path for group in found.groups] == ["a.safetensors"]
    assert found.unread == {bucket: f"{bucket} needs fsspec, which is not installed: pip install 'steadynorm[files]'"}


def test_thousand_files(here: Path) -> None:
    for number in range(1000):
        safetensors(here / "runs" / f"{number}.safetensors", "w")

    assert len(search(["runs"]).groups) == 1000


@pytest.mark.parametrize("start", ['node {\n  name: "a"', "\nmeta_info_def {", "saved_model_schema_version: 1"])
def test_a_graph_in_text_form_is_refused_with_what_to_give_instead(here: Path, start: str) -> None:
    (here / "graph.pbtxt").write_text(start)
    reason = search(["graph.pbtxt"]).unread["graph.pbtxt"]
    assert "text form" in reason
    assert ".meta" in reason
    assert "\n" not in reason
    assert not search(["."]).unread  # beside a checkpoint it is left aside, as any other file
