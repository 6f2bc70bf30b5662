"""How fast a large checkpoint is read, in a process of its own whose memory is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts.formats import read

torch = pytest.importorskip("torch")

LAYERS = 100
SECONDS, MEBIBYTES = 0.5, 150
ALLOWANCE = 3.0
"""A machine that is busy with the other tests is slower; benchmarks/ has the exact numbers."""

READ = """
import sys, time
import numpy
begin = time.process_time()
from steadynorm.artifacts.formats import read
tensors = read(sys.argv[1]).tensors
total = sum(float(each.load().sum()) for name, each in tensors.items() if ".bn." in name)
seconds = time.process_time() - begin
# Unlike getrusage, this leaves out what the process held before it became this program.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1024, total)
"""


def sparse_checkpoint(path: Path) -> None:
    """2 GB of state dict whose convolutions are holes in the file: it takes little of the disk.

    torch.save writes the archive with `skip_data`, which leaves the storages out.
    """
    state: dict[str, Any] = {}
    for layer in range(LAYERS):
        state[f"{layer}.conv.weight"] = torch.empty(1024, 512, 3, 3 + layer % 2)
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{layer}.bn.{name}"] = torch.empty(1024)
        state[f"{layer}.bn.num_batches_tracked"] = torch.tensor(0)
    with torch.serialization.skip_data():
        torch.save(state, path)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("large") / "model.pt"
    sparse_checkpoint(path)
    return path


def test_a_checkpoint_of_2_gb(large: Path) -> None:
    status = large.stat()
    assert status.st_size > 1.9e9
    assert status.st_blocks * 512 < 1e8
    done = subprocess.run([sys.executable, "-c", READ, str(large)], capture_output=True, text=True, check=True)
    seconds, mebibytes, _ = map(float, done.stdout.split())

    assert seconds < SECONDS * ALLOWANCE
    assert mebibytes < MEBIBYTES


def test_many_small_checkpoints(tmp_path: Path) -> None:
    """At least 100 per second on two cores is asked for; this is one core."""
    state = {
        f"{n}.{name}": torch.zeros(64) for n in range(20) for name in ("weight", "bias", "running_mean", "running_var")
    }
    for number in range(50):
        torch.save({"model": state, "step": number}, tmp_path / f"{number}.pt")
    begin = time.process_time()
    for number in range(50):
        assert len(read(tmp_path / f"{number}.pt").tensors) == len(state)

    assert time.process_time() - begin < ALLOWANCE
