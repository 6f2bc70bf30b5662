"""One monitored training: when what is measured, judged, warned of and written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any, Protocol

import numpy as np

from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Array, LayerSteps
from steadynorm.finding import Finding
from steadynorm.monitoring.caller import user_level
from steadynorm.monitoring.judgement import Block, Judge
from steadynorm.monitoring.series import Passages, Table, distances, gather, passages, updates_per_step
from steadynorm.monitoring.watched import Counts, Snapshots, Watched
from steadynorm.report.words import sentence

EVERY = 100
"""Steps between measurements, unless another number is given."""

BURST = 4
"""Successive steps whose batches one measurement takes in: a single one is too noisy to tell a drift by."""

JUDGE_EVERY = 200
"""Steps between judgements, at least: a judgement takes more time than a measurement."""


class TrainingWarning(UserWarning):
    """Something about normalization layers goes wrong while they are trained; or the monitor itself had to stop."""


class Sink(Protocol):
    """Where a monitor writes what it sees."""

    def statistics(self, step: int, layers: Mapping[str, Mapping[str, float | None]]) -> None:
        """What was measured at a step, by layer and quantity."""

    def moving(self, step: int, name: str, mean: Array, variance: Array) -> None:
        """The moving statistics of a layer at a step."""

    def loss(self, step: int, train: float | None, validation: float | None) -> None:
        """The losses that are known at a step."""

    def warning(self, step: int, code: str, message: str) -> None:
        """What was warned of at a step."""

    def flush(self) -> None:
        """Lets others see what was written."""

    def close(self) -> None:
        """Ends it."""


@dataclass
class _Pending:
    """What was kept since the last judgement."""

    kept: list[tuple[int, Any]] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    losses: list[tuple[int, Any, Any]] = field(default_factory=list)


class Session:
    """Watches one training. It never changes the training, and what fails in it never reaches the training.

    Arguments:
        watched: the model.
        every: steps between measurements.
        sinks: where to write.

    Attributes:
        steps: how many steps were seen.
        findings: what was warned of, in the order of time.
    """

    def __init__(self, watched: Watched, *, every: int = EVERY, sinks: Iterable[Sink] = ()) -> None:
        if every < 1:
            raise UnusableInputError(f"every={every}: a monitor measures every so many steps; expected 1 or more")
        layers = watched.layers()
        if not layers:
            raise NoNormalizationLayersError(
                f"{watched.name} has no normalization layer that keeps statistics: there is nothing to monitor"
            )
        self.steps, self.findings = 0, list[Finding]()
        self._watched, self._every, self._sinks = watched, every, list(sinks)
        self._judge = Judge(watched.framework, layers)
        self._pending = _Pending()
        self._start: tuple[int, Snapshots] | None = None
        self._last_steps: Passages | None = None
        self._probing, self._probed_at = False, 0
        self._probed: Mapping[str, LayerSteps] = {}
        self._open, self._counting = True, True
        watched.count(True)

    def step(self, loss: Any = None) -> None:
        """To be called after every step of the optimizer.

        Arguments:
            loss: of the step's batch; a number, or a tensor that holds one.
        """
        self.steps += 1
        if self._open and self.is_due(self.steps):
            self._guarded(lambda: self._measure(loss))

    def validated(self, loss: Any) -> None:
        """Writes down a loss on validation data.

        Arguments:
            loss: a number, or a tensor that holds one.
        """
        if self._open:
            self._pending.losses.append((self.steps, None, _kept(loss)))

    def close(self) -> None:
        """Ends the monitoring: judges the training as it stands, writes what is left and takes off all hooks."""
        if self._open:
            self._guarded(self._finish)
            self._stop()

    def is_due(self, step: int) -> bool:
        """Whether anything is measured after this step: the statistics before and after each step of a burst."""
        return step <= BURST + 1 or (step + BURST) % self._every <= BURST

    def _is_sample(self, step: int) -> bool:
        return step == BURST + 1 or (step > BURST and step % self._every == 0)

    def _measure(self, loss: Any) -> list[Finding]:
        step, pending = self.steps, self._pending
        pending.kept.append((step, self._watched.keep()))
        found: list[Finding] = []
        if self._is_sample(step):
            if self._probing:
                self._probed, self._probing, self._probed_at = self._watched.probed(), False, step
            pending.samples.append(step)
            if loss is not None:
                pending.losses.append((step, _kept(loss), None))
            if step == BURST + 1 or step - (self._start[0] if self._start else 0) >= JUDGE_EVERY:
                found = self._judged(final=False)
        if self._to_be_probed(step + 1):
            self._watched.probe()
            self._probing = True
        return found

    def _to_be_probed(self, step: int) -> bool:
        """Two steps are watched call by call at the start, and then one step before a judgement."""
        if step <= BURST + 1:
            return step >= BURST
        return self._is_sample(step) and step - self._probed_at >= JUDGE_EVERY

    def _judged(self, *, final: bool) -> list[Finding]:
        pending, self._pending = self._pending, _Pending()
        numbers = [step for step, _ in pending.kept]
        shots = None if self._start is None else self._start[1]
        if pending.kept:
            kept = self._watched.snapshots([kept for _, kept in pending.kept])
            shots = kept if shots is None else shots.then(kept)
        if self._start is not None:
            numbers.insert(0, self._start[0])
        assert shots is not None
        layers = self._watched.layers()
        table = Table(layers)
        successive = np.flatnonzero(np.diff(numbers) == 1)
        single = passages(shots[successive], shots[successive + 1], table)
        first, last, start, end = numbers[0], numbers[-1], shots[:1], shots[-1:]
        self._start = (last, end)
        rates = updates_per_step(start, end, last - first, single)
        self._write_statistics(pending.samples, np.array(numbers)[successive + 1], single, table, rates)
        for index, layer in enumerate(table.names):
            for sink in self._sinks:
                sink.moving(last, layer, end.mean[0, table.part(index)], end.variance[0, table.part(index)])
        for step, train, validation in pending.losses:
            for sink in self._sinks:
                sink.loss(step, _number(train), _number(validation))
        if len(single):
            self._last_steps = single
        elif final and self._last_steps is not None:
            single = self._last_steps
        block = Block(first, last, start, end, single, layers, self._probed, self._counting, final)
        found = [each for each in self._judge.judge(block) if each.code not in {known.code for known in self.findings}]
        found = list({each.code: each for each in reversed(found)}.values())[::-1]
        # Short trainings are counted in whole, and longer ones where there is reason to.
        self._counting = self._judge.suspects or last <= BURST + 1
        self._watched.count(self._counting)
        self.findings += found
        for each in found:
            for sink in self._sinks:
                sink.warning(last, each.code, _text(each))
        for sink in self._sinks:
            sink.flush()
        return found

    def _write_statistics(
        self, samples: list[int], numbers: Counts, single: Passages, table: Table, rates: Array
    ) -> None:
        """Writes one record per measurement; measurements of as many steps are computed together."""
        if not self._sinks or not len(single):
            return
        bounds = [0, *np.searchsorted(numbers, samples, side="right").tolist()]
        parts = [(step, since, until) for step, (since, until) in zip(samples, pairwise(bounds), strict=True)]
        decays = [self._probed[name].decay if name in self._probed else None for name in table.names]
        for steps, group in groupby((part for part in parts if part[2] > part[1]), key=lambda part: part[2] - part[1]):
            chosen = list(group)
            gathered = gather(single[chosen[0][1] : chosen[-1][2]], table, steps)
            measures = distances(gathered, table)
            columns = [measures[name].tolist() for name in ("shift", "log_ratio", "shift_error", "log_ratio_error")]
            for (step, _, _), *measured in zip(chosen, *columns, strict=True):
                rows = zip(*measured, decays, rates.tolist(), strict=True)
                layers = {
                    name: dict(zip(QUANTITIES, row, strict=True)) for name, row in zip(table.names, rows, strict=True)
                }
                for sink in self._sinks:
                    sink.statistics(step, layers)

    def _finish(self) -> list[Finding]:
        if self._probing:
            self._watched.probed()
        if self.steps == 0:
            return []
        last = self._pending.kept[-1][0] if self._pending.kept else self._start[0] if self._start else 0
        if last < self.steps:
            self._pending.kept.append((self.steps, self._watched.keep()))
        return self._judged(final=True)

    def _guarded(self, action: Callable[[], list[Finding]]) -> None:
        """Warns of what an action finds; where it fails, warns of that and measures no more."""
        try:
            texts = [f"{each.code}: {_text(each)}" for each in action()]
        except Exception as error:
            self._stop()
            texts = [
                f"monitoring stopped at step {self.steps}, the training goes on without it: "
                f"{type(error).__name__}: {error}"
            ]
        for text in texts:
            warnings.warn(text, TrainingWarning, stacklevel=user_level())

    def _stop(self) -> None:
        self._open = False
        self._pending = _Pending()
        for close in (self._watched.close, *(sink.close for sink in self._sinks)):
            try:
                close()
            except Exception:
                continue  # the training has nothing to do with it


QUANTITIES = (
    "mean_shift",
    "log_variance_ratio",
    "mean_shift_error",
    "log_variance_ratio_error",
    "decay",
    "updates_per_step",
)
"""What is written of every layer at every measurement."""


def _text(found: Finding) -> str:
    return f"{sentence(found.message)} {found.remedy}"


def _kept(loss: Any) -> Any:
    """A copy that later steps leave alone, taken without waiting for a device."""
    return loss.detach().clone() if hasattr(loss, "detach") else loss


def _number(value: Any) -> float | None:
    return None if value is None else float(np.asarray(value.cpu() if hasattr(value, "cpu") else value))
