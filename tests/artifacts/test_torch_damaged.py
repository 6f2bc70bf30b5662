"""PyTorch's files, cut off, with bits flipped, or made to claim the impossible: one clear error, or findings."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadynorm.artifacts import zip_directory
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read, recognise
from steadynorm.artifacts.source import of_bytes, open_source
from steadynorm.artifacts.zip_directory import MOST_ENTRIES, Archive
from steadynorm.errors import UnusableInputError

torch = pytest.importorskip("torch")
nn = torch.nn

PARTS = 50
T = TypeVar("T")


def model() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def saved(what: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.save(what, buffer, **options)
    return buffer.getvalue()


def scripted(what: Callable[[Any], Any]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(what(model()), buffer)
    return buffer.getvalue()


def exported() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.export.save(torch.export.export(model(), (torch.zeros(2, 3, 4, 4),)), buffer)
    return buffer.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "state dict": lambda: saved({"model": model().state_dict(), "epoch": 1}),
    "legacy": lambda: saved(model().state_dict(), _use_new_zipfile_serialization=False),
    "module": lambda: saved(model()),
    "traced": lambda: scripted(lambda each: torch.jit.trace(each.eval(), torch.zeros(2, 3, 4, 4))),
    "scripted": lambda: scripted(torch.jit.script),
    "exported": exported,
}


@pytest.fixture(scope="module", params=KINDS)
def intact(request: pytest.FixtureRequest) -> bytes:
    data: bytes = KINDS[request.param]()
    return data


def attempted(path: Path, data: bytes) -> Contents | None:
    """Reads a file and all of its tensors: contents, or an error of one line that names the file."""
    path.write_bytes(data)
    contents = or_error(lambda: read(path), path)
    if contents is not None:
        for tensor in contents.tensors.values():
            values = or_error(tensor.load, path)
            assert values is None or values.shape == tensor.shape
    return contents


def or_error(function: Callable[[], T], path: Path) -> T | None:
    try:
        return function()
    except UnusableInputError as error:
        said = str(error)
    assert str(path) in said
    assert "\n" not in said
    assert len(said) < 1000
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_cut_off(tmp_path: Path, intact: bytes, part: int) -> None:
    assert attempted(tmp_path / "model.pt", intact[: len(intact) * part // PARTS]) is None


def test_intact(tmp_path: Path, intact: bytes) -> None:
    contents = attempted(tmp_path / "model.pt", intact)
    assert contents is not None
    assert "1.running_mean" in contents.tensors


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bits_flipped(tmp_path: Path, intact: bytes, data: st.DataObject) -> None:
    damaged = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attempted(tmp_path / "model.pt", bytes(damaged))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pickles_with_other_bytes(tmp_path: Path, data: st.DataObject) -> None:
    """Within the archive, where no checksum of the reader's stands in the way."""
    with zipfile.ZipFile(io.BytesIO(saved(model().state_dict()))) as file:
        entries = {each: file.read(each) for each in file.namelist()}
    name = next(each for each in entries if each.endswith("data.pkl"))
    pickled = bytearray(entries[name])
    at = data.draw(st.integers(0, len(pickled) - 1))
    pickled[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for each, content in entries.items():
            file.writestr(each, bytes(pickled) if each == name else content)
    attempted(tmp_path / "model.pt", buffer.getvalue())


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_pickle(tmp_path: Path, data: bytes) -> None:
    assert attempted(tmp_path / "model.pt", b"\x80\x04" + data) is None


@pytest.mark.parametrize(
    "data", [b"", b"P", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x80\x02", b"hello", bytes(100)]
)
def test_wrong_magic(tmp_path: Path, data: bytes) -> None:
    assert attempted(tmp_path / "model.pt", data) is None


# Tensors that claim the impossible


def with_tensor(**changes: Any) -> bytes:
    """A state dict of one tensor, written by hand: 4 float32 in a storage of 16 bytes."""
    claim = {"key": "0", "elements": 4, "offset": 0, "shape": (4,), "stride": (1,), "kind": "torch\nFloatStorage"}
    claim.update(changes)

    def number(value: int) -> bytes:
        data = value.to_bytes(20, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data

    def tuple_of(values: Any) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()

    pid = b"(" + text("storage") + f"c{claim['kind']}\n".encode() + text(claim["key"]) + text("cpu")
    pid += number(claim["elements"]) + b"tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + number(claim["offset"]) + tuple_of(claim["shape"])
    tensor += tuple_of(claim["stride"]) + b"\x89}tR"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/data.pkl", b"\x80\x02}(" + text("bn.running_mean") + tensor + b"u.")
        file.writestr("m/data/0", struct.pack("<4f", 1, 2, 3, 4))
        file.writestr("m/byteorder", b"little")
    return buffer.getvalue()


def test_the_tensor_that_is_changed_below(tmp_path: Path) -> None:
    contents = attempted(tmp_path / "model.pt", with_tensor())
    assert contents is not None
    assert contents.tensors["bn.running_mean"].load().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (5,)},
        {"shape": (1 << 62,)},
        {"shape": (1 << 40, 1 << 40), "stride": (0, 0)},
        {"shape": (1 << 30,), "stride": (0,)},
        {"shape": (1 << 62, 4), "stride": (1 << 62, 1)},
        {"shape": (-1,)},
        {"shape": (4, 4)},
        {"shape": (1,) * 65, "stride": (1,) * 65},
        {"stride": (2,)},
        {"stride": (-1,)},
        {"stride": (1 << 61,)},
        {"offset": 1},
        {"offset": 1 << 61},
        {"offset": -1},
        {"key": "1"},
        {"key": "../../../etc/passwd"},
        {"key": "../data.pkl"},
        {"key": "/etc/passwd"},
        {"elements": -4},
        {"kind": "torch\nDoubleStorage"},
        {"kind": "os\nFloatStorage"},
        {"kind": "torch\nNoStorage"},
    ],
    ids=str,
)
def test_impossible_tensors(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert attempted(tmp_path / "model.pt", with_tensor(**changes)) is None


def test_a_claim_of_a_larger_storage_reads_no_neighbour(tmp_path: Path) -> None:
    """Beyond the storage's 16 bytes lie those of the next entry."""
    assert attempted(tmp_path / "model.pt", with_tensor(elements=400, shape=(40,))) is None


@pytest.mark.parametrize(
    "meta",
    [
        {"sizes": [{"as_int": 1 << 70}]},
        {"sizes": [{"as_int": -1}]},
        {"sizes": "4"},
        {"sizes": [{"as_expr": {"expr_str": "s0"}}]},
        {"strides": []},
        {"dtype": 99},
        {"dtype": [7]},
        {"storage_offset": {"as_int": 99}},
    ],
    ids=str,
)
def test_impossible_weights_of_a_program(tmp_path: Path, meta: dict[str, Any]) -> None:
    entry = {"dtype": 7, "sizes": [{"as_int": 4}], "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}, **meta}
    config = {"config": {"bn.running_mean": {"path_name": "w0", "use_pickle": False, "tensor_meta": entry}}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/archive_format", b"pt2")
        file.writestr("m/models/model.json", b"{}")
        file.writestr("m/data/weights/model_weights_config.json", json.dumps(config))
        file.writestr("m/data/weights/w0", bytes(16))
    assert attempted(tmp_path / "model.pt2", buffer.getvalue()) is None


NODES = b'{"graph_module": {"graph": {"nodes": [1, {"target": 3, "inputs": 4, "outputs": [[]], "metadata": 1}]}}}'


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"graph_module": []}', b"1" * 10_000, b"\xff\xfe", NODES],
)
def test_programs_of_other_json(tmp_path: Path, text: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/archive_format", b"pt2")
        file.writestr("m/models/model.json", text)
    attempted(tmp_path / "model.pt2", buffer.getvalue())


# Archives


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", bytes(200 << 20))
    path = tmp_path / "model.pt"
    path.write_bytes(buffer.getvalue())

    with pytest.raises(UnusableInputError, match="unpacks to 209715200 bytes; expected at most 67108864"):
        read(path)


def test_an_entry_that_unpacks_to_more_than_it_says(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", bytes(200 << 20))
    data = buffer.getvalue().replace(struct.pack("<I", 200 << 20), struct.pack("<I", 100))
    path = tmp_path / "model.pt"
    path.write_bytes(data)

    with pytest.raises(UnusableInputError, match="does not unpack to the 100 bytes"):
        read(path)


def test_a_repacked_checkpoint_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    """Its pickle may be compressed; a compressed storage is no range of the file."""
    data = saved(model().state_dict())
    for compressed, works in ((("data.pkl",), True), (("data.pkl", "0"), False)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
            for each in old.infolist():
                method = zipfile.ZIP_DEFLATED if each.filename.rpartition("/")[2] in compressed else zipfile.ZIP_STORED
                new.writestr(each.filename, old.read(each), method)
        assert (attempted(tmp_path / "model.pt", buffer.getvalue()) is not None) == works


def test_too_many_entries() -> None:
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 50, 0)
    place = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)

    with pytest.raises(UnusableInputError, match=f"{1 << 40} entries; expected at most {MOST_ENTRIES}"):
        Archive(of_bytes("bomb.pt", end64 + place + end))


def test_an_archive_of_very_many_files_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photographs.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(20):
            file.writestr(f"{number}.jpg", b"")
    monkeypatch.setattr(zip_directory, "MOST_ENTRIES", 19)

    with open_source(path) as source:
        assert recognise(source) is None


def test_two_entries_of_one_name(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as file:
        file.writestr("m/data.pkl", b"\x80\x02}.")
        file.writestr("m/data.pkl", b"\x80\x02}.")
    path = tmp_path / "model.pt"
    path.write_bytes(buffer.getvalue())

    with pytest.raises(UnusableInputError, match=r"two entries 'm/data\.pkl'"):
        read(path)


def test_long_numbers_in_the_directory() -> None:
    """Every entry with a 64-bit field, as archives over 4 GB have them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, file.open("a", "w", force_zip64=True) as entry:
        entry.write(b"hello")
    data = bytearray(buffer.getvalue())
    at = data.rfind(b"PK\x01\x02")
    size, header = struct.unpack("<I", data[at + 24 : at + 28])[0], struct.unpack("<I", data[at + 42 : at + 46])[0]
    data[at + 20 : at + 28] = b"\xff" * 8
    data[at + 42 : at + 46] = b"\xff" * 4
    extra = struct.pack("<HHQQQ", 1, 24, size, size, header)
    name = struct.unpack("<H", data[at + 28 : at + 30])[0]
    old = struct.unpack("<H", data[at + 30 : at + 32])[0]
    data[at + 30 : at + 32] = struct.pack("<H", len(extra))
    data[at + 46 + name : at + 46 + name + old] = extra
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", end - at)

    assert Archive(of_bytes("a.zip", bytes(data))).text("a") == b"hello"


def test_torch_s_old_tar_archives_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with tarfile.open(path, "w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            file.addfile(tarfile.TarInfo(name))
    with pytest.raises(UnusableInputError, match=r"model\.pt"):
        read(path)
