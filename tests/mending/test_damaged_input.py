"""Damaged checkpoints: mending them ends in one line or in a file, whatever is wrong, and never in half a file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadynorm import UnusableInputError, convert, debias_statistics

STATE = {
    "bn.weight": np.full(4, 1.5, np.float32),
    "bn.bias": np.zeros(4, np.float32),
    "bn.running_mean": np.full(4, 0.1, np.float32),
    "bn.running_var": np.full(4, 0.9, np.float32),
}


def torch_bytes(legacy: bool) -> bytes:
    buffer = io.BytesIO()
    tensors = {name: torch.tensor(values) for name, values in STATE.items()}
    torch.save(tensors, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


FILES = {
    "net.safetensors": safetensors.numpy.save(STATE),
    "net.pt": torch_bytes(legacy=False),
    "legacy.pt": torch_bytes(legacy=True),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The index and the data of a TensorFlow checkpoint."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "net.safetensors").write_bytes(FILES["net.safetensors"])
    convert(folder / "net.safetensors", folder / "m", to="tensorflow")
    return (folder / "m.index").read_bytes(), (folder / "m.data-00000-of-00001").read_bytes()


def survives(folder: Path, name: str) -> None:
    """Mends in two ways; nothing may be left but whole files."""
    there = {path.name for path in folder.iterdir()}
    for mend, output in (
        (lambda new: debias_statistics(folder / name, new, decay=0.9, updates=20), "out"),
        (lambda new: convert(folder / name, new), "out.safetensors"),
    ):
        new = folder / output
        try:
            mend(new)
        except UnusableInputError:
            assert {path.name for path in folder.iterdir()} == there
        else:
            for path in folder.glob("out*"):
                path.unlink()
    assert {path.name for path in folder.iterdir()} == there


@pytest.mark.parametrize("name", FILES)
def test_truncated(name: str, tmp_path: Path) -> None:
    data = FILES[name]
    for part in range(50):
        (tmp_path / name).write_bytes(data[: len(data) * part // 50])
        survives(tmp_path, name)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 7)), min_size=1, max_size=4))
def test_flipped_bits(name: str, flips: list[tuple[int, int]], tmp_path: Path) -> None:
    data = bytearray(FILES[name])
    for at, bit in flips:
        data[at % len(data)] ^= 1 << bit
    (tmp_path / name).write_bytes(data)
    survives(tmp_path, name)


@pytest.mark.parametrize("part", [0, 1], ids=["index", "data"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 1 << 30), bit=st.integers(0, 7), cut=st.integers(0, 60))
def test_tensorflow(part: int, at: int, bit: int, cut: int, table: tuple[bytes, bytes], tmp_path: Path) -> None:
    files = [bytearray(each) for each in table]
    files[part][at % len(files[part])] ^= 1 << bit
    if cut < 30:
        del files[part][len(files[part]) * cut // 30 :]
    (tmp_path / "m.index").write_bytes(files[0])
    (tmp_path / "m.data-00000-of-00001").write_bytes(files[1])
    survives(tmp_path, "m")
