"""What a mending changes, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steadynorm.evidence import Array, Score
from steadynorm.recalibration import Recalibration


@dataclass(frozen=True, slots=True)
class NewStatistics:
    """What one layer's statistics become.

    Arguments:
        layer: the layer's name in the file.
        mean: shape (channels,), as it is written: rounded to the file's type.
        variance: likewise.
        old_mean: what the file has, `None` if it has none.
        old_variance: likewise.
        epsilon: what the layer adds to the variance.
        dtype: the type in the file.
        rounding: the largest error that the type leaves, in standard deviations of the mean or of log variance.
        taken_from: the layer of the other file that they come from, `None` without one.
    """

    layer: str
    mean: Array
    variance: Array
    old_mean: Array | None
    old_variance: Array | None
    epsilon: float
    dtype: str = "float32"
    rounding: float = 0.0
    taken_from: str | None = None

    @property
    def mean_shift(self) -> float | None:
        """How far the mean moves, as root mean square over channels in new standard deviations; `None` if it is new."""
        if self.old_mean is None:
            return None
        return _rms((self.mean - self.old_mean) / np.sqrt(self.variance + self.epsilon))

    @property
    def log_variance_ratio(self) -> float | None:
        """How far log(variance + epsilon) moves, likewise."""
        if self.old_variance is None:
            return None
        return _rms(np.log((self.variance + self.epsilon) / (self.old_variance + self.epsilon)))


@dataclass(frozen=True, slots=True)
class Measured:
    """What re-estimated statistics do to the subject.

    Arguments:
        before: loss and metric on the validation data in inference mode, with the checkpoint as it is.
        after: the same with the new statistics.
        measure: `metric` or `loss`, whichever the subject is measured by.
        recalibration: what the re-estimation took and the error that it left.
        worse: whether the model does worse with the new statistics, by more than such numbers scatter.
    """

    before: Score
    after: Score
    measure: str
    recalibration: Recalibration
    worse: bool = False


@dataclass(frozen=True, slots=True)
class Mended:
    """A mended checkpoint, or what it would be.

    Arguments:
        checkpoint: the file that was given.
        format: what it is, in words.
        output: what was to be written.
        layers: the layers with new statistics, in the file's order.
        notes: what was left alone and why, what was assumed, one sentence each.
        files: what was written; empty on a dry run.
        measured: the effect on the subject, where one was given.
    """

    checkpoint: str
    format: str
    output: Path
    layers: tuple[NewStatistics, ...]
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    measured: Measured | None = None

    def __str__(self) -> str:
        """The report, as the command shows it."""
        from steadynorm.report.mending import mended_text

        return mended_text(self)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
