"""TensorBoard's event files, by the protocol buffers of the package `tensorboard` alone: no framework is imported.

Its own writer of event files imports TensorFlow where that is installed, which takes seconds and disturbs PyTorch.

Scalars are `steadynorm/<quantity>/<layer>`, so that TensorBoard groups the layers of one quantity; histograms are
`steadynorm/moving_mean/<layer>` and `steadynorm/moving_variance/<layer>`, over channels; warnings are text.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.extras import missing_module

BINS = 30


class EventFile:
    """Writes an event file; implements `steadynorm.monitoring.session.Sink`.

    Arguments:
        folder: where the file is made; TensorBoard's logdir, or a folder in it.

    Raises:
        UnusableInputError: the package `tensorboard` is not installed, or the file cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ModuleNotFoundError as error:
            raise UnusableInputError(missing_module(error, "tensorboard=...", "tensorboard")) from error
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{id(self)}.steadynorm"
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter((Path(folder) / name).open("wb"))
        except OSError as error:
            raise UnusableInputError(f"cannot write event files to {folder}: {error.strerror}") from error
        self._write(self._event(file_version="brain.Event:2"))

    def statistics(self, step: int, layers: Mapping[str, Mapping[str, float | None]]) -> None:
        """Writes what was measured at a step as scalars."""
        self._scalars(
            step,
            {
                f"{quantity}/{layer}": value
                for layer, measured in layers.items()
                for quantity, value in measured.items()
                if value is not None
            },
        )

    def moving(self, step: int, name: str, mean: Array, variance: Array) -> None:
        """Writes the moving statistics of a layer as histograms over its channels."""
        summary = self._summary()
        for quantity, values in (("moving_mean", mean), ("moving_variance", variance)):
            finite = values[np.isfinite(values)]
            if finite.size:
                counts, edges = np.histogram(finite, BINS)
                histogram = summary.value.add(tag=f"steadynorm/{quantity}/{name}").histo
                histogram.min, histogram.max = float(finite.min()), float(finite.max())
                histogram.num = finite.size
                histogram.sum, histogram.sum_squares = float(finite.sum()), float(np.square(finite).sum())
                histogram.bucket_limit.extend(edges[1:].tolist())
                histogram.bucket.extend(counts.tolist())
        self._write(self._event(step=step, summary=summary))

    def loss(self, step: int, train: float | None, validation: float | None) -> None:
        """Writes the losses that are known at a step as scalars."""
        given = {"loss/train": train, "loss/validation": validation}
        self._scalars(step, {name: value for name, value in given.items() if value is not None})

    def warning(self, step: int, code: str, message: str) -> None:
        """Writes what was warned of at a step as text."""
        summary = self._summary()
        value = summary.value.add(tag=f"steadynorm/warning/{code}")
        value.metadata.plugin_data.plugin_name = "text"
        value.tensor.dtype = _STRING
        value.tensor.string_val.append(f"{code}: {message}".encode())
        self._write(self._event(step=step, summary=summary))

    def flush(self) -> None:
        """Lets TensorBoard see what was written."""
        self._records.flush()

    def close(self) -> None:
        """Ends the file."""
        self._records.close()

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        summary = self._summary()
        for name, value in values.items():
            summary.value.add(tag=f"steadynorm/{name}", simple_value=value)
        self._write(self._event(step=step, summary=summary))

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())


_STRING = 7
"""DT_STRING of TensorFlow's types.proto."""
