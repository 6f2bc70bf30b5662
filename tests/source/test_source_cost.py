"""What a check of source code does not do: load what it has no use for, and change the process that it runs in."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from steadynorm import check
from steadynorm.cli import app

TORCH = "import torch\nnet = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))\n"
KERAS = "import keras\nnet = keras.Sequential([keras.layers.Dense(8), keras.layers.BatchNormalization()])\n"
FLAX = "from flax import nnx\nnorm = nnx.BatchNorm(8, rngs=nnx.Rngs(0))\n"
TENSORFLOW = "import tensorflow as tf\ny = tf.layers.batch_normalization(tf.zeros([8, 4]), training=True)\n"


def modules_after(code: str) -> set[str]:
    """The modules of ours in memory after some code has run in a fresh process."""
    code = f"{code}\nimport sys\nprint(*(name for name in sys.modules if name.startswith('steadynorm.')))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        (TORCH, {"torch"}),
        (KERAS, {"torch", "keras"}),
        (FLAX, {"torch", "keras", "jax"}),
        (TENSORFLOW, {"torch", "tensorflow"}),
        (f"{TORCH}import tensorflow as tf\ntf.config.set_visible_devices([], 'GPU')\n", {"torch"}),
    ],
)
def test_only_readers_of_what_is_called_are_loaded(text: str, rooms: set[str], tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text)
    loaded = modules_after(f"from steadynorm import check\nassert check({str(tmp_path)!r}).reports")

    assert {name.split(".")[2] for name in loaded if name.endswith(".reader") and name.count(".") == 3} == rooms


def test_a_check_of_source_loads_nothing_that_reads_models(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(TORCH)
    loaded = modules_after(f"from steadynorm import check\nassert check({str(tmp_path)!r}).reports")

    assert not loaded & {
        "steadynorm.model_check",
        "steadynorm.artifacts.assembly",
        "steadynorm.fixing",
        "steadynorm.recorded",
        "steadynorm.experiments.records",
    }


@pytest.mark.parametrize("form", ["json", "text", "sarif", "github"])
@pytest.mark.parametrize("text", [TORCH, KERAS, FLAX, TENSORFLOW], ids=["torch", "keras", "flax", "tensorflow"])
def test_a_check_of_source_does_not_load_numpy(text: str, form: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(text)
    argv = ["steadynorm", "check", str(tmp_path / "x.py"), "--format", form, "--output", str(tmp_path / "report")]
    code = f"import sys; sys.argv = {argv!r}\nfrom steadynorm.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    loaded = subprocess.run(
        [sys.executable, "-c", f"{code}print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()

    assert (tmp_path / "report").read_text()
    assert "steadynorm.source.reader" in loaded
    assert "numpy" not in loaded


def test_the_collector_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(TORCH)
    was_on, frozen = gc.isenabled(), gc.get_freeze_count()
    assert check(tmp_path).reports
    assert CliRunner().invoke(app, ["check", str(tmp_path)]).exit_code == 0

    assert gc.isenabled() is was_on
    # What the tests' own process has frozen goes away when nobody holds it any more; a check would add thousands.
    assert gc.get_freeze_count() <= frozen


def test_the_command_alone_in_its_process_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(TORCH)
    inside = CliRunner().invoke(app, ["check", str(tmp_path)])
    alone = subprocess.run([sys.executable, "-m", "steadynorm", "check", str(tmp_path)], capture_output=True, text=True)

    assert alone.stderr == ""
    assert (alone.returncode, alone.stdout) == (inside.exit_code, inside.stdout)
