"""A sanity test of training: what is tried, in which order, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steadynorm.checks.registry import NotAssessed, run
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Evidence
from steadynorm.experiments.broadcasting import pairs_samples
from steadynorm.experiments.curve import fluctuates, trend
from steadynorm.experiments.learning import learn, undecided
from steadynorm.experiments.masks import counted_range
from steadynorm.experiments.order import resemblances
from steadynorm.experiments.records import Calmed, Experiments, FirstPass, Learned, Outcome, Task
from steadynorm.experiments.trainee import Trainee
from steadynorm.ranking import rank
from steadynorm.report.model import Report
from steadynorm.stage import Stage, silent

RATES = (1e-3, 1e-2)
"""Rates at which Adam is tried where the user's own train step does not fit a batch."""

STEPS = 500
"""The largest number of steps of one training on a copy."""

FIRST_STEPS = 5
COURSE = 200
"""Steps of each training with which a loss that fluctuates is looked into."""

TRAININGS = 3
"""How many of these there are: one as it is, one at a lower rate, one on less data."""

LOWER_RATE = 0.1
LESS_DATA = 0.125

COMPILING = 0.5
"""What a training takes until its first step, by the time of the first pass, where nothing more is known: a framework
that compiles takes most of the one and of the other to do so, for as many layers forwards and backwards."""

CODES = ("SN9",)
"""What a sanity test checks, where nothing else is chosen."""


def examine(
    trainee: Trainee,
    *,
    name: str,
    seconds: float,
    sequential: bool = False,
    losses: Iterable[float] | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage = silent,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Tries on copies whether a model can be trained.

    Arguments:
        trainee: the model and its data.
        name: how the report calls the model.
        seconds: how long everything may take. The first pass is always made, and a step that has begun is finished; no
            experiment begins that, as far as can be told from those before it, would not come to its first step.
        sequential: whether the task needs the order of the data, which then is not looked at.
        losses: a recorded training loss.
        select: codes or prefixes to check; SN9 if empty.
        ignore: codes or prefixes to leave out.
        stage: is told what is being done.
        clock: gives the time in seconds.
    """
    chosen, left_out = tuple(select) or CODES, tuple(ignore)

    def wanted(code: str) -> bool:
        return code.startswith(chosen) and not code.startswith(left_out)

    session = _Session(trainee, seconds, stage, wanted, clock)
    experiments = session.run(sequential, None if losses is None else list(losses))
    evidence = Evidence(framework=trainee.framework, layers=(), experiments=experiments)
    findings, not_assessed = run(evidence, chosen, left_out)
    findings.sort(key=lambda found: found.code in _SYMPTOMS)
    told = {each.code for each in findings} | {each.code for each in not_assessed}
    partly = {code: why for code, why in session.partly.items() if code not in told and session.wanted(code)}
    not_assessed += [NotAssessed(code, why) for code, why in partly.items()]
    return Report(name, evidence, tuple(rank(findings)), tuple(not_assessed), chosen, left_out)


_OF_THE_LOSS = ("SN903", "SN907", "SN908")
"""What the first pass tells of nothing but a loss."""

_SYMPTOMS = ("SN901", "SN902", "SN904")
"""What the other findings may be the cause of, so that these come first."""


_ASKED_BY = {Task.ONE_BATCH: "SN902", Task.IDENTITY: "SN901"}


class _Session:
    """The experiments of one sanity test, which share the time.

    Attributes:
        skipped: why an experiment was not made, by the code of its check.
        partly: what a check was not told, though it was told enough to find something.
    """

    def __init__(
        self,
        trainee: Trainee,
        seconds: float,
        stage: Stage,
        wanted: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self.trainee, self.stage, self.wanted, self.clock = trainee, stage, wanted, clock
        self.begin = clock()
        self.end = self.begin + seconds
        self.skipped: dict[str, str] = dict(trainee.cannot)
        self.partly: dict[str, str] = {}
        self._own = self._adam = 0.0  # how long it takes until a training has made its first steps, as far as known

    def run(self, sequential: bool, losses: list[float] | None) -> Experiments:
        """Makes the experiments that somebody wants, cheap ones first."""
        self.stage("first pass", 0, 6)
        found = Experiments(self._first_pass(), optimizers=self.trainee.optimizers)
        if found.first.loss is None:
            for code in _OF_THE_LOSS:
                self.skipped.setdefault(code, "no loss was given")
        self.stage("order of the data", 1, 6)
        if sequential:
            self.skipped["SN906"] = "the task needs the order of its data (sequential)"
        elif self.wanted("SN906"):
            found = replace(found, order=resemblances(self.trainee.arrays()))
            if not found.order:
                self.skipped["SN906"] = (
                    "it takes 64 samples with inputs that have fractions, or with one number as target"
                )
        self.stage("first steps", 2, 6)
        found = replace(found, bad_step=self._first_steps(found.first))
        self.stage("one batch", 3, 6)
        if self.wanted("SN902"):
            found = replace(found, learned=tuple(self._one_batch(found.first)))
        self.stage("identity", 4, 6)
        if self.wanted("SN901"):
            found = replace(found, learned=found.learned + tuple(self._identity()))
        self.stage("the recorded loss", 5, 6)
        found = self._loss(found, losses)
        return replace(found, skipped=dict(self.skipped), seconds=self.clock() - self.begin)

    def left(self) -> float:
        """The seconds that are left."""
        return max(self.end - self.clock(), 0.0)

    def _first_pass(self) -> FirstPass:
        """The first pass, with the range of the targets of all batches in place of that of the first."""
        begin = self.clock()
        first = self.trainee.first_pass()
        self._own = self._adam = COMPILING * (self.clock() - begin)
        untried = _untried(first)
        if untried is not None:
            self.partly["SN908"] = untried
        targets = [target for _, target in self.trainee.arrays()]
        # A graph may compare its output with what it is fed.
        if first.targets is None or not any(each is not None and each.size for each in targets):
            return first
        return replace(first, targets=counted_range(targets, first.outputs, self._is_ignored))

    def _is_ignored(self, number: int, at: Array) -> bool:
        """Whether the loss ignores some numbers of one batch's output."""
        try:
            gradient = self.trainee.output_gradient(number)
        except Exception:  # a loss of the user's may refuse to be differentiated for its outputs
            return False
        return gradient is not None and gradient.shape == at.shape and not gradient[at].any() and bool(gradient.any())

    def _first_steps(self, first: FirstPass) -> int | None:
        if not self.trainee.has_train_step:
            return None
        if self.left() <= self._own:
            self.partly["SN905"] = "no time was left for the first steps, which may show a loss that is not finite"
            return None
        begin = self.clock()
        try:
            losses = self.trainee.course(FIRST_STEPS)
        except UnusableInputError:
            if _reaches_nothing(first):
                return None  # the step raises because of that, which is a finding of its own
            raise
        self._own = self.clock() - begin if self.trainee.compiles_anew else 0.0
        return next((number for number, loss in enumerate(losses, 1) if not np.isfinite(loss)), 0)

    def _one_batch(self, first: FirstPass) -> Iterator[Learned]:
        if not self.trainee.has_loss:
            self.skipped.setdefault("SN902", "no loss was given")
        elif _reaches_nothing(first):
            self.skipped["SN902"] = "no gradient comes from the loss to any parameter"
        if "SN902" in self.skipped:
            return
        if _contradictory(self.trainee.arrays()[:1]):
            self.skipped["SN902"] = "the first batch holds the same input twice with different targets"
            return
        tried: list[Learned] = []
        if self.trainee.has_train_step:
            if self.left() <= self._own:
                self.skipped["SN902"] = "no time was left for a training by the train step"
                return
            learner = self.trainee.learner(Task.ONE_BATCH)
            seconds = self._own + 0.3 * (self.left() - self._own)
            tried.append(
                learn(
                    learner, Task.ONE_BATCH, "the train step", own=True, steps=STEPS, seconds=seconds, clock=self.clock
                )
            )
            yield tried[-1]
        if self.trainee.has_gradients and not (tried and _is_settled(tried[-1])):
            for each in self._by_adam(Task.ONE_BATCH, 0.25):
                tried.append(each)
                yield each
        self._undecided("SN902", tried)

    def _identity(self) -> Iterator[Learned]:
        if not self.trainee.is_image_to_image():
            self.skipped["SN901"] = "inputs, outputs and targets are not images of one shape"
        if "SN901" in self.skipped:
            return
        tried = list(self._by_adam(Task.IDENTITY, 0.3))
        yield from tried
        self._undecided("SN901", tried)

    def _undecided(self, code: str, tried: Sequence[Learned]) -> None:
        reason = undecided(tried)
        if reason is not None:
            self.skipped.setdefault(code, reason)

    def _by_adam(self, task: Task, share: float) -> Iterator[Learned]:
        """Tries one rate after the other until one fits, each in a share of the time that is left."""
        for rate in RATES:
            if self.left() <= self._adam:
                self.skipped[_ASKED_BY[task]] = f"no time was left for a training by Adam at {rate:g}"
                return
            begin = self.clock()
            learner = self.trainee.learner(task, rate)
            self._adam = self.clock() - begin
            seconds = share * self.left()  # what the learner took to begin is gone
            found = learn(learner, task, f"Adam at {rate:g}", own=False, steps=STEPS, seconds=seconds, clock=self.clock)
            yield found
            if found.outcome is Outcome.FITTED:
                return

    def _loss(self, found: Experiments, losses: list[float] | None) -> Experiments:
        if losses is None:
            self.skipped["SN904"] = "no recorded loss was given"
            return found
        seen = trend(losses)
        if seen is None:
            self.skipped["SN904"] = f"the recorded loss has {len(losses)} values; a trend takes 20"
            return found
        tried = tuple(self._calmed()) if fluctuates(seen) and self.trainee.has_train_step else ()
        return replace(found, trend=seen, calmed=tried)

    def _calmed(self) -> Iterator[Calmed]:
        """Trains copies as they are, at a lower rate, and on less data, all for as many steps."""
        steps = self._steps_of_a_course()
        if not steps:
            return
        plain = self.trainee.course(steps)
        if self.trainee.has_rate:
            slower = self.trainee.course(steps, rate=LOWER_RATE)
            if list(plain) != list(slower):  # else the lower rate did not reach what the train step trains
                yield _compared(f"{LOWER_RATE:g} of the learning rate", True, plain, slower)
        fewer = self.trainee.course(steps, share=LESS_DATA)
        yield _compared(f"{LESS_DATA:g} of the data", False, plain, fewer)

    def _steps_of_a_course(self) -> int:
        """How many steps each training may take in the time that is left; none where they would not come far."""
        if self.left() <= TRAININGS * self._own:
            return 0
        begin = self.clock()
        self.trainee.course(FIRST_STEPS)
        took = self.clock() - begin
        if self.left() <= TRAININGS * took:
            return 0
        return int(min(COURSE, max(FIRST_STEPS, FIRST_STEPS * 0.9 * self.left() / TRAININGS / max(took, 1e-9))))


def _untried(first: FirstPass) -> str | None:
    """Why nothing can be said of shapes that broadcasting may have spread, `None` where something can."""
    output, target = first.output_shape, first.target_shape
    if first.loss is None or first.coupled is not None or output is None or target is None:
        return None
    if not pairs_samples(output, target):
        return None
    return (
        f"whether the loss broadcasts predictions {output} and targets {target} could not be tried: it refuses "
        "other targets, or those in the shape of the predictions"
    )


def _is_settled(own: Learned) -> bool:
    """Whether other trainings can add nothing to that of the user's own step."""
    return own.outcome is Outcome.FITTED or (not own.steps and own.outcome is not Outcome.FALLING)


def _reaches_nothing(first: FirstPass) -> bool:
    """Whether no gradient comes from the loss to any parameter, though layers are called and trainable."""
    return bool(first.without_gradient) and all(each.gradient is None for each in first.weights)


def _compared(change: str, rate: bool, plain: Any, changed: Any) -> Calmed:
    halves = [np.asarray(each, np.float64)[len(each) // 2 :] for each in (plain, changed)]
    jumps = [float(np.sqrt(np.mean(np.square(np.diff(each))))) for each in halves]
    return Calmed(change, rate, float(halves[0].mean()), float(halves[1].mean()), *jumps)


def _contradictory(batches: Any) -> bool:
    """Whether a batch holds one input with several targets, which nothing can fit."""
    for inputs, targets in batches:
        if inputs is None or targets is None or len(inputs) != len(targets):
            continue
        rows = inputs.reshape(len(inputs), -1)
        _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        if np.any(targets[first[which.reshape(-1)]] != targets):
            return True
    return False
