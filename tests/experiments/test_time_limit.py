"""How long a sanity test takes where a training takes long to compile, on a clock that only the model moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from steadynorm.experiments.course import losses_of
from steadynorm.experiments.records import FirstPass, Task
from steadynorm.experiments.sanity import examine
from steadynorm.report.model import Report

STEP = 0.01


class Compiling:
    """A trainee and its own learner: each does nothing but take time.

    Arguments:
        first: what the first pass takes, in seconds.
        compiling: what the first step of a training takes.
        anew: whether each training takes that, or the first alone.
        fits: after how many steps the batch is fitted.
    """

    framework, optimizers, floor, useless = "keras", 1, 0.0, 1.0
    has_train_step = has_rate = has_loss = has_gradients = True
    cannot: Mapping[str, str] = {}

    def __init__(self, first: float, compiling: float, *, anew: bool, fits: int = 100) -> None:
        self.first, self.compiling, self.compiles_anew, self.fits = first, compiling, anew, fits
        self.now, self.steps, self.is_compiled, self.begun = 1000.0, 0, False, 0

    def clock(self) -> float:
        return self.now

    def arrays(self) -> Sequence[tuple[Any, Any]]:
        return []

    def is_image_to_image(self) -> bool:
        return False

    def first_pass(self) -> FirstPass:
        self.now += self.first
        return FirstPass(False, 1.0)

    def learner(self, task: Task, rate: float | None = None) -> Compiling:
        is_adam = rate is not None  # which runs as Python code
        self.steps, self.is_compiled = 0, is_adam or (self.is_compiled and not self.compiles_anew)
        self.begun += 1
        return self

    def course(self, steps: int, *, rate: float = 1.0, share: float = 1.0) -> Sequence[float]:
        self.learner(Task.ONE_BATCH)
        return losses_of(lambda _: self.step(), [None], steps, share)

    def loss(self) -> float:
        return 1.0 - self.steps / self.fits

    def step(self) -> float:
        self.now += STEP if self.is_compiled else self.compiling
        self.is_compiled = True
        self.steps += 1
        return self.loss()

    def moved(self) -> bool:
        return True


def examined(trainee: Compiling, seconds: float, losses: Sequence[float] | None = None) -> tuple[Report, float]:
    begin = trainee.now
    report = examine(trainee, name="model", seconds=seconds, losses=losses, clock=trainee.clock)
    return report, trainee.now - begin


def unassessed(report: Report) -> dict[str, str]:
    return {each.code: each.reason for each in report.not_assessed}


def test_a_training_that_would_compile_past_the_end_does_not_begin() -> None:
    report, took = examined(Compiling(4.0, 12.0, anew=True), 25.0)

    assert took <= 25.0
    assert unassessed(report)["SN902"] == "no time was left for a training by the train step"


@pytest.mark.parametrize(("anew", "seconds"), [(False, 25.0), (True, 60.0)], ids=["compiled once", "time enough"])
def test_a_training_that_comes_to_its_steps_begins(anew: bool, seconds: float) -> None:
    report, took = examined(Compiling(4.0, 12.0, anew=anew), seconds)

    assert took <= seconds
    assert "SN902" not in unassessed(report)
    assert not report.findings


def test_no_step_is_made_where_the_first_pass_took_the_time() -> None:
    trainee = Compiling(20.0, 12.0, anew=True)

    report, took = examined(trainee, 25.0)

    assert took <= 25.0
    assert not trainee.begun
    assert unassessed(report).keys() >= {"SN902", "SN905"}


def test_what_adam_had_no_time_for_is_not_held_against_the_train_step() -> None:
    """It may be stuck because the model is: that takes a training by Adam to tell."""
    report, took = examined(Compiling(20.0, 8.0, anew=False, fits=10**9), 40.0)

    assert took <= 40.0
    assert not report.findings
    assert unassessed(report)["SN902"] == "no time was left for a training by Adam at 0.001"


@pytest.mark.parametrize(("seconds", "tried"), [(40.0, 0), (200.0, 1)], ids=["no time", "time enough"])
def test_a_loss_that_fluctuates_is_looked_into_where_there_is_time(seconds: float, tried: int) -> None:
    trainee = Compiling(4.0, 10.0, anew=True, fits=5)

    report, took = examined(trainee, seconds, [2.0, 9.0, 4.0, 12.0] * 20)

    (found,) = report.findings
    assert took <= seconds
    assert len(report.evidence.experiments.calmed) == tried  # type: ignore[union-attr]
    assert ("more time (seconds)" in str(found.settle)) is (tried == 0)
