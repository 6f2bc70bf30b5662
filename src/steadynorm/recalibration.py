"""Re-estimates the population statistics of a model's normalization layers, written once for every framework.

The moments of what each layer is fed are merged over batches until their standard errors, taken from the variation
between the batches, are small enough. A framework supplies the primitives of `Work`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Mode, SampledMoments
from steadynorm.report.progress import Progress
from steadynorm.rooms import room

TOLERANCE = 0.015
"""Standard error of each layer's mean (in standard deviations) and log variance at which recalibration stops."""

MINIMUM_GROUPS = 8
"""Fewer batches than this, or groups of batches that were run as one, say too little about the variation between them
to stop by it."""

READ_ONCE = "data gave no batch in pass {}: it can be read only once; pass a list or a loader"
"""What is wrong with data that end before a further pass; takes the number of the pass."""

StopReason: TypeAlias = Literal["tolerance", "data", "max_batches"]


@dataclass(frozen=True, slots=True)
class LayerError:
    """What is not known about one layer's new statistics, as root mean square over its channels.

    Arguments:
        name: the layer's path in the model.
        mean: standard error of the mean, in units of the standard deviation sqrt(variance + epsilon).
        log_variance: standard error of log(variance + epsilon).
    """

    name: str
    mean: float
    log_variance: float

    @property
    def largest(self) -> float:
        """The larger of the two; the tolerance is about this."""
        return max(self.mean, self.log_variance)


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What a recalibration did.

    Arguments:
        batches: how many batches the new statistics are taken from (with several passes: in the last one).
        samples: how many samples these held.
        passes: how many passes were made.
        tolerance: the tolerance asked for.
        stopped: why it stopped: the `tolerance` was met, the `data` ended, or `max_batches` was reached.
        layers: the layers with new statistics and the error left in each, in model order.
        skipped: the layers that were left alone, with the reason.
    """

    batches: int
    samples: int
    passes: int
    tolerance: float
    stopped: StopReason
    layers: tuple[LayerError, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> LayerError:
        """The layer with the largest error left."""
        return max(self.layers, key=lambda layer: layer.largest)

    @property
    def converged(self) -> bool:
        """Whether every layer's error is known to be within the tolerance; with tolerance 0, whether all the data were
        used.
        """
        return self.stopped == ("tolerance" if self.tolerance > 0 else "data")

    def __str__(self) -> str:
        """What was done and how good it is, one sentence per line."""
        worst = self.worst
        used = f"{_count(self.batches, 'batch')} ({_count(self.samples, 'sample')})"
        error = f"largest error left {worst.largest:.2g}, in '{worst.name}'"
        if self.stopped == "tolerance":
            end = f"{error}, within the tolerance of {self.tolerance:g}"
        elif self.converged:
            end = f"all the data; {error}"
        else:
            cause = "the data ended" if self.stopped == "data" else "max_batches was reached"
            if worst.largest <= self.tolerance:
                end = f"{cause} before there was enough to tell the error; what there was says: {error}"
            else:
                end = f"{cause} before the tolerance of {self.tolerance:g} was met; {error}"
        lines = [f"new statistics for {_count(len(self.layers), 'layer')} from {used}: {end}"]
        return "\n".join(lines + [f"left alone: '{name}': {reason}" for name, reason in self.skipped.items()])


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pass has seen so far, over all workers.

    Arguments:
        batches: how many batches.
        samples: how many samples in them.
        groups: how many times the model was run, several batches at once counting as one.
        ended: whether the data ended, for every worker.
        moments: of each layer's input, for the layers that were called.
        epsilon: what each of these layers adds to the variance.
    """

    batches: int
    samples: int
    groups: int
    ended: bool
    moments: Mapping[str, SampledMoments]
    epsilon: Mapping[str, float]

    def errors(self) -> tuple[LayerError, ...]:
        """The error left in each layer."""
        return tuple(error_left(name, each, self.epsilon[name]) for name, each in self.moments.items())


class Work(Protocol):
    """A model made ready for recalibration; each framework's `recalibrate.opened` gives one."""

    def skipped(self) -> Mapping[str, str]:
        """The layers that get no new statistics, with the reason."""

    def start(self, mode: Mode) -> None:
        """Begins a pass: layers normalize by the batch, or by the statistics that the pass before estimated."""

    def run(self, upto: int | None, on_batch: Callable[[int], None]) -> None:
        """Runs batches until this process has run `upto` in this pass, or its data end; tells how many after each."""

    def taken(self) -> Taken:
        """What the pass has seen so far; with several workers all of them must call this."""


def recalibrate(
    model: Any,
    data: Iterable[Any],
    *,
    tolerance: float = TOLERANCE,
    passes: int = 1,
    max_batches: int | None = None,
    include_frozen: bool = False,
    forward: Callable[[Any, Any], Any] | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Recalibration:
    """Re-estimates the population statistics of a model's normalization layers from data, in place.

    Only the values of the statistics (running_mean and running_var) change. Modes, momentum, num_batches_tracked,
    hooks, gradients, all other buffers and all random states are as before afterwards; when anything raises, so are
    the statistics, in all ranks. Whether the model is in training or inference mode makes no difference: everything
    but the layers that are re-estimated runs in inference mode, without dropout.

    Arguments:
        model: the model. One wrapped for distributed training (DistributedDataParallel) is recalibrated together
            with the other ranks, which must all call this with the same arguments but for their data, of which some
            may have more than others or none; every rank ends with the same statistics. When one fails, all raise.
            Hand over the module inside to recalibrate in this process alone. A sharded model is refused.
        data: any iterable of batches, as in `Subject`. Lists of batches are read in an order that is spread over
            them, and loaders that read in sequence give batches mixed from all over the data, so that sorted data
            neither stop it early nor make batches of one kind. Small batches of images or feature vectors are run
            several at once, which costs the same and is nearer to inference.
        tolerance: stop once, for every layer, the standard errors of the mean (in standard deviations) and of the log
            variance are within this, as root mean square over channels. 0 uses all the data.
        passes: in the first pass the layers normalize by the batch. Each further pass takes the moments anew while
            they normalize by the statistics of the pass before, as inference does; it needs data that can be read
            again.
        max_batches: no pass reads more batches than this (in each process).
        include_frozen: whether to re-estimate frozen layers too (no affine parameter requires a gradient, or a layer
            type that never trains).
        forward: `forward(model, batch)`, where the model is not called with the inputs of the batch.
        device: where to run; by default where the model is. On another device a copy of the model runs.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.

    Returns:
        how many batches it took, the error left in each layer, and which layers were left alone.

    Raises:
        NoNormalizationLayersError: the model has no layer to re-estimate.
        UnusableInputError: the data are empty or hold NaN, the model refuses a batch, an argument makes no sense, or
            another rank failed.
    """
    framework = room(model, "recalibrate")
    opened = framework.opened(model, data, include_frozen=include_frozen, forward=forward, device=device)
    with Progress(progress) as stage, opened as work:
        _check(data, tolerance, passes, max_batches)  # in here, where other workers hear of it
        total = _length(data, max_batches)
        result, moments = estimate(
            work,
            tolerance=tolerance,
            passes=passes,
            max_batches=max_batches,
            on_batch=lambda done: stage("re-estimating statistics", done, total),
        )
    framework.store(model, moments)
    return result


def estimate(
    work: Work, *, tolerance: float, passes: int, max_batches: int | None, on_batch: Callable[[int], None]
) -> tuple[Recalibration, Mapping[str, SampledMoments]]:
    """Runs the passes and returns what was done, and the moments that are to be stored.

    Arguments:
        work: the model and its data.
        tolerance: see `recalibrate`.
        passes: see `recalibrate`.
        max_batches: see `recalibrate`.
        on_batch: is told the number of batches after each.

    Raises:
        UnusableInputError: the data are empty, or no layer is ever called.
    """
    for number in range(passes):
        work.start(Mode.POPULATION if number else Mode.BATCH)
        taken, stopped = _one_pass(work, tolerance, max_batches, on_batch)
        if not taken.batches:
            raise UnusableInputError(
                READ_ONCE.format(number + 1)
                if number
                else "data is empty: expected an iterable that gives at least one batch"
            )
    skipped = work.skipped()
    if not taken.moments:
        raise UnusableInputError(
            f"no normalization layer could be re-estimated from {_count(taken.batches, 'batch')}: "
            + "; ".join(f"'{name}': {reason}" for name, reason in skipped.items())
        )
    result = Recalibration(taken.batches, taken.samples, passes, tolerance, stopped, taken.errors(), skipped)
    return result, taken.moments


def _one_pass(
    work: Work, tolerance: float, max_batches: int | None, on_batch: Callable[[int], None]
) -> tuple[Taken, StopReason]:
    done = MINIMUM_GROUPS if tolerance > 0 else None
    while True:
        limit = done if max_batches is None else min(done or max_batches, max_batches)
        work.run(limit, on_batch)
        taken = work.taken()
        worst = max((layer.largest for layer in taken.errors()), default=math.inf)
        if tolerance > 0 and taken.groups >= MINIMUM_GROUPS and worst <= tolerance:
            return taken, "tolerance"
        if taken.ended or limit is None:
            return taken, "data"
        if limit == max_batches:
            return taken, "max_batches"
        done = next_check(limit, worst, tolerance) if taken.groups >= MINIMUM_GROUPS else 2 * limit


def next_check(done: int, worst: float, tolerance: float) -> int:
    """After how many batches to look again: when the error, which falls with their square root, should be met.

    At most twice as many, because the error is an estimate itself; at least a quarter more, so that batches can be
    run several at once.
    """
    expected = done * (worst / tolerance) ** 2
    return max(math.ceil(min(expected, 2.0 * done)), done + max(done // 4, 1))


def error_left(name: str, moments: SampledMoments, epsilon: float) -> LayerError:
    """The standard errors of one layer as root mean square over channels.

    Both are relative to variance + epsilon, which is what the layer divides by: a dead channel, whose tiny variance is
    uncertain by a large factor, matters to nobody.
    """
    with np.errstate(all="ignore"):
        total = moments.variance + epsilon
        mean = np.where(moments.mean_error == 0, 0.0, moments.mean_error / np.sqrt(total))
        known = np.isfinite(moments.log_variance_error) & (total > 0)
        log_variance = np.where(known, moments.log_variance_error * (moments.variance / total), np.inf)
        log_variance = np.where(moments.log_variance_error == 0, 0.0, log_variance)
    return LayerError(name, _rms(mean), _rms(log_variance))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def _check(data: Any, tolerance: float, passes: int, max_batches: int | None) -> None:
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise UnusableInputError(f"data is a {type(data).__name__}; expected an iterable of batches")
    if not tolerance >= 0:
        raise UnusableInputError(f"tolerance is {tolerance}; expected 0 (use all the data) or more, as 0.015")
    if passes < 1 or (max_batches is not None and max_batches < 1):
        raise UnusableInputError(f"passes is {passes} and max_batches {max_batches}; expected at least 1 of each")
    if passes > 1 and isinstance(data, Iterator):
        raise UnusableInputError(
            f"data is a {type(data).__name__}, which can be read once, and passes={passes} reads it {passes} times: "
            "pass a list or a loader, or passes=1"
        )


def _length(data: Any, max_batches: int | None) -> float | None:
    try:
        length = len(data)
    except TypeError:  # it has no length, or says so only when asked (an IterableDataset's loader)
        return max_batches
    return length if max_batches is None else min(length, max_batches)


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("ch") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"
