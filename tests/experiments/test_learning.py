"""When a training on one batch counts as fitted, stuck, or undecided: by courses whose end is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

import pytest

from steadynorm.experiments.learning import learn
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
        (lambda step: -float(step), -1e9, Outcome.BOTTOMLESS),
        (lambda step: 1.0, math.nan, Outcome.BOTTOMLESS),
    ],
    ids=["falls", "smoothed", "rests above", "flat", "wild", "slow", "nan", "bottomless", "unknown floor"],
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
