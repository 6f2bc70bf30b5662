"""What a run file says: the statistics and the losses of one training, as `steadynorm.Monitor` wrote them down."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadynorm.errors import UnusableInputError

LOSSES = ("train", "validation")

LONGEST_LINE = 1 << 26
"""Bytes of a line; a file whose lines are longer was written by something else."""


@dataclass(frozen=True, slots=True)
class Course:
    """One layer over a training, a number per measurement; what was not known or not finite is nan.

    Arguments:
        steps: when it was measured.
        shift: the mean shift of the batches from the moving statistics, in standard deviations.
        log_ratio: the log of their variance over the moving one.
        decay: the decay observed last; `None` where it never was.
        updates: updates of the statistics per step, seen last; `None` where they never were.
    """

    steps: array[int]
    shift: array[float]
    log_ratio: array[float]
    decay: float | None
    updates: float | None


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss at a step; one that was not measured then is `None`, and one that was not finite is nan."""

    step: int
    train: float | None
    validation: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """What the monitor warned of at a step."""

    step: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """A training as a monitor saw it.

    Arguments:
        path: the run file.
        version: of the steadynorm that wrote it.
        framework: of the model.
        model: its name.
        interval: steps between measurements.
        layers: by name, in model order.
        losses: in order of their steps.
        warnings: in order of their steps.
        cut_off: whether the last line is incomplete, as of a training that was stopped or still goes on.
        trainings: how many the file holds, of which this is the last.
    """

    path: str
    version: str
    framework: str
    model: str
    interval: int
    layers: Mapping[str, Course] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    warnings: tuple[Warned, ...] = ()
    cut_off: bool = False
    trainings: int = 1

    @property
    def steps(self) -> int:
        """The last step that anything is known of."""
        seen = [course.steps[-1] for course in self.layers.values() if course.steps]
        return max([0, *seen, *(each.step for each in self.losses), *(each.step for each in self.warnings)])

    def to_html(self) -> str:
        """The run as an HTML page that is complete by itself.

        Raises:
            UnusableInputError: the extra `html` is not installed.
        """
        from steadynorm.report.pages import run_to_html

        return run_to_html(self)

    def __str__(self) -> str:
        """The run as plain text, 80 columns wide."""
        from steadynorm.report.run_text import as_text

        return as_text(self)

    def __rich__(self) -> object:
        """The run for a rich console."""
        from steadynorm.report.run_text import renderable

        return renderable(self)


class _DamagedError(ValueError):
    """What is wrong with a line, to follow 'line 3'."""


def read_run(path: str | Path) -> Run:
    """Reads a run file; of several trainings in it, the last.

    An incomplete last line is left out. Kinds of lines that are not known are left out, too: a later version may
    write more.

    Raises:
        UnusableInputError: it cannot be read, is no run file, or is damaged.
    """
    try:
        with open(path, "rb") as file:
            head = _head(file.readline(LONGEST_LINE), path)
            return _read(path, head, iter(lambda: file.readline(LONGEST_LINE), b""))
    except OSError as error:
        raise UnusableInputError(f"cannot read {path}: {error.strerror}") from error


def _head(line: bytes, path: str | Path) -> Mapping[str, Any]:
    try:
        head = _object(line)
        if head.get("kind") != "run" or "steadynorm" not in head:
            raise _DamagedError('has no "kind": "run"')
        return head
    except _DamagedError as error:
        raise UnusableInputError(
            f"{path} is no run file: its first line {error}; expected a file that steadynorm.Monitor wrote, "
            "or the whole of a report as JSON that diagnose or sanity wrote"
        ) from error


class _Training:
    """What one training's lines have said so far."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        self.head = head
        self.courses: dict[str, Course] = {}
        self.losses: list[Loss] = []
        self.warnings: list[Warned] = []

    def hear(self, said: Mapping[str, Any]) -> None:
        """Takes a line in; kinds that are not known are left out."""
        if said.get("kind") == "statistics":
            _measure(self.courses, said)
        elif said.get("kind") == "loss":
            self.losses.append(Loss(_step(said), *(_number(said, key) if key in said else None for key in LOSSES)))
        elif said.get("kind") == "warning":
            self.warnings.append(Warned(_step(said), _text(said, "code"), _text(said, "message")))


def _read(path: str | Path, head: Mapping[str, Any], lines: Iterator[bytes]) -> Run:
    training, trainings, cut_off = _Training(head), 1, False
    damage: UnusableInputError | None = None
    for number, line in enumerate(lines, 2):
        if not line.endswith(b"\n"):
            cut_off = True
            break
        try:
            said = _object(line)
            if said.get("kind") == "run" and "steadynorm" in said:
                # A line that is damaged before it is the end of a training that was stopped.
                training, trainings, damage = _Training(said), trainings + 1, None
            elif damage is None:
                training.hear(said)
        except _DamagedError as error:
            damage = damage or UnusableInputError(f"{path} is damaged: its line {number} {error}")
    if damage is not None:
        raise damage
    head = training.head
    return Run(
        str(path),
        str(head["steadynorm"]),
        str(head.get("framework", "")),
        str(head.get("model", "")),
        head["interval"] if isinstance(head.get("interval"), int) else 0,
        training.courses,
        tuple(sorted(training.losses, key=lambda each: each.step)),
        tuple(sorted(training.warnings, key=lambda each: each.step)),
        cut_off,
        trainings,
    )


def _measure(courses: dict[str, Course], said: Mapping[str, Any]) -> None:
    step, layers = _step(said), said.get("layers")
    if not isinstance(layers, dict):
        raise _DamagedError('has no "layers"; expected an object of layers')
    for name, measured in layers.items():
        if not isinstance(measured, dict):
            raise _DamagedError(f"has no numbers for layer {name!r}; expected an object of numbers")
        course = courses.get(name) or Course(array("q"), array("d"), array("d"), None, None)
        course.steps.append(step)
        course.shift.append(_number(measured, "mean_shift"))
        course.log_ratio.append(_number(measured, "log_variance_ratio"))
        decay, updates = _number(measured, "decay"), _number(measured, "updates_per_step")
        courses[name] = Course(
            course.steps,
            course.shift,
            course.log_ratio,
            course.decay if math.isnan(decay) else decay,
            course.updates if math.isnan(updates) else updates,
        )


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    # RecursionError: brackets in brackets in brackets.
    except (ValueError, RecursionError) as error:
        raise _DamagedError("is not JSON") from error
    if not isinstance(said, dict):
        raise _DamagedError("is no JSON object")
    return said


def _step(said: Mapping[str, Any]) -> int:
    step = said.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < 1 << 53:
        raise _DamagedError('has no usable "step"; expected a count')
    return step


def _number(said: Mapping[str, Any], key: str) -> float:
    value = said.get(key)
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _DamagedError(f'has a "{key}" that is no number')
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    if not isinstance(value, str):
        raise _DamagedError(f'has no "{key}"; expected a text')
    return value
