"""The public function `steadynorm.sanity`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from os import PathLike
from typing import Any

from steadynorm.api import subject_of
from steadynorm.errors import UnusableInputError
from steadynorm.experiments.losses import read_losses
from steadynorm.experiments.sanity import examine
from steadynorm.experiments.warned import warned_once
from steadynorm.report.model import Report
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.selection import codes
from steadynorm.subject import Subject

SECONDS = 60.0
BATCHES = 20


def sanity(
    model: Any | Subject,
    train_data: Any = None,
    *,
    seconds: float = SECONDS,
    batches: int = BATCHES,
    sequential: bool = False,
    losses: str | PathLike[str] | Iterable[float] | None = None,
    device: str | None = None,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    progress: bool = True,
    **given: Any,
) -> Report:
    """Tries, on copies, whether a model can be trained: the checks SN901 to SN908.

    What needs an untrained model (the first loss, the scale of weights, activations and gradients) is left out where an
    optimizer or a normalization layer shows that it has been trained.

    Arguments:
        model: the model before training; or a `Subject` of it with its training data, loss and, best, the train step. A
            loss of several terms may return them as a dict, list or tuple; they are summed. In a graph of TensorFlow
            they are read off the tensor, and so are the predictions that it is computed from.
        train_data: batches to train on, where no `Subject` holds them; see `Subject`.
        seconds: how long everything may take. What is held: no training begins that, by what those before it took to
            be compiled, would not come to its first steps, and none makes a step after the end. What is not: the first
            pass is always made, a step that has begun (and what is compiled in it) is finished, and the smallest loss
            of the batch is looked for to its end. What there was no time for is not assessed.
        batches: how many batches of the training data are taken, the first ones in their own order.
        sequential: whether the task needs the order of its data.
        losses: a recorded training loss: numbers, a CSV file, a TensorBoard event file or a folder with one.
        device: where to run; by default where the model is.
        select: codes or prefixes to check; SN9 if empty.
        ignore: codes or prefixes to leave out.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.
        given: other fields of the subject, as `loss`, `train_step` or `optimizer`.

    Returns:
        a `Report` whose evidence has `experiments`. The model (a graph's session and its variables), its gradients,
        hooks and modes and all random states are bit for bit as before.

    Raises:
        TypeError: there is no `train_data`.
        UnusableInputError: the model, the data, a function of the subject, a code or the losses cannot be used.
    """
    if not 0 < seconds < math.inf:
        raise UnusableInputError(f"seconds={seconds:g}: expected how long everything may take, more than 0 and no end")
    if train_data is not None:
        given["train_data"] = train_data
    subject = subject_of(model, given, "sanity")
    chosen, left_out = codes(select), codes(ignore)
    recorded = None if losses is None else read_losses(losses)
    trainees = room(subject.model, "trainee")
    with (
        warned_once(),
        trainees.opened_for_training(subject, batches=batches, device=device) as trainee,
        Progress(progress) as stage,
    ):
        return examine(
            trainee,
            name=subject.name,
            seconds=seconds,
            sequential=sequential,
            losses=recorded,
            select=chosen,
            ignore=left_out,
            stage=stage,
        )
