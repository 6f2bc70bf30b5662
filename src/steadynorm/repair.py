"""Repairs a subject: re-estimated statistics, measured before and after, in a new checkpoint."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from steadynorm.evidence import Score
from steadynorm.mending.on_data import Options, check_rereadable, reestimated
from steadynorm.recalibration import TOLERANCE, Recalibration
from steadynorm.rooms import room
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
        options = Options(batches, tolerance, passes, max_batches, include_frozen, device, progress)
        found = reestimated(subject, copied, options)
        files.write(copied.model, output)
    return Repair(found.before, found.after, found.measure, found.recalibration, output, found.worse)


class _Callable(ModuleType):
    """Once this module is imported, `steadynorm.repair` is the module, and no longer the function of that name."""

    def __call__(self, *args: Any, **options: Any) -> Repair:
        return repair(*args, **options)


sys.modules[__name__].__class__ = _Callable
