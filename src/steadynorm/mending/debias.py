"""Takes the initial value out of statistics that lag, by arithmetic alone."""

from __future__ import annotations

import os

import numpy as np

from steadynorm.artifacts.steps import steps_of
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, Statistics
from steadynorm.mending.planning import Opened, Plan, opened
from steadynorm.mending.records import Mended

StrPath = str | os.PathLike[str]

MOST_LEFT = 0.999
"""With more of the initial value than this in an average, what the batches gave drowns in rounding."""

LEAST_LEFT = 1e-7
"""With less, a 32-bit float shows no difference."""

_ROUNDING = {"float64": 1e-12, "float16": 2e-3, "bfloat16": 1e-2}
_ROUNDING_32 = 1e-5
"""Relative error that many updates add up to, by type."""


def debias_statistics(
    checkpoint: StrPath,
    output: StrPath,
    *,
    decay: float | None = None,
    updates: int | None = None,
    dry_run: bool = False,
) -> Mended:
    """Writes a copy of a checkpoint whose averages are without their initial value.

    After n updates an average is decay^n · initial + (1 - decay^n) · m, where m is the weighted mean of what the
    batches gave. With mean 0 and variance 1 at the start, m is mean / (1 - decay^n) and
    (variance - decay^n) / (1 - decay^n).

    Arguments:
        checkpoint: what is mended.
        output: see `repair_checkpoint`.
        decay: the fraction of the old value that an update keeps, where the file does not tell it (PyTorch's momentum
            is 1 - decay).
        updates: how many updates there were, where neither the layers nor the checkpoint count them.
        dry_run: whether to write nothing and only say what would be.

    Returns:
        old and new statistics by layer.

    Raises:
        UnusableInputError: decay or updates are unknown or do not fit (a variance would be negative), nothing is left
            but the initial value, or the output exists or cannot be written; nothing is written then.
        NoNormalizationLayersError: the checkpoint has no normalization layer.
    """
    _check(decay, updates)
    plan = Plan(opened(checkpoint, output))
    steps, steps_from = steps_of(plan.opened.contents)
    used: dict[tuple[float, int, str], list[str]] = {}
    for layer in plan.opened.found.layers:
        statistics = layer.statistics
        if statistics is None:
            continue
        if reason := _left_alone(layer):
            plan.notes.append(f"left alone: '{layer.name}': {reason}")
            continue
        rate = _decay_of(layer, decay, plan.opened.path)
        count, told_by = _updates_of(plan.opened, layer, updates, steps, steps_from)
        left = rate**count
        if left >= MOST_LEFT:
            raise UnusableInputError(
                f"{plan.opened.path}: after {count} updates with decay {rate:g} the statistics of '{layer.name}' are "
                f"{100 * left:.4g} % their initial values: too little else to recover; re-estimate them on data with "
                "--subject"
            )
        if left < LEAST_LEFT:
            plan.notes.append(f"left alone: '{layer.name}': after {count} updates nothing of the initial value is left")
            continue
        zero_debiased = _is_zero_debiased(plan.opened, layer.name)
        mean = statistics.mean if zero_debiased else statistics.mean / (1 - left)
        variance = _variance(statistics, left, f"{plan.opened.path}: the variance of '{layer.name}'", rate, count)
        tensors = plan.opened.named(layer.name).tensors
        places = (tensors["mean"].name, tensors["variance"].name)
        plan.replace(layer.name, places, mean, variance, epsilon=layer.config.epsilon)
        used.setdefault((rate, count, told_by), []).append(layer.name)
        if zero_debiased:
            plan.notes.append(f"the mean of '{layer.name}' is debiased already (zero_debias_moving_mean)")
    for (rate, count, told_by), names in used.items():
        share = 100 * rate**count
        plan.notes.append(
            f"{len(names)} of {len(plan.opened.found.layers)} layers: decay {rate:g}, {count} updates ({told_by}): "
            f"{share:.3g} % of the initial value taken out"
        )
    if others := [name for name in plan.opened.contents.tensors if _is_of_other_average(name)]:
        plan.notes.append(f"left as they are: the variables of renorm and zero-debias ({len(others)} tensors)")
    if not plan.layers:
        raise UnusableInputError(
            f"{plan.opened.path}: nothing to debias: {'; '.join(plan.notes[:3]) or 'no statistics'}"
        )
    return plan.patch(dry_run)


def _check(decay: float | None, updates: int | None) -> None:
    if decay is not None and not 0 < decay < 1:
        raise UnusableInputError(
            f"decay is {decay:g}; expected the fraction of the old value that is kept, between 0 and 1 (1 - PyTorch's "
            "momentum)"
        )
    if updates is not None and updates < 1:
        raise UnusableInputError(f"updates is {updates}; expected at least 1")


def _left_alone(layer: Layer) -> str | None:
    assert layer.statistics is not None
    if layer.statistics.at_initialization:
        return "it is at its initial values: it was never updated"
    if layer.config.decay is None:
        return "its average is cumulative (momentum=None), which has no initial value in it"
    return "it is frozen" if layer.config.frozen else None


def _decay_of(layer: Layer, given: float | None, path: str) -> float:
    if given is not None:
        return given
    if "decay" in layer.assumed or layer.config.decay is None:
        raise UnusableInputError(
            f"{path}: nothing tells the decay of '{layer.name}'; give it with --decay (1 - PyTorch's momentum)"
        )
    return layer.config.decay


def _updates_of(
    checkpoint: Opened, layer: Layer, given: int | None, steps: int | None, steps_from: str | None
) -> tuple[int, str]:
    assert layer.statistics is not None
    if given is not None:
        return given, "as given"
    # The count of a zero-debiased mean is the variance's, too.
    if layer.statistics.updates:
        return layer.statistics.updates, checkpoint.named(layer.name).tensors["updates"].name.rpartition(".")[2]
    if steps:
        return steps, f"{steps_from}, taking one update per step"
    raise UnusableInputError(
        f"{checkpoint.path}: nothing tells how often the statistics of '{layer.name}' were updated; give it with "
        "--updates"
    )


def _variance(statistics: Statistics, left: float, which: str, decay: float, updates: int) -> Array:
    without = statistics.variance - left
    # A channel that is always the same has exactly the initial value's share left, up to rounding.
    near = np.abs(without) <= _ROUNDING.get(statistics.dtype, _ROUNDING_32) * left
    without = np.where(near, np.maximum(without, 0.0), without)
    if np.any(without < 0):
        channel = int(np.argmin(without))
        raise UnusableInputError(
            f"{which} would be negative ({without[channel] / (1 - left):.3g} at channel {channel}): decay {decay:g} "
            f"and {updates} updates do not fit these statistics"
        )
    return np.asarray(without / (1 - left))


def _is_zero_debiased(checkpoint: Opened, layer: str) -> bool:
    mean = checkpoint.named(layer).tensors["mean"].name
    return any(each.startswith(f"{mean}/") and _is_of_other_average(each) for each in checkpoint.contents.tensors)


def _is_of_other_average(name: str) -> bool:
    parts = name.split("/")
    return parts[-1] in ("biased", "local_step") or parts[-1].startswith(("renorm_mean", "renorm_std", "moving_std"))
