"""Runs the user's train step and evaluation on copies and watches what they do to the normalization layers."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD, between
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Evaluation, LayerSteps, SampledMoments, TrainSteps
from steadynorm.norm.moments import Moments
from steadynorm.torch.batches import sample_count
from steadynorm.torch.copying import Copier
from steadynorm.torch.layers import stored, uses_batch_moments
from steadynorm.torch.moments import channel_moments, input_of, values_averaged
from steadynorm.torch.state import hooks

_ONE_VALUE = re.compile("Expected more than 1 (value per channel|spatial element)")


@dataclass
class _Call:
    batch: bool
    values: int
    moments: Moments | None
    before: Array | None
    after: Array | None = None


@dataclass
class _LayerLog:
    """All calls of one layer, step by step."""

    steps: list[list[_Call]] = field(default_factory=list)
    moved: list[bool] = field(default_factory=list)
    mode_changed: bool = False


class _Log:
    """Hooks that write down every call of the normalization layers."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        self.layers = layers
        self.logs: dict[str, _LayerLog] = defaultdict(_LayerLog)
        self.last_single: str | None = None

    def handles(self) -> list[Any]:
        found: list[Any] = []
        for name, layer in self.layers.items():
            found.append(layer.register_forward_pre_hook(self._before(name), with_kwargs=True))
            found.append(layer.register_forward_hook(self._after(name), with_kwargs=True))
        return found

    def begin_step(self) -> None:
        self._start = {name: stored(layer) for name, layer in self.layers.items()}
        self._modes = {name: uses_batch_moments(layer) for name, layer in self.layers.items()}
        for name in self.layers:
            self.logs[name].steps.append([])

    def end_step(self) -> None:
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
            self.logs[name].steps[-1].append(_Call(batch, values, moments, stored(layer)))

        return before

    def _after(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def after(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if self.logs[name].steps[-1] and input_of(layer, args, kwargs) is not None:
                self.logs[name].steps[-1][-1].after = stored(layer)

        return after


def run_train_step(
    copier: Copier,
    layers: dict[str, nn.Module],
    train_step: Callable[..., Any],
    optimizer: Any,
    batches: Sequence[Any],
) -> TrainSteps:
    """Runs the train step once per batch on the copies that `copier` holds.

    Arguments:
        copier: holds the copy of the model.
        layers: the copy's normalization layers by name.
        train_step: the user's function, not yet bound to the copies.
        optimizer: the user's optimizer, or `None`.
        batches: what to train on.

    Raises:
        UnusableInputError: the train step raised.
    """
    model = copier.model
    optimizer = None if optimizer is None else copier.copy(optimizer)
    step = copier.bind(train_step)
    optimizers = [optimizer] if optimizer is not None else _optimizers(copier)
    counted = max((_steps_counted(each) for each in optimizers), default=0) or None
    if not model.training:
        model.train()  # a model that is handed over after its evaluation; its own train() may keep layers frozen
    log = _Log(layers)
    bad_gradients = _BadGradients(model)
    skipped, damaging, moved, samples = 0, 0, False, []
    failed: list[str] = []
    with hooks(log.handles() + bad_gradients.handles()):
        for index, batch in enumerate(batches):
            parameters = [None if is_lazy(each) else each.detach().clone() for each in model.parameters()]
            log.begin_step()
            bad_gradients.seen = False
            try:
                result = step(copier.handed_over, *([optimizer] if optimizer is not None else []), batch)
            except Exception as error:
                if _ONE_VALUE.search(str(error)) and log.last_single:
                    failed.append(log.last_single)
                    continue
                raise UnusableInputError(
                    f"train_step raised at batch {index}: {type(error).__name__}: {error}. It is called as "
                    f"train_step(model{', optimizer' if optimizer is not None else ''}, batch) on a copy of the model "
                    "and must be complete"
                ) from error
            finally:
                log.end_step()
            samples.append(sample_count(batch))
            changed = any(
                old is not None and not torch.equal(old, new)
                for old, new in zip(parameters, model.parameters(), strict=True)
            )
            moved |= changed
            statistics_moved = any(layer_log.moved[-1] for layer_log in log.logs.values())
            if not changed and statistics_moved and (bad_gradients.seen or _not_finite(result)):
                skipped += 1
                damaging += log.damaged()
    return TrainSteps(
        steps=len(batches),
        samples=int(np.median(samples)) if samples else sample_count(batches[0]),
        layers={
            name: _summary(layer_log, layers[name]) for name, layer_log in log.logs.items() if any(layer_log.steps)
        },
        parameters_moved=moved,
        skipped_updates=skipped,
        damaging_updates=damaging,
        optimizer_steps=counted,
        failed_with_one_value=tuple(dict.fromkeys(failed)),
    )


def run_evaluation(
    copier: Copier, layers: dict[str, nn.Module], evaluate: Callable[..., Any], batches: Sequence[Any]
) -> Evaluation:
    """Runs the user's evaluation once on the copy that `copier` holds.

    Raises:
        UnusableInputError: the evaluation raised.
    """
    function = copier.bind(evaluate)
    log = _Log(layers)
    log.begin_step()
    failed: tuple[str, ...] = ()
    result = None
    with hooks(log.handles()):
        try:
            result = function(copier.handed_over, list(batches))
        except Exception as error:
            if not _ONE_VALUE.search(str(error)) or not log.last_single:
                raise UnusableInputError(
                    f"evaluate raised: {type(error).__name__}: {error}. It is called as evaluate(model, batches) on a "
                    "copy of the model, with a list of the sampled validation batches"
                ) from error
            failed = (log.last_single,)
    log.end_step()
    batch_calls = {name: [call for call in layer_log.steps[0] if call.batch] for name, layer_log in log.logs.items()}
    values = {name: min(call.values for call in calls) for name, calls in batch_calls.items() if calls}
    return Evaluation(
        given=True,
        batch_layers=tuple(values),
        moved_layers=tuple(name for name, layer_log in log.logs.items() if layer_log.moved[0]),
        values=min(values.values(), default=None),
        result=_number(result),
        single_value_layers=tuple(name for name, least in values.items() if least == 1),
        failed_with_one_value=failed,
    )


class _BadGradients:
    """Notices gradients that are not finite as they arrive, before a scaler or a zero_grad() hides them."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.seen = model, False

    def handles(self) -> list[Any]:
        return [
            parameter.register_post_accumulate_grad_hook(self._look)  # type: ignore[no-untyped-call]
            for parameter in self.model.parameters()
            if parameter.requires_grad and parameter.is_leaf and not is_lazy(parameter)
        ]

    def _look(self, parameter: Tensor) -> None:
        if parameter.grad is not None and not self.seen:
            self.seen = not bool(torch.isfinite(parameter.grad).all())


def _summary(log: _LayerLog, layer: nn.Module) -> LayerSteps:
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
        updates=updates / steps,
        decay=_observed_decay(batch_calls),
        input_spread=_spread(log.steps, float(getattr(layer, "eps", 1e-5))),
        values=min((call.values for call in batch_calls), default=None),
        mode_changed=log.mode_changed,
    )


def _repeats(calls: list[_Call]) -> int:
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


def _same(first: Moments, second: Moments) -> bool:
    scale = np.sqrt(first.variance + 1e-30)
    return first.count == second.count and bool(
        np.all(np.abs(first.mean - second.mean) <= 1e-5 * scale + 1e-7 * np.abs(first.mean))
        and np.all(np.abs(first.m2 - second.m2) <= 1e-5 * first.m2)
    )


def _spread(steps: list[list[_Call]], epsilon: float) -> float | None:
    """How far the inputs of the calls of one step lie apart: between positions in the step, over all steps."""
    batch_steps = [[call.moments for call in step if call.moments is not None] for step in steps]
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
    from steadynorm.norm.moments import PopulationMoments

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


def _observed_decay(calls: list[_Call]) -> float | None:
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


def _not_finite(result: Any) -> bool:
    number = _number(result)
    return number is not None and not math.isfinite(number)


def _number(value: Any) -> float | None:
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.detach())
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _optimizers(copier: Copier) -> list[torch.optim.Optimizer]:
    return [value for value in copier.memo.values() if isinstance(value, torch.optim.Optimizer)]


def _steps_counted(optimizer: torch.optim.Optimizer) -> int:
    counts = [state.get("step", 0) for state in optimizer.state.values() if isinstance(state, dict)]
    return int(max((float(count) for count in counts), default=0))
