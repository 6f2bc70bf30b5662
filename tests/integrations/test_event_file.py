"""Event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.integrations.tensorboard import EventFile


def events(folder: Path) -> list[Any]:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    (path,) = folder.glob("events.out.tfevents.*")
    return [Event.FromString(each) for each in RawEventFileLoader(str(path)).Load()]


@pytest.fixture
def written(tmp_path: Path) -> list[Any]:
    file = EventFile(tmp_path / "logs")
    file.statistics(5, {"conv/norm": {"mean_shift": 0.25, "decay": None}, "norm": {"mean_shift": 0.5}})
    file.moving(7, "norm", np.array([0.0, 1.0, 1.0]), np.array([np.nan, np.nan, np.nan]))
    file.loss(9, 1.5, None)
    file.warning(9, "SN101", "nothing moved")
    file.close()
    return events(tmp_path / "logs")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_histograms_and_text_come_back(written: list[Any]) -> None:
    version, statistics, moving, loss, warning = written
    assert version.file_version == "brain.Event:2"
    assert statistics.step == 5
    assert {each.tag: each.simple_value for each in statistics.summary.value} == {
        "steadynorm/mean_shift/conv/norm": 0.25,
        "steadynorm/mean_shift/norm": 0.5,
    }
    (histogram,) = moving.summary.value
    assert histogram.tag == "steadynorm/moving_mean/norm"
    assert (histogram.histo.min, histogram.histo.max, histogram.histo.num, histogram.histo.sum) == (0, 1, 3, 2)
    counts = list(histogram.histo.bucket)
    assert (counts[0], counts[-1], sum(counts), len(counts)) == (1, 2, 3, len(histogram.histo.bucket_limit))
    assert [(each.tag, each.simple_value) for each in loss.summary.value] == [("steadynorm/loss/train", 1.5)]
    assert warning.summary.value[0].tensor.string_val[0] == b"SN101: nothing moved"
    assert all(each.wall_time > 1.7e9 for each in written)


def test_no_framework_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom steadynorm.integrations.tensorboard import EventFile\n"
        f"file = EventFile({str(tmp_path)!r})\nfile.loss(1, 2.0, None)\nfile.close()\n"
        "assert not {'torch', 'tensorflow', 'keras', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UnusableInputError, match="cannot write event files to"):
        EventFile(tmp_path / "file")
