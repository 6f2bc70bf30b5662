"""Repairs a subject: re-estimated statistics, measured before and after, in a new checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode, Score, Split
from steadynorm.mending.records import Measured
from steadynorm.recalibration import TOLERANCE, Recalibration, recalibrate
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.scoring import Yardstick
from steadynorm.subject import Subject


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair and what it did.

    Arguments:
        before: loss and metric on the validation data in inference mode, as handed over; empty where the subject has
            neither.
        after: the same with the new statistics.
        measure: `metric` or `loss`, whichever the subject is measured by.
        recalibration: what the re-estimation took and the error that it left.
        output: the new checkpoint.
        worse: whether the model does worse with the new statistics, by more than such numbers scatter.
    """

    before: Score
    after: Score
    measure: str
    recalibration: Recalibration
    output: Path
    worse: bool = False


def repair(
    subject: Subject,
    output: str | PathLike[str],
    *,
    batches: int | None = 100,
    tolerance: float = TOLERANCE,
    passes: int = 1,
    max_batches: int | None = None,
    include_frozen: bool = False,
    device: str | None = None,
    progress: bool = True,
) -> Repair:
    """Re-estimates the statistics of a copy of the subject's model and writes them, with its weights, to a new file.

    The subject's own model is left as it is (a Keras model, which cannot always be copied, stands in for its copy and
    is put back bit for bit). The file is a state dict of the model (of the module inside, where it is wrapped by
    DataParallel, DistributedDataParallel or torch.compile); for Keras, its weights or all of it, by the ending of
    the name (.weights.h5, .keras); for a graph of TensorFlow, a checkpoint whose files begin with the name. It is
    written also where the model does worse than before, which the result says: weights that were trained with the old
    statistics need these.

    Arguments:
        subject: the model, the training data that the statistics are taken from, and the validation data (by default
            the training data) that the loss and metric are measured on.
        output: where to write; must not exist yet.
        batches: how many validation batches are measured, spread over the data where these allow it; `None` for all.
            They are held in memory.
        tolerance: as in `recalibrate`, and so are the arguments below.
        passes: see `recalibrate`.
        max_batches: see `recalibrate`.
        include_frozen: see `recalibrate`.
        device: where to run; by default where the model is. The file holds tensors on the model's own devices.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        the measurements before and after, and the file.

    Raises:
        UnusableInputError: `output` exists or cannot be written, or the subject cannot be used; nothing is written
            then.
        NoNormalizationLayersError: the model has no layer to re-estimate.
    """
    output = Path(output)
    files = room(subject.model, "checkpoint")
    files.check_new(output)
    check_rereadable(subject)
    with room(subject.model, "repair").copied(subject) as copied:
        found = reestimated(
            subject,
            copied,
            batches=batches,
            tolerance=tolerance,
            passes=passes,
            max_batches=max_batches,
            include_frozen=include_frozen,
            device=device,
            progress=progress,
        )
        files.write(copied.model, output)
    return Repair(found.before, found.after, found.measure, found.recalibration, output, found.worse)


def reestimated(
    original: Subject,
    copied: Subject,
    *,
    batches: int | None,
    tolerance: float,
    passes: int,
    max_batches: int | None,
    include_frozen: bool,
    device: str | None,
    progress: bool,
) -> Measured:
    """Re-estimates the statistics of a copy, and measures before and after.

    Arguments:
        original: what is measured before; may be the copy itself.
        copied: what gets new statistics.
        batches: as in `repair`, and so are the arguments below.
        tolerance: see `repair`.
        passes: see `repair`.
        max_batches: see `repair`.
        include_frozen: see `repair`.
        device: see `repair`.
        progress: see `repair`.

    Raises:
        UnusableInputError: see `repair`.
        NoNormalizationLayersError: see `repair`.
    """
    with Progress(progress) as stage:
        stage("measuring before")
        before = _measured(original, batches, device)
    recalibration = recalibrate(
        copied.model,
        copied.train_data,
        tolerance=tolerance,
        passes=passes,
        max_batches=max_batches,
        include_frozen=include_frozen,
        forward=copied.forward,
        device=device,
        progress=progress,
    )
    with Progress(progress) as stage:
        stage("measuring after")
        after = _measured(copied, batches, device)
    yardstick = Yardstick(copied.metric is not None, copied.higher_is_better)
    return Measured(before, after, yardstick.measure, recalibration, yardstick.clearly_better(before, after))


def _measured(subject: Subject, batches: int | None, device: str | None) -> Score:
    """Loss and metric on the validation data in inference mode."""
    if subject.loss is None and subject.metric is None:
        return Score()
    # The split that is measured stands in the place of the training data, so that no other is read for nothing.
    measured = replace(subject, train_data=_held_out(subject), validation_data=None)
    with room(subject.model, "live").opened(measured, batches=batches, device=device) as live:
        measured_score: Score = live.measure(Split.TRAIN, Mode.POPULATION).score
    return measured_score


def _held_out(subject: Subject) -> Any:
    return subject.train_data if subject.validation_data is None else subject.validation_data


def check_rereadable(subject: Subject) -> None:
    """Refuses data that can be read once only where they are read twice, before and after.

    Raises:
        UnusableInputError: the validation data, or the training data that stand in for these, are an iterator.
    """
    data = _held_out(subject)
    measures = subject.loss is not None or subject.metric is not None
    if measures and isinstance(data, Iterator):
        name = "train_data" if subject.validation_data is None else "validation_data"
        raise UnusableInputError(
            f"{name} of the subject is a {type(data).__name__}, which can be read once, and it is measured before and "
            "after the repair: pass a list or a loader"
        )


class _Callable(ModuleType):
    """Once this module is imported, `steadynorm.repair` is the module, and no longer the function of that name."""

    def __call__(self, *args: Any, **options: Any) -> Repair:
        return repair(*args, **options)


sys.modules[__name__].__class__ = _Callable
