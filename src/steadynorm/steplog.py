"""What a training or an evaluation does to each normalization layer: written down call by call, and summed up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD, between
from steadynorm.evidence import Array, Evaluation, LayerSteps, SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments


@dataclass
class Call:
    """One call of a layer: how it normalized, what it was fed, and its statistics before and after.

    Arguments:
        batch: whether it normalized by batch moments.
        values: values per channel.
        moments: of its input, where it normalized by them.
        trains: whether gradients were recorded, as they are for what is trained.
        before: the stored mean and variance, one after the other; `None` without statistics.
        after: the same after the call; `None` where it raised.
    """

    batch: bool
    values: int
    moments: Moments | None
    trains: bool
    before: Array | None
    after: Array | None = None


@dataclass
class LayerLog:
    """All calls of one layer, step by step.

    Arguments:
        steps: the calls of each step.
        moved: for each step, whether the statistics were others after it.
        mode_changed: whether any step switched the layer from population to batch mode.
    """

    steps: list[list[Call]] = field(default_factory=list)
    moved: list[bool] = field(default_factory=list)
    mode_changed: bool = False


class StepLog:
    """Writes down every call of the normalization layers; a framework's room tells it of them.

    Arguments:
        names: the layers.
        stored: gives a layer's mean and variance as they are now, one after the other, shape (2 * channels,), or
            `None` where it keeps none.
        uses_batch: whether a layer, called now, would normalize by the batch.

    Attributes:
        logs: what they did, by name.
        last_single: the layer last called in batch mode if that call had one value per channel.
    """

    def __init__(
        self, names: Iterable[str], *, stored: Callable[[str], Array | None], uses_batch: Callable[[str], bool]
    ) -> None:
        self.names = tuple(names)
        self.logs: dict[str, LayerLog] = defaultdict(LayerLog)
        self.last_single: str | None = None
        self._stored, self._uses_batch = stored, uses_batch

    def begin_step(self) -> None:
        """To be called before every step."""
        self._start = {name: self._stored(name) for name in self.names}
        self._modes = {name: self._uses_batch(name) for name in self.names}
        for name in self.names:
            self.logs[name].steps.append([])

    def end_step(self) -> None:
        """To be called after every step."""
        for name in self.names:
            log = self.logs[name]
            log.moved.append(_differ(self._start[name], self._stored(name)))
            if not self._modes[name] and any(call.batch for call in log.steps[-1]):
                log.mode_changed = True

    def enter(self, name: str, *, batch: bool, values: int, moments: Moments | None, trains: bool) -> None:
        """To be told when a layer is called; see `Call`."""
        self.last_single = name if batch and values == 1 else None
        self.logs[name].steps[-1].append(Call(batch, values, moments, trains, self._stored(name)))

    def leave(self, name: str) -> None:
        """To be told when the call that was entered last has ended."""
        if self.logs[name].steps[-1]:
            self.logs[name].steps[-1][-1].after = self._stored(name)

    def damaged(self) -> bool:
        """Whether the last step moved any layer's statistics far, or made them non-finite."""
        return any(_far(self._start[name], self._stored(name)) for name in self.names)


def summarized(log: LayerLog, epsilon: float) -> LayerSteps:
    """What the log says about one layer, as evidence.

    Arguments:
        log: what the layer did.
        epsilon: what the layer adds to the variance.
    """
    steps = max(len(log.steps), 1)
    calls = [call for step in log.steps for call in step]
    batch_calls = [call for call in calls if call.batch]
    updates = sum(
        sum(_differ(call.before, call.after) for call in step) or 1
        for step, moved in zip(log.steps, log.moved, strict=True)
        if moved
    )
    return LayerSteps(
        batch_uses=len(batch_calls) / steps,
        population_uses=(len(calls) - len(batch_calls)) / steps,
        repeated_uses=sum(map(_repeats, log.steps)) / steps,
        evaluated_uses=sum(map(_evaluations, log.steps)) / steps,
        updates=updates / steps,
        decay=_observed_decay(batch_calls),
        input_spread=_spread(log.steps, epsilon),
        values=min((call.values for call in batch_calls), default=None),
        mode_changed=log.mode_changed,
    )


def evaluated(log: StepLog, result: float | None, failed: tuple[str, ...] = ()) -> Evaluation:
    """What the log says about an evaluation of the user's own, which was its only step.

    Arguments:
        log: what the layers did.
        result: what the evaluation gave, where that is a number.
        failed: layers that raised because they were given one value per channel.
    """
    batch_calls = {name: [call for call in each.steps[0] if call.batch] for name, each in log.logs.items()}
    values = {name: min(call.values for call in calls) for name, calls in batch_calls.items() if calls}
    return Evaluation(
        given=True,
        batch_layers=tuple(values),
        moved_layers=tuple(name for name, each in log.logs.items() if each.moved[0]),
        values=min(values.values(), default=None),
        result=result,
        single_value_layers=tuple(name for name, least in values.items() if least == 1),
        failed_with_one_value=failed,
    )


def _repeats(calls: list[Call]) -> int:
    """How many batch-mode calls had the same input as an earlier one, to rounding."""
    seen: list[Moments] = []
    count = 0
    for call in calls:
        if call.moments is None:
            continue
        if any(_same(call.moments, other) for other in seen):
            count += 1
        else:
            seen.append(call.moments)
    return count


def _evaluations(calls: list[Call]) -> int:
    """How many batch-mode calls were made without gradients, on an input that no call with gradients saw.

    A recomputation (activation checkpointing) repeats the input; a layer that is never called with gradients belongs
    to a network that this step does not train.
    """
    trained = [call.moments for call in calls if call.trains and call.moments is not None]
    without = [call.moments for call in calls if not call.trains and call.moments is not None]
    return sum(not any(_same(moments, other) for other in trained) for moments in without) if trained else 0


def _same(first: Moments, second: Moments) -> bool:
    scale = np.sqrt(first.variance + 1e-30)
    return first.count == second.count and bool(
        np.all(np.abs(first.mean - second.mean) <= 1e-5 * scale + 1e-7 * np.abs(first.mean))
        and np.all(np.abs(first.m2 - second.m2) <= 1e-5 * first.m2)
    )


def _spread(steps: list[list[Call]], epsilon: float) -> float | None:
    """How far the inputs of the calls of one step lie apart: between positions in the step, over all steps."""
    batch_steps = [[call.moments for call in step if call.trains and call.moments is not None] for step in steps]
    positions = min(map(len, batch_steps), default=0)
    if positions < 2 or len(batch_steps) < 2:
        return None
    sites = [_pool([step[position] for step in batch_steps]) for position in range(positions)]
    largest = 0.0
    for index, first in enumerate(sites):
        for second in sites[index + 1 :]:
            distance = between(first, second.mean, second.variance, epsilon)
            if distance.significant:
                largest = max(largest, distance.shift, distance.log_ratio)
    return largest


def _pool(moments: list[Moments]) -> SampledMoments:
    population = PopulationMoments()
    for each in moments:
        population.add(each)
    return SampledMoments(
        population.mean,
        population.variance,
        population.standard_error_of_mean,
        population.standard_error_of_log_variance,
        population.batches,
        int(np.median([float(np.max(each.count)) for each in moments])),
    )


def _observed_decay(calls: list[Call]) -> float | None:
    """The decay that explains how the mean moved: after = decay * before + (1 - decay) * batch mean."""
    ratios: list[float] = []
    for call in calls:
        if call.before is None or call.after is None or call.moments is None or len(call.before) % 2:
            continue
        channels = len(call.before) // 2
        with np.errstate(all="ignore"):
            target = call.moments.mean - call.before[:channels]
            moved = call.after[:channels] - call.before[:channels]
            usable = (np.abs(target) > 1e-6) & np.isfinite(target) & np.isfinite(moved)
        ratios.extend(1 - moved[usable] / target[usable])
    return float(np.median(ratios)) if ratios else None


def _differ(first: Array | None, second: Array | None) -> bool:
    if first is None or second is None:
        return False
    return not np.array_equal(first, second, equal_nan=True)


def _far(first: Array | None, second: Array | None) -> bool:
    """Whether mean or variance moved by more than the noise of an average over batches, judged as distances are."""
    if first is None or second is None:
        return False
    (mean, variance), (new_mean, new_variance) = np.split(first, 2), np.split(second, 2)
    with np.errstate(all="ignore"):
        shift = np.abs(new_mean - mean) / np.sqrt(variance + 1e-12)
        log_ratio = np.abs(np.log((new_variance + 1e-12) / (variance + 1e-12)))
    return not bool(np.all(shift <= SHIFT_THRESHOLD * 5) and np.all(log_ratio <= LOG_VARIANCE_THRESHOLD * 5))
