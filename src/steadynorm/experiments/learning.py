"""Trains a copy on one batch until it fits, is stuck, or time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from steadynorm.experiments.records import Learned, Outcome, Task
from steadynorm.experiments.trainee import Learner
from steadynorm.report.words import counted

FITTED = 0.1
"""Part of the way from the loss of a useless answer to the floor that may be left: the batch counts as fitted."""

STUCK = 0.1
"""A last third of the steps that takes less than this part of what is left off the loss comes nowhere."""

STEADY = 0.1
"""But where it takes this part of all that was taken off, the loss still falls; a straight line takes a third."""

LEAST_FALL = 0.05
"""A loss that falls, but by less than this part of the way to the floor in all steps, falls too slowly."""

LEAST_STEPS = 60
"""Steps before a training may be called stuck."""

RANDOM = 1e-5
"""A loss that differs from pass to pass by this part is one of random numbers."""

ROUNDING = 1e-6

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
    hindrance = _hindrance(first, learner.floor)
    if hindrance is not None:
        return Learned(task, by, own, first, first, learner.floor, learner.useless, 0, hindrance, False)
    is_random = abs(learner.loss() - first) > RANDOM * abs(first)
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
        _outcome(losses, made, learner.floor, goal, is_random),
        learner.moved(),
    )


def shown(tried: Sequence[Learned]) -> Learned | None:
    """The training that shows that a task is not learned: the user's own, or the best where there is none.

    Arguments:
        tried: the trainings on one task.

    Returns:
        `None` where the task is learned, or may be.
    """
    failed = [each for each in tried if _is_failed(each)]
    own = next((each for each in tried if each.own), None)
    if own is None:
        return min(failed, key=lambda each: each.last) if failed and len(failed) == len(tried) else None
    is_settled = len(failed) == len(tried) or any(each.outcome is Outcome.FITTED for each in tried)
    return own if own in failed and is_settled else None


def undecided(tried: Sequence[Learned]) -> str | None:
    """Why trainings do not show whether a task is learned; `None` where they do."""
    own = [each for each in tried if each.own]
    if not tried or shown(tried) is not None or any(each.outcome is Outcome.FITTED for each in own or tried):
        return None
    open_ = [each for each in tried if not _is_failed(each)]
    last = own[0] if own and own[0] in open_ else open_[-1]
    if last.outcome is Outcome.FALLING and not last.steps:
        return "no time was left for a training step"
    if last.outcome is Outcome.FALLING and last.steps < LEAST_STEPS:
        return f"time was up after {counted(last.steps, 'step')} by {last.by}"
    if last.outcome is Outcome.FALLING:
        return f"the loss was still falling after {last.steps} steps by {last.by}"
    return _REASONS[last.outcome]


def _is_failed(learned: Learned) -> bool:
    return learned.steps > 0 and learned.outcome in (Outcome.STUCK, Outcome.SLOW, Outcome.NOT_FINITE)


_REASONS = {
    Outcome.NOT_FINITE: "the loss is not a finite number before the first step",
    Outcome.BOTTOMLESS: "the loss falls below zero: it has no smallest value that a model is known to come to",
    Outcome.UNKNOWN: "the smallest loss was not found: no gradient comes from the loss to the outputs",
    Outcome.RANDOM: "the loss differs from pass to pass: the model draws random numbers",
}


def _hindrance(first: float, floor: float) -> Outcome | None:
    if not math.isfinite(first):
        return Outcome.NOT_FINITE
    if math.isnan(floor):
        return Outcome.UNKNOWN
    # A loss below zero may have an end that only rounding or a clamp gives it, as a likelihood with a variance.
    return Outcome.BOTTOMLESS if floor < -ROUNDING else None


def _outcome(losses: list[float], steps: int, floor: float, goal: float, is_random: bool) -> Outcome:
    if not all(map(math.isfinite, losses)):
        return Outcome.NOT_FINITE
    if losses[-1] <= goal:
        return Outcome.FITTED
    if steps < LEAST_STEPS:
        return Outcome.FALLING
    before, best = min(losses[: -(len(losses) // 3)]), min(losses)
    fallen = losses[0] - best
    if before - best >= STUCK * (before - floor):
        return Outcome.FALLING
    if is_random:
        return Outcome.RANDOM
    if fallen <= 0 or before - best < STEADY * fallen:
        return Outcome.STUCK
    return Outcome.SLOW if fallen < LEAST_FALL * (losses[0] - floor) else Outcome.FALLING
