"""A loss in a TensorBoard event file, as PyTorch's and TensorFlow 2's summaries write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from steadynorm.errors import UnusableInputError
from steadynorm.experiments.losses import read_losses


def written(folder: Path, tag: str, values: list[float], *, as_tensor: bool) -> Path:
    writer = EventFileWriter(str(folder))
    for step, value in enumerate(values):
        kept = (
            Summary.Value(tag=tag, tensor=make_tensor_proto(np.float32(value)))
            if as_tensor
            else Summary.Value(tag=tag, simple_value=value)
        )
        writer.add_event(Event(wall_time=float(step), step=step, summary=Summary(value=[kept])))
    writer.close()
    return folder


@pytest.mark.parametrize("as_tensor", [False, True], ids=["simple", "tensor"])
def test_the_values_come_back_in_their_order(tmp_path: Path, as_tensor: bool) -> None:
    folder = written(tmp_path, "train/loss", [2.5, 1.5, 0.5], as_tensor=as_tensor)

    assert read_losses(folder) == [2.5, 1.5, 0.5]
    assert read_losses(next(folder.iterdir())) == [2.5, 1.5, 0.5]


def test_a_file_without_a_loss_says_what_it_has(tmp_path: Path) -> None:
    written(tmp_path, "accuracy", [0.5], as_tensor=False)

    with pytest.raises(UnusableInputError, match="its scalars: accuracy"):
        read_losses(tmp_path)
