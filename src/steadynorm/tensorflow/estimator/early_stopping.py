"""Ends a training when a metric of its evaluations no longer gets better."""

from __future__ import annotations

import logging
import operator
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import tensorflow as tf

_log = logging.getLogger("steadynorm")

_History: TypeAlias = list[tuple[int, float]]
"""Pairs of a global step and the metric, in the order of the steps."""

_Verdict: TypeAlias = Callable[[_History], bool]
"""Whether to stop."""


class _StopHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]
    """Asks a function from time to time whether to stop."""

    def __init__(self, should_stop: Callable[[], bool], seconds: float | None, steps: int | None) -> None:
        self._should_stop = should_stop
        self._timer = tf.compat.v1.train.SecondOrStepTimer(every_secs=seconds, every_steps=steps)

    def begin(self) -> None:
        self._timer.reset()
        self._global_step = tf.compat.v1.train.get_global_step()

    def before_run(self, run_context: Any) -> Any:
        del run_context
        return tf.compat.v1.train.SessionRunArgs(self._global_step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        # Read beside the train op, the step may be the one before or the one after it; the timer is only asked
        # with the step that holds now, and that is only read where it can matter.
        if not self._timer.should_trigger_for_step(int(run_values.results) + 1):
            return
        step = int(run_context.session.run(self._global_step))
        if not self._timer.should_trigger_for_step(step):
            return
        self._timer.update_last_triggered_step(step)
        if self._should_stop():
            _log.info("training is asked to stop early at step %d", step)
            run_context.request_stop()


def make_early_stopping_hook(
    estimator: Any,
    should_stop_fn: Callable[[], bool],
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """A hook for train that stops it when `should_stop_fn` returns True.

    Source: tf.estimator.experimental.make_early_stopping_hook.

    Arguments:
        estimator: the one that is trained.
        should_stop_fn: takes nothing.
        run_every_secs: how often it is asked; None with run_every_steps.
        run_every_steps: how often it is asked.

    Raises:
        ValueError: both run_every_secs and run_every_steps, or neither.
        TypeError: should_stop_fn cannot be called.
    """
    del estimator  # The original saves the decision in its model_dir, for its other machines.
    if not callable(should_stop_fn):
        raise TypeError(f"should_stop_fn is {should_stop_fn!r}; expected a function without arguments")
    if (run_every_secs is None) == (run_every_steps is None):
        raise ValueError(
            f"run_every_secs is {run_every_secs} and run_every_steps is {run_every_steps}; expected one of them and "
            "None for the other"
        )
    return _StopHook(should_stop_fn, run_every_secs, run_every_steps)


def read_eval_metrics(eval_dir: str) -> OrderedDict[int, dict[str, float]]:
    """Global step → metrics that evaluations wrote into `eval_dir`, in the order of the steps.

    Source: tf.estimator.experimental.read_eval_metrics.
    """
    metrics: dict[int, dict[str, float]] = {}
    for event in _events(eval_dir):
        values = {value.tag: value.simple_value for value in event.summary.value if value.HasField("simple_value")}
        if values:
            metrics.setdefault(event.step, {}).update(values)
    return OrderedDict(sorted(metrics.items()))


def _events(folder: str) -> Iterator[Any]:
    for path in sorted(tf.io.gfile.glob(os.path.join(folder, "*tfevents*"))):
        try:
            yield from tf.compat.v1.train.summary_iterator(path)
        except tf.errors.DataLossError:
            # A process that was killed leaves half an event at the end of its file; what stands before it is whole.
            _log.debug("%s ends within an event", path)


def stop_if_higher_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """A hook that stops once an evaluation gives more than `threshold`; arguments as of stop_if_no_decrease_hook."""
    verdict = _reaches(threshold, operator.gt)
    return _hook(verdict, estimator, metric_name, eval_dir, min_steps, run_every_secs, run_every_steps)


def stop_if_lower_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """A hook that stops once an evaluation gives less than `threshold`; arguments as of stop_if_no_decrease_hook."""
    verdict = _reaches(threshold, operator.lt)
    return _hook(verdict, estimator, metric_name, eval_dir, min_steps, run_every_secs, run_every_steps)


def stop_if_no_increase_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_increase: int,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """A hook that stops when a metric has not risen for so many steps; arguments as of stop_if_no_decrease_hook."""
    verdict = _stalls(max_steps_without_increase, operator.gt)
    return _hook(verdict, estimator, metric_name, eval_dir, min_steps, run_every_secs, run_every_steps)


def stop_if_no_decrease_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_decrease: int,
    eval_dir: str | None = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> Any:
    """A hook that stops when a metric has not fallen for so many steps.

    Source: tf.estimator.experimental.stop_if_no_decrease_hook, as the other three have theirs there.

    Arguments:
        estimator: the one that is trained.
        metric_name: a metric of its evaluations.
        max_steps_without_decrease: global steps from the best evaluation to the last one.
        eval_dir: where the evaluations write; that of the estimator for None.
        min_steps: evaluations at earlier steps are left out.
        run_every_secs: seconds between looking at the metrics; None with run_every_steps.
        run_every_steps: steps between looking at them.
    """
    verdict = _stalls(max_steps_without_decrease, operator.lt)
    return _hook(verdict, estimator, metric_name, eval_dir, min_steps, run_every_secs, run_every_steps)


def _hook(
    verdict: _Verdict,
    estimator: Any,
    metric_name: str,
    eval_dir: str | None,
    min_steps: int,
    run_every_secs: float | None,
    run_every_steps: int | None,
) -> Any:
    def should_stop() -> bool:
        return verdict(_history(read_eval_metrics(eval_dir or estimator.eval_dir()), metric_name, min_steps))

    return make_early_stopping_hook(estimator, should_stop, run_every_secs, run_every_steps)


def _history(metrics: Mapping[int, Mapping[str, float]], name: str, min_steps: int) -> _History:
    history = [(step, values[name]) for step, values in metrics.items() if step >= min_steps and name in values]
    known = sorted({key for values in metrics.values() for key in values})
    if known and name not in known:
        raise ValueError(f"the evaluations have no metric {name!r}; expected one of {known}")
    return history


def _reaches(threshold: float, passes: Callable[[float, float], bool]) -> _Verdict:
    return lambda history: any(passes(value, threshold) for _, value in history)


def _stalls(patience: int, better: Callable[[float, float], bool]) -> _Verdict:
    def verdict(history: _History) -> bool:
        if not history:
            return False
        best_step, best = history[0]
        for step, value in history:
            if better(value, best):
                best_step, best = step, value
        return history[-1][0] - best_step >= patience

    return verdict
