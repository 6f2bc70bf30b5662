"""When a training on one batch counts as fitted, stuck, or undecided: by courses whose end is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

import numpy as np
import pytest

from steadynorm.experiments.learning import learn, shown, undecided
from steadynorm.experiments.records import Learned, Outcome, Task


class Course:
    """A learner whose loss is a function of the step."""

    def __init__(self, loss: Callable[[int], float], floor: float = 0.0) -> None:
        self.loss_at, self.floor, self.useless, self.steps = loss, floor, 2.3, 0

    def loss(self) -> float:
        return self.loss_at(self.steps)

    def step(self) -> None:
        self.steps += 1

    def moved(self) -> bool:
        return self.steps > 0


def learned(course: Course, *, seconds: float = 1e9) -> Learned:
    ticks = count()
    return learn(
        course, Task.ONE_BATCH, "Adam", own=False, steps=500, seconds=seconds, clock=lambda: float(next(ticks))
    )


@pytest.mark.parametrize(
    ("loss", "floor", "outcome"),
    [
        (lambda step: 2.3 * math.exp(-step / 40), 0.0, Outcome.FITTED),
        (lambda step: 0.5 + 1.8 * math.exp(-step / 40), 0.5, Outcome.FITTED),  # labels smoothed: the floor is 0.5
        (lambda step: 0.5 + 1.8 * math.exp(-step / 40), 0.0, Outcome.STUCK),
        (lambda step: 2.3, 0.0, Outcome.STUCK),
        (lambda step: 2.3 + 100 * math.exp(-step / 10), 0.0, Outcome.STUCK),  # a wild start is no learning
        (lambda step: 2.3 * math.exp(-step / 400), 0.0, Outcome.FALLING),
        (lambda step: math.nan if step > 30 else 2.3, 0.0, Outcome.NOT_FINITE),
        (lambda step: 1.3 - 0.2 * step / 500, 0.0, Outcome.FALLING),  # straight, a sixth of the way
        (lambda step: 1.3 - 0.01 * step / 500, 0.0, Outcome.SLOW),
        (lambda step: 1.0 - step, -6.9, Outcome.BOTTOMLESS),
        (lambda step: 2.3 * math.exp(-step / 40), -1e-9, Outcome.FITTED),
        (lambda step: math.nan, 0.0, Outcome.NOT_FINITE),
        (lambda step: -float(step), -math.inf, Outcome.BOTTOMLESS),
        (lambda step: 1.0, math.nan, Outcome.UNKNOWN),
    ],
    ids=[
        *("falls", "smoothed", "rests above", "flat", "wild", "slow", "nan", "straight", "too slow"),
        *("below zero", "rounded", "nan at once", "bottomless", "unknown floor"),
    ],
)
def test_outcome(loss: Callable[[int], float], floor: float, outcome: Outcome) -> None:
    assert learned(Course(loss, floor)).outcome is outcome


def test_it_stops_as_soon_as_the_batch_is_fitted() -> None:
    found = learned(Course(lambda step: 1.0 if step < 100 else 0.0))

    assert found.outcome is Outcome.FITTED
    assert 100 <= found.steps <= 116  # the loss is looked at every 16 steps


def test_too_few_steps_in_the_time_decide_nothing() -> None:
    found = learned(Course(lambda step: 2.3), seconds=20)

    assert found.outcome is Outcome.FALLING
    assert found.steps <= 20


def test_a_loss_that_differs_from_pass_to_pass_is_not_stuck() -> None:
    draw = np.random.default_rng(0)

    assert learned(Course(lambda step: 2.3 + 0.1 * draw.normal())).outcome is Outcome.RANDOM


def training(own: bool, outcome: Outcome, steps: int = 500) -> Learned:
    by = "the train step" if own else "Adam"
    return Learned(Task.ONE_BATCH, by, own, 2.0, 1.0, 0.0, 2.3, steps, outcome, True)


@pytest.mark.parametrize(
    ("tried", "is_shown", "reason"),
    [
        ([training(True, Outcome.FITTED)], False, None),
        ([training(True, Outcome.STUCK), training(False, Outcome.FITTED)], True, None),
        ([training(True, Outcome.STUCK), training(False, Outcome.STUCK)], True, None),
        ([training(True, Outcome.STUCK), training(False, Outcome.FALLING)], False, "500 steps by Adam"),
        ([training(True, Outcome.FALLING), training(False, Outcome.FITTED)], False, "500 steps by the train step"),
        ([training(True, Outcome.NOT_FINITE), training(False, Outcome.FALLING)], False, "500 steps by Adam"),
        ([training(True, Outcome.NOT_FINITE, 0)], False, "not a finite number before the first step"),
        ([training(True, Outcome.FALLING, 0)], False, "no time was left"),
        ([training(True, Outcome.FALLING, 1)], False, "time was up after 1 step by the train step"),
        ([training(False, Outcome.STUCK), training(False, Outcome.FITTED)], False, None),
        ([training(False, Outcome.SLOW), training(False, Outcome.STUCK)], True, None),
        ([], False, None),
    ],
)
def test_what_trainings_show_together(tried: list[Learned], is_shown: bool, reason: str | None) -> None:
    assert (shown(tried) is not None) == is_shown
    said = undecided(tried)
    assert said is None if reason is None else said is not None and reason in said
