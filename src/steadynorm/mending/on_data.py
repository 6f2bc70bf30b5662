"""Statistics re-estimated on a copy of a subject, with what it is measured by before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode, Score, Split
from steadynorm.mending.records import Measured
from steadynorm.recalibration import recalibrate
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.scoring import Yardstick
from steadynorm.subject import Subject


@dataclass(frozen=True, slots=True)
class Options:
    """How statistics are re-estimated, and measured: the arguments of `steadynorm.repair` of these names."""

    batches: int | None
    tolerance: float
    passes: int
    max_batches: int | None
    include_frozen: bool
    device: str | None
    progress: bool


def reestimated(original: Subject, copied: Subject, options: Options) -> Measured:
    """Re-estimates the statistics of a copy, and measures before and after.

    Arguments:
        original: what is measured before; may be the copy itself.
        copied: what gets new statistics.
        options: how.

    Raises:
        UnusableInputError: the subject cannot be used.
        NoNormalizationLayersError: the model has no layer to re-estimate.
    """
    with Progress(options.progress) as stage:
        stage("measuring before")
        before = _measured(original, options)
    recalibration = recalibrate(
        copied.model,
        copied.train_data,
        tolerance=options.tolerance,
        passes=options.passes,
        max_batches=options.max_batches,
        include_frozen=options.include_frozen,
        forward=copied.forward,
        device=options.device,
        progress=options.progress,
    )
    with Progress(options.progress) as stage:
        stage("measuring after")
        after = _measured(copied, options)
    yardstick = Yardstick(copied.metric is not None, copied.higher_is_better)
    return Measured(before, after, yardstick.measure, recalibration, yardstick.clearly_better(before, after))


def _measured(subject: Subject, options: Options) -> Score:
    """Loss and metric on the validation data in inference mode."""
    if subject.loss is None and subject.metric is None:
        return Score()
    # The split that is measured stands in the place of the training data, so that no other is read for nothing.
    measured = replace(subject, train_data=_held_out(subject), validation_data=None)
    with room(subject.model, "live").opened(measured, batches=options.batches, device=options.device) as live:
        score: Score = live.measure(Split.TRAIN, Mode.POPULATION).score
    return score


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
