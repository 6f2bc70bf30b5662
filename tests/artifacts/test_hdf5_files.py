"""HDF5 files as their reader sees them: the same as h5py itself, nothing outside the file, and no crash of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts import isolation
from steadynorm.artifacts.hdf5 import Structure, structure
from steadynorm.artifacts.source import open_source
from steadynorm.errors import UnusableInputError

VALUES = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture(autouse=True)
def _fresh_child() -> Iterator[None]:
    yield
    if isolation._child is not None and isolation._child.requests > 500:
        isolation._stop()


def read(path: Path) -> Structure:
    found = structure(open_source(path))
    for tensor in found.tensors.values():
        tensor.load()
    return found


def refused(path: Path) -> str:
    with pytest.raises(UnusableInputError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def verdict(path: Path) -> str:
    """What is wrong with a file, if anything is; nothing else may be raised."""
    try:
        read(path)
    except UnusableInputError as error:
        return str(error)
    return ""


def plain_file(path: Path, **options: object) -> Path:
    with h5py.File(path, "w", **options) as file:
        file.attrs["keras_version"] = "2.4.0"
        file.attrs["layer_names"] = np.array([b"conv", b"bn"])
        group = file.create_group("bn/inner")
        group["plain"] = VALUES
        group["scalar"] = np.int64(42)
        group.create_dataset("packed", data=VALUES, chunks=(2, 5), compression="gzip")
        group.create_dataset("big_endian", data=VALUES.astype(">f8"))
        group.create_dataset("half", data=VALUES.astype(np.float16))
        group.create_dataset("flags", data=VALUES > 0)
        group.create_dataset("unwritten", shape=(3,), dtype="f4")
        group.create_dataset("large", data=np.arange(300_000, dtype=np.float64), chunks=True)
        group["words"] = "no tensor"
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        kind = h5py.h5t.IEEE_F32LE
        low = h5py.h5d.create(group.id, b"compact", kind, h5py.h5s.create_simple((35,)), compact)
        low.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES.ravel())
    return path


@pytest.mark.parametrize("options", [{}, {"userblock_size": 1024}, {"libver": "latest"}, {"libver": "v110"}], ids=str)
def test_all_values_are_those_that_h5py_reads(tmp_path: Path, options: dict[str, object]) -> None:
    path = plain_file(tmp_path / "a.h5", **options)

    found = read(path)

    with h5py.File(path) as file:
        expected = {
            f"bn/inner/{name}": each[()] for name, each in file["bn/inner"].items() if each.dtype.kind in "fiub"
        }
    assert set(found.tensors) == set(expected)
    assert len(expected) == 9
    for name, values in expected.items():
        tensor = found.tensors[name]
        assert tensor.shape == values.shape
        assert tensor.load().dtype == values.dtype
        assert tensor.load().tobytes() == values.tobytes(), name
    assert found.text("", "keras_version") == "2.4.0"
    assert found.names("", "layer_names") == ["conv", "bn"]
    assert found.names("bn", "layer_names") is None


def test_bfloat16_comes_as_float32(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xBF80, 0x4049, 0x7F80], np.uint16)  # 1, -1, 3.140625, infinity
    with h5py.File(tmp_path / "b.h5", "w") as file:
        opaque = file.create_dataset("opaque", data=bits.view("V2"))
        opaque.attrs["dtype"] = "bfloat16"
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(15, 7, 8, 0, 7)
        kind.set_precision(16)
        kind.set_size(2)
        space = h5py.h5s.create_simple((4,))
        low = h5py.h5d.create(file.id, b"float", kind, space)
        low.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, kind)

    found = read(tmp_path / "b.h5")

    for name in ("opaque", "float"):
        assert found.tensors[name].dtype == "bfloat16"
        np.testing.assert_array_equal(found.tensors[name].load(), np.float32([1, -1, 3.140625, np.inf]))


def test_long_lists_of_names_are_put_together_again(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "long.h5", "w") as file:
        for part in range(3):
            file.attrs[f"weight_names{part}"] = np.array([f"layer_{part}_{at}".encode() for at in range(4)])

    found = read(tmp_path / "long.h5").names("", "weight_names")

    assert found == [f"layer_{part}_{at}" for part in range(3) for at in range(4)]


def external_link(file: h5py.File, folder: Path) -> None:
    file["out"] = h5py.ExternalLink(str(folder / "secret.h5"), "/values")


def soft_loop(file: h5py.File, folder: Path) -> None:
    file["a"] = h5py.SoftLink("/b")
    file["b"] = h5py.SoftLink("/a")


def group_in_itself(file: h5py.File, folder: Path) -> None:
    group = file.create_group("g")
    group["again"] = group


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(b"\1" * 400)
    file.create_dataset("out", shape=(100,), dtype="f4", external=[(str(folder / "secret.bin"), 0, 400)])


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout(shape=(5,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "values", shape=(5,))
    file.create_virtual_dataset("out", layout)


def deep(file: h5py.File, folder: Path) -> None:
    file.create_group("/".join("g" * 100))


def huge_attribute(file: h5py.File, folder: Path) -> None:
    text = "x" * (1 << 20)
    for at in range(70):
        file.create_group(f"g{at}").attrs["model_config"] = text


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (external_link, "ExternalLink"),
        (soft_loop, "SoftLink"),
        (group_in_itself, "contains itself"),
        (external_storage, "another file"),
        (virtual, "virtual"),
        (deep, "deeper"),
        (huge_attribute, "characters of attributes"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(
    tmp_path: Path, build: Callable[[h5py.File, Path], None], says: str
) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["values"] = np.arange(5, dtype=np.float32)
    with h5py.File(tmp_path / "outer.h5", "w", libver="latest") as file:
        build(file, tmp_path)

    assert says in refused(tmp_path / "outer.h5")


def test_a_shape_without_the_bytes_for_it_is_refused_without_the_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("bomb", shape=(1 << 40,), dtype="f8", chunks=(1 << 20,), compression="gzip", fillvalue=1)
        file.create_dataset("fine", data=VALUES)
    with open_source(tmp_path / "bomb.h5") as source:
        found = structure(source)

        np.testing.assert_array_equal(found.tensors["fine"].load(), VALUES)
        assert found.tensors["bomb"].shape == (1 << 40,)
        with pytest.raises(UnusableInputError, match=r"bomb\.h5"):
            found.tensors["bomb"].load()


def test_every_truncation_is_one_line_or_what_is_left(tmp_path: Path) -> None:
    data = plain_file(tmp_path / "whole.h5").read_bytes()
    path = tmp_path / "cut.h5"
    for at in range(50):
        path.write_bytes(data[: len(data) * at // 50])
        refused(path)


@settings(max_examples=150)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=12))
def test_flipped_bits_never_crash(tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole, path = folder / "bits_whole.h5", folder / "bits.h5"
    if not whole.exists():
        plain_file(whole)
    data = bytearray(whole.read_bytes())
    # Most of the file is one long dataset, where a flip is just another value.
    head = min(len(data), 1 << 14)
    for share, bit in flips:
        data[int(share * head)] ^= 1 << bit
    path.write_bytes(data)

    assert "\n" not in verdict(path)


def test_a_crash_of_the_library_is_one_line_and_the_next_file_is_read(tmp_path: Path) -> None:
    path = plain_file(tmp_path / "a.h5")
    read(path)
    assert isolation._child is not None
    os.kill(isolation._child._process.pid, signal.SIGSEGV)

    assert "crashed (SIGSEGV)" in refused(path)
    read(path)


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plain_file(tmp_path / "a.h5")
    read(path)
    assert isolation._child is not None
    pid = isolation._child._process.pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(isolation, "MOST_SECONDS", 0.2)

    assert "takes longer than" in refused(path)
    assert isolation._child is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plain_file(tmp_path / "a.h5")
    (tmp_path / "h5py.py").write_text("raise ModuleNotFoundError(name='h5py')")
    isolation._stop()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    with pytest.raises(ModuleNotFoundError) as caught:
        read(path)
    isolation._stop()

    assert caught.value.name == "h5py"


def test_the_reading_process_is_limited() -> None:
    import resource

    assert isolation._child is None or isolation._child.owner == os.getpid()
    isolation._stop()
    child = isolation._Child()
    reply, _ = child.ask(isolation.message({"task": "hdf5.structure", "arguments": {}}), 10)
    assert "TypeError" in str(reply["failed"])
    pid = child._process.pid
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] <= 1 << 30
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 0
    assert resource.prlimit(pid, resource.RLIMIT_CPU)[0] <= 20
    # It ends by itself, for which stop() does not wait long.
    child._process.stdin.close()
    assert child._process.wait(timeout=60) == 0
    assert child.stop() == 0


def test_only_known_tasks_are_done() -> None:
    with pytest.raises(UnusableInputError, match="KeyError"):
        isolation.ask("os.system", "a.h5", {"command": "true"})


def test_files_vanish(tmp_path: Path) -> None:
    path = plain_file(tmp_path / "a.h5")
    source = open_source(path)
    path.unlink()

    with source, pytest.raises(UnusableInputError, match=r"a\.h5"):
        structure(source)


def test_several_threads_share_the_reading_process(tmp_path: Path) -> None:
    paths = []
    for at in range(8):
        paths.append(tmp_path / f"{at}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["values"] = np.full(10, at)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, paths * 5))

    assert [int(each.tensors["values"].load()[0]) for each in found] == list(range(8)) * 5
