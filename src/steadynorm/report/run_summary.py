"""What a run file says as a whole, in the same words for every form of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.report.run import Course, Run
from steadynorm.report.words import counted, number


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One line of the table of layers.

    Arguments:
        name: the layer.
        place: its place in the model, from 1.
        course: what was measured.
        largest: the largest mean shift.
        largest_at: its step; `None` if none is known.
    """

    name: str
    place: int
    course: Course
    largest: float
    largest_at: int | None

    @property
    def size(self) -> float:
        """What rows are ordered by: the last distance; one that is not known, as of a frozen layer, is the smallest."""
        size = math.hypot(self.course.shift[-1], self.course.log_ratio[-1])
        return -1.0 if math.isnan(size) else size


def run_verdict(run: Run) -> str:
    """The whole run in one sentence."""
    name = run.model or "the model"
    steps = f"{run.steps:,} {'step' if run.steps == 1 else 'steps'}"
    if not run.layers and not run.losses and not run.warnings:
        return f"{name}: nothing was measured."
    if not run.warnings:
        return f"{name}: nothing to warn of in {steps}."
    first = run.warnings[0]
    named = f"{first.code} {CATALOGUE[first.code].name}" if first.code in CATALOGUE else first.code
    return f"{name}: {counted(len(run.warnings), 'warning')} in {steps}, first {named} at step {first.step:,}."


def run_looked_at(run: Run) -> str:
    """What it rests on, in a sentence or two."""
    measured = max((len(course.steps) for course in run.layers.values()), default=0)
    parts = [counted(len(run.layers), "normalization layer"), counted(measured, "measurement")]
    parts += [f"one every {counted(run.interval, 'step')}"] * bool(run.interval and measured)
    end = " The last line is incomplete: the training goes on, or was stopped." if run.cut_off else ""
    of = f" It is the last of {run.trainings} trainings in the file." if run.trainings > 1 else ""
    return f"{', '.join(parts)} ({run.framework or 'unknown framework'}, steadynorm {run.version}).{of}{end}"


def course_rows(run: Run) -> list[CourseRow]:
    """One line per layer, those that are the furthest apart at the end first."""
    rows = []
    for place, (name, course) in enumerate(run.layers.items(), 1):
        known = [(shift, step) for shift, step in zip(course.shift, course.steps, strict=True) if math.isfinite(shift)]
        largest, at = max(known, key=lambda each: each[0], default=(math.nan, None))
        rows.append(CourseRow(name, place, course, largest, at))
    return sorted(rows, key=lambda row: -row.size)


def losses_said(run: Run) -> list[str]:
    """Sentences about the training and the validation loss; none where there are none."""
    return [
        *_said("Training loss", [(each.step, each.train) for each in run.losses]),
        *_said("Validation loss", [(each.step, each.validation) for each in run.losses]),
    ]


def _said(what: str, values: list[tuple[int, float | None]]) -> list[str]:
    known = [(value, step) for step, value in values if value is not None and math.isfinite(value)]
    lost = [step for step, value in values if value is not None and not math.isfinite(value)]
    said = [f"{what} not finite at {counted(len(lost), 'step')}, first at step {lost[0]:,}."] if lost else []
    if not known:
        return said
    (last, end), (lowest, at) = known[-1], min(known)
    where = "" if lowest == last else f", lowest {number(lowest)} at step {at:,}"
    return [f"{what} {number(last)} at step {end:,}{where}.", *said]
