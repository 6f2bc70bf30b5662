"""Trains a copy on one batch until it fits, is stuck, or time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from steadynorm.experiments.records import Learned, Outcome, Task
from steadynorm.experiments.trainee import Learner

FITTED = 0.1
"""Part of the way from the loss of a useless answer to the floor that may be left: the batch counts as fitted."""

STUCK = 0.1
"""A last third of the steps that takes less than this part of what is left off the loss is no progress."""

LEAST_STEPS = 60
"""Steps before a training may be called stuck."""

LOOKS = 30
"""How often the loss is measured, which costs about as much as a third of a step."""


def learn(
    learner: Learner,
    task: Task,
    by: str,
    *,
    own: bool,
    steps: int,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Learned:
    """Trains until the batch is fitted, at most for so many steps and so long.

    Arguments:
        learner: a copy in training.
        task: what it learns.
        by: what trains it, in words.
        own: whether that is the user's own train step.
        steps: the largest number of steps.
        seconds: the longest time; a step that has begun is finished.
        clock: gives the time in seconds.
    """
    end = clock() + seconds
    first = learner.loss()
    if not (math.isfinite(learner.floor) and learner.floor >= 0):
        return Learned(task, by, own, first, first, learner.floor, learner.useless, 0, Outcome.BOTTOMLESS, False)
    losses, made, every = [first], 0, max(1, steps // LOOKS)
    goal = learner.floor + FITTED * max(min(first, learner.useless) - learner.floor, 0.0)
    while made < steps and clock() < end and math.isfinite(losses[-1]) and losses[-1] > goal:
        for _ in range(every):
            learner.step()
            made += 1
            if clock() >= end:
                break
        losses.append(learner.loss())
    finite = [each for each in losses if math.isfinite(each)]
    return Learned(
        task,
        by,
        own,
        first,
        min(finite, default=math.nan),
        learner.floor,
        learner.useless,
        made,
        _outcome(losses, made, learner.floor, goal),
        learner.moved(),
    )


def _outcome(losses: list[float], steps: int, floor: float, goal: float) -> Outcome:
    if not all(map(math.isfinite, losses)):
        return Outcome.NOT_FINITE
    if losses[-1] <= goal:
        return Outcome.FITTED
    if steps < LEAST_STEPS:
        return Outcome.FALLING
    earlier = losses[: -(len(losses) // 3)]
    progress = min(earlier) - min(losses)
    return Outcome.STUCK if progress < STUCK * (min(earlier) - floor) else Outcome.FALLING
