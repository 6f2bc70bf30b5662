"""Repairs a checkpoint with data: statistics re-estimated on a subject with its weights, in the checkpoint's format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from steadynorm.errors import UnusableInputError
from steadynorm.mending.on_data import Options, check_rereadable, reestimated
from steadynorm.mending.planning import Plan, opened
from steadynorm.mending.records import Mended
from steadynorm.recalibration import TOLERANCE, Recalibration
from steadynorm.rooms import room
from steadynorm.subject import Subject

StrPath = str | os.PathLike[str]


def repair_checkpoint(
    checkpoint: StrPath,
    subject: Subject,
    output: StrPath,
    *,
    dry_run: bool = False,
    batches: int | None = 100,
    tolerance: float = TOLERANCE,
    passes: int = 1,
    max_batches: int | None = None,
    include_frozen: bool = False,
    device: str | None = None,
    progress: bool = True,
) -> Mended:
    """Re-estimates the statistics of a checkpoint from data and writes them to a copy of it.

    Neither the checkpoint nor the subject's model changes. A copy of the model gets the checkpoint's weights, by
    name; what DataParallel, torch.compile or a training loop put before the names does not matter. The new file has
    the format of the old one, and every byte of it that is not a statistic (or a checksum) is the same.

    Arguments:
        checkpoint: a checkpoint of the subject's model, of any format that keeps each statistic in one piece.
        subject: the model, and the data as in `repair`.
        output: what to write; must not exist yet. A prefix for a TensorFlow checkpoint; a folder for checkpoints of
            several files that name each other.
        dry_run: whether to write nothing and only say what would be.
        batches: as in `repair`, and so are the arguments below.
        tolerance: see `repair`.
        passes: see `repair`.
        max_batches: see `repair`.
        include_frozen: see `repair`.
        device: see `repair`.
        progress: see `repair`.

    Returns:
        old and new statistics by layer, and loss and metric before and after.

    Raises:
        UnusableInputError: the checkpoint is not of the subject's model, its statistics cannot be overwritten, or
            the output exists or cannot be written; nothing is written then.
        NoNormalizationLayersError: there is no layer to re-estimate.
    """
    files = room(subject.model, "mending")
    plan = Plan(opened(checkpoint, output))
    check_rereadable(subject)
    with room(subject.model, "repair").copied(subject) as copied:
        names: dict[str, str] = files.load(copied.model, plan.opened.contents, plan.opened.path)
        options = Options(batches, tolerance, passes, max_batches, include_frozen, device, progress)
        measured = reestimated(copied, copied, options)
        missing = _replace_statistics(plan, files, copied.model, names, measured.recalibration)
    if missing:
        raise UnusableInputError(
            f"{plan.opened.path}: has no statistics of {', '.join(missing[:4])} under their names: held in plain lists "
            "of the model, which a checkpoint does not reach, or named in another way there"
        )
    skipped = measured.recalibration.skipped
    plan.notes += [f"left alone: '{name}': {reason}" for name, reason in skipped.items()]
    measured = replace(measured, recalibration=replace(measured.recalibration, skipped={}))
    return plan.patch(dry_run, measured)


def _replace_statistics(
    plan: Plan, files: ModuleType, model: Any, names: Mapping[str, str], recalibration: Recalibration
) -> list[str]:
    """Plans new values for the statistics that a model has now; gives the layers of which the checkpoint has none.

    Arguments:
        plan: of the checkpoint.
        files: the room's way to read and name statistics.
        model: with the new statistics.
        names: by the model's own names, those of the checkpoint.
        recalibration: which layers have new statistics.
    """
    of_tensor = {
        tensor.name: layer for layer, named in plan.opened.found.tensors.items() for tensor in named.tensors.values()
    }
    missing = []
    for layer in (each.name for each in recalibration.layers):
        keys = files.statistics_keys(model, layer)
        if not all(key in names for key in keys):
            missing.append(layer)
            continue
        stored = (names[keys[0]], names[keys[1]])
        mean, variance = files.statistics(model, layer)
        epsilon = files.epsilon(model, layer)
        plan.replace(of_tensor.get(stored[1], layer), stored, mean, variance, epsilon=epsilon)
    return missing
