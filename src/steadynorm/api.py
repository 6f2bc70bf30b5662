"""The public functions, which find the model's framework and hand over to its room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from steadynorm.diagnosis import diagnose as diagnose_live
from steadynorm.report.model import Report
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.scoring import Yardstick
from steadynorm.subject import Subject


def diagnose(
    model: Any,
    train_data: Iterable[Any] | None = None,
    validation_data: Iterable[Any] | None = None,
    *,
    batches: int = 20,
    device: str | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    progress: bool = True,
    **functions: Any,
) -> Report:
    """Finds out, on copies, why a model behaves differently in inference than in training.

    Arguments:
        model: the model, or a `Subject` that holds it with everything else.
        train_data: batches that the model was trained on; see `Subject`.
        validation_data: batches that it was not trained on.
        batches: how many batches of each are sampled.
        device: where to run the copy; by default where the model is.
        select: codes or prefixes (`SN1`) to check; all if empty.
        ignore: codes or prefixes to leave out.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.
        functions: the other arguments of `Subject`: loss, metric, train_step, optimizer, evaluate, ...

    Returns:
        a `Report`. The model, its gradients, hooks and modes and all random states are bit for bit as before.

    Raises:
        UnusableInputError: the model, the data or a function of the subject cannot be used.
    """
    subject = _subject(model, train_data, validation_data, functions)
    select, ignore = tuple(select), tuple(ignore)
    live_room = room(subject.model, "live")
    with live_room.opened(subject, batches=batches, device=device) as live, Progress(progress) as stage:
        yardstick = Yardstick(subject.metric is not None, subject.higher_is_better)
        report = diagnose_live(live, yardstick, name=subject.name, select=select, ignore=ignore, stage=stage)
    return replace(report, select=select, ignore=ignore)


def _subject(model: Any, train_data: Any, validation_data: Any, functions: dict[str, Any]) -> Subject:
    if isinstance(model, Subject):
        given = {"train_data": train_data, "validation_data": validation_data, **functions}
        return replace(model, **{name: value for name, value in given.items() if value is not None})
    if train_data is None:
        raise TypeError("diagnose() needs train_data, or a Subject that holds it")
    return Subject(model, train_data, validation_data, **functions)
