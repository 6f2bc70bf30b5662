"""Writes down what a training or an evaluation does to each normalization layer, and sums it up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD, between
from steadynorm.evidence import Array, LayerSteps, SampledMoments
from steadynorm.norm.moments import Moments, PopulationMoments
from steadynorm.torch.layers import stored, uses_batch_moments
from steadynorm.torch.moments import channel_moments, input_of, values_averaged


@dataclass
class Call:
    """One call of a layer: how it normalized, what it was fed, and its statistics before and after.

    Arguments:
        batch: whether it normalized by batch moments.
        values: values per channel.
        moments: of its input, where it normalized by them.
        trains: whether gradients were recorded, as they are for what is trained.
        before: the stored statistics, as `steadynorm.torch.layers.stored` gives them.
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
    """Hooks that write down every call of the normalization layers.

    Arguments:
        layers: the layers by name.

    Attributes:
        logs: what they did, by name.
        last_single: the layer last called in batch mode if that call had one value per channel.
    """

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        self.layers = layers
        self.logs: dict[str, LayerLog] = defaultdict(LayerLog)
        self.last_single: str | None = None

    def handles(self) -> list[Any]:
        """Sets the hooks; the caller removes them."""
        found: list[Any] = []
        for name, layer in self.layers.items():
            found.append(layer.register_forward_pre_hook(self._before(name), with_kwargs=True))
            found.append(layer.register_forward_hook(self._after(name), with_kwargs=True))
        return found

    def begin_step(self) -> None:
        """To be called before every step."""
        self._start = {name: stored(layer) for name, layer in self.layers.items()}
        self._modes = {name: uses_batch_moments(layer) for name, layer in self.layers.items()}
        for name in self.layers:
            self.logs[name].steps.append([])

    def end_step(self) -> None:
        """To be called after every step."""
        for name, layer in self.layers.items():
            log = self.logs[name]
            log.moved.append(_differ(self._start[name], stored(layer)))
            if not self._modes[name] and any(call.batch for call in log.steps[-1]):
                log.mode_changed = True

    def damaged(self) -> bool:
        """Whether the last step moved any layer's statistics far, or made them non-finite."""
        return any(_far(self._start[name], stored(layer)) for name, layer in self.layers.items())

    def _before(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def before(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            x, batch = input_of(layer, args, kwargs), uses_batch_moments(layer)
            if x is None:
                return
            values = values_averaged(layer, x)
            self.last_single = name if batch and values == 1 else None
            moments = channel_moments(x) if batch and values else None
            self.logs[name].steps[-1].append(Call(batch, values, moments, torch.is_grad_enabled(), stored(layer)))

        return before

    def _after(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def after(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if self.logs[name].steps[-1] and input_of(layer, args, kwargs) is not None:
                self.logs[name].steps[-1][-1].after = stored(layer)

        return after


def summarized(log: LayerLog, layer: nn.Module) -> LayerSteps:
    """What the log says about the layer, as evidence."""
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
        input_spread=_spread(log.steps, float(getattr(layer, "eps", 1e-5))),
        values=min((call.values for call in batch_calls), default=None),
        mode_changed=log.mode_changed,
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
        target = call.moments.mean - call.before[:channels]
        moved = call.after[:channels] - call.before[:channels]
        usable = np.abs(target) > 1e-6
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
