"""The public functions, which find the model's framework and hand over to its room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from steadynorm.diagnosis import diagnose as diagnose_live
from steadynorm.report.model import Report
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.scoring import Yardstick
from steadynorm.selection import codes
from steadynorm.subject import Subject


def diagnose(
    model: Any,
    train_data: Iterable[Any] | None = None,
    validation_data: Iterable[Any] | None = None,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    metric: Callable[[Any, Any], Any] | None = None,
    higher_is_better: bool | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    target: Callable[[Any], Any] | None = None,
    train_step: Callable[..., Any] | None = None,
    optimizer: Any = None,
    evaluate: Callable[[Any, Any], Any] | None = None,
    source_model: Any = None,
    name: str | None = None,
    batches: int = 20,
    device: str | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    progress: bool = True,
) -> Report:
    """Finds out, on copies, why a model behaves differently in inference than in training.

    Arguments:
        model: the model, or a `Subject` that holds it with everything else; what is given here besides it replaces
            the subject's.
        train_data: batches that the model was trained on; see `Subject` for this and the next.
        validation_data: batches that it was not trained on.
        loss: `loss(output, target)`.
        metric: `metric(output, target)`.
        higher_is_better: direction of `metric`; by default it is.
        forward: `forward(model, batch)`.
        target: `target(batch)`.
        train_step: `train_step(model, batch)`, or `train_step(model, optimizer, batch)` with `optimizer`.
        optimizer: the optimizer of the model's parameters.
        evaluate: `evaluate(model, batches)`.
        source_model: the model that these weights were averaged or copied from.
        name: how the report calls the model.
        batches: how many batches of each are sampled.
        device: where to run the copy; by default where the model is.
        select: codes or prefixes (`SN1`) to check; all if empty.
        ignore: codes or prefixes to leave out.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        a `Report`. The model, its gradients, hooks and modes and all random states are bit for bit as before.

    Raises:
        UnusableInputError: the model, the data, a function of the subject or a code cannot be used.
    """
    given = {
        "train_data": train_data,
        "validation_data": validation_data,
        "loss": loss,
        "metric": metric,
        "higher_is_better": higher_is_better,
        "forward": forward,
        "target": target,
        "train_step": train_step,
        "optimizer": optimizer,
        "evaluate": evaluate,
        "source_model": source_model,
        "name": name,
    }
    subject = subject_of(model, {key: value for key, value in given.items() if value is not None}, "diagnose")
    chosen, left_out = codes(select), codes(ignore)
    live_room = room(subject.model, "live")
    with live_room.opened(subject, batches=batches, device=device) as live, Progress(progress) as stage:
        yardstick = Yardstick(subject.metric is not None, subject.higher_is_better)
        return diagnose_live(live, yardstick, name=subject.name, select=chosen, ignore=left_out, stage=stage)


def subject_of(model: Any, given: dict[str, Any], who: str) -> Subject:
    """The subject that a public function is given, as one or in its parts.

    Arguments:
        model: the model, or a `Subject`.
        given: the fields of the subject that were given; they replace its own.
        who: the function, for the error.

    Raises:
        TypeError: there is no `train_data`.
    """
    if isinstance(model, Subject):
        return replace(model, **given)
    if "train_data" not in given:
        raise TypeError(f"{who}() needs train_data, or a Subject that holds it")
    return Subject(model, **given)
