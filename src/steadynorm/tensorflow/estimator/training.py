"""Training with evaluations in between."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.estimator import Estimator
from steadynorm.tensorflow.estimator.spec import GLOBAL_STEP, check_hooks

_log = logging.getLogger("steadynorm")


@dataclass(frozen=True)
class TrainSpec:
    """What to train on, and how long.

    Source: tf.estimator.TrainSpec.

    Arguments:
        input_fn: as of Estimator.train.
        max_steps: global step at which training ends; None until the inputs end.
        hooks: SessionRunHooks.
        saving_listeners: CheckpointSaverListeners.

    Raises:
        ValueError: max_steps is below 1.
        TypeError: input_fn cannot be called, or a hook is none.
    """

    input_fn: Callable[..., Any]
    max_steps: int | None = None
    hooks: Sequence[Any] = ()
    saving_listeners: Sequence[Any] = ()

    def __post_init__(self) -> None:
        _check_input_fn(self.input_fn)
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(
                f"max_steps is {self.max_steps}; expected a number from 1 on, or None until the inputs end"
            )
        object.__setattr__(self, "hooks", check_hooks(self.hooks, "hooks"))
        object.__setattr__(self, "saving_listeners", tuple(self.saving_listeners or ()))


@dataclass(frozen=True)
class EvalSpec:
    """What to evaluate on, how often, and what to export then.

    Source: tf.estimator.EvalSpec.

    Arguments:
        input_fn: as of Estimator.evaluate.
        steps: batches of an evaluation; None for all.
        name: of the evaluation, as of Estimator.evaluate.
        hooks: SessionRunHooks.
        exporters: objects with `name` and `export(estimator, export_path, checkpoint_path, eval_result,
            is_the_final_export)`; a single one may stand alone.
        start_delay_secs: seconds of training before the first evaluation.
        throttle_secs: seconds between two evaluations, at least; each takes a new checkpoint.

    Raises:
        ValueError: a number is out of range, or two exporters have one name.
        TypeError: input_fn cannot be called, a hook or an exporter is none.
    """

    input_fn: Callable[..., Any]
    steps: int | None = 100
    name: str | None = None
    hooks: Sequence[Any] = ()
    exporters: Any = ()
    start_delay_secs: float = 120
    throttle_secs: float = 600

    def __post_init__(self) -> None:
        _check_input_fn(self.input_fn)
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps is {self.steps}; expected a number from 1 on, or None for all batches")
        for name in ("start_delay_secs", "throttle_secs"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected seconds from 0 on")
        object.__setattr__(self, "hooks", check_hooks(self.hooks, "hooks"))
        object.__setattr__(self, "exporters", _exporters(self.exporters))


class _EvaluateCheckpoints(tf.compat.v1.train.CheckpointSaverListener):  # type: ignore[misc]
    """Evaluates new checkpoints while a training writes them, and the last one when it ends."""

    def __init__(self, estimator: Estimator, eval_spec: EvalSpec, max_steps: int | None) -> None:
        self._estimator = estimator
        self._spec = eval_spec
        self._max_steps = max_steps
        self._evaluated: int | None = None
        self._checkpoint: str | None = None
        self._exported_last = False
        self.metrics: dict[str, Any] | None = None
        self.exports: list[Any] = []

    def begin(self) -> None:
        self._first_step: int | None = None
        self._next = time.monotonic() + self._spec.start_delay_secs

    def after_save(self, session: Any, global_step_value: int) -> None:
        del session
        if self._first_step is None:
            # This is the model that the training started with.
            self._first_step = global_step_value
            return
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._spec.throttle_secs
            self._evaluate(global_step_value)

    def end(self, session: Any, global_step_value: int) -> None:
        del session
        self._evaluate(global_step_value, last=True)

    def _evaluate(self, step: int, last: bool = False) -> None:
        if self._evaluated != step:
            spec = self._spec
            self._checkpoint = _saved_at(self._estimator, step)
            self.metrics = self._estimator.evaluate(
                spec.input_fn, spec.steps, spec.hooks, checkpoint_path=self._checkpoint, name=spec.name
            )
            self._evaluated = step
        elif self._exported_last:
            return
        last = last or (self._max_steps is not None and step >= self._max_steps)
        self._exported_last = last
        self.exports = [self._export(exporter, last) for exporter in self._spec.exporters]

    def _export(self, exporter: Any, last: bool) -> Any:
        return exporter.export(
            estimator=self._estimator,
            export_path=os.path.join(self._estimator.model_dir, "export", exporter.name),
            checkpoint_path=self._checkpoint,
            eval_result=self.metrics,
            is_the_final_export=last,
        )


def _saved_at(estimator: Estimator, step: int) -> str | None:
    """The checkpoint of a step; another saver may have made another one the latest.

    Where the user's own hook saves under a name of its own, it is the latest.
    """
    saved = os.path.join(estimator.model_dir, f"model.ckpt-{step}")
    return saved if tf.compat.v1.train.checkpoint_exists(saved) else estimator.latest_checkpoint()


def train_and_evaluate(
    estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[dict[str, Any] | None, list[Any]]:
    """Trains, evaluates checkpoints on the way, no more often than eval_spec says, and the last one, and exports.

    Source: tf.estimator.train_and_evaluate, on one machine.

    Returns:
        The metrics of the last evaluation and what the exporters returned; (None, []) where training was at its end
        before.

    Raises:
        ValueError: no checkpoint would be written to evaluate.
        TypeError: one of the three is something else.
    """
    for value, kind in ((estimator, Estimator), (train_spec, TrainSpec), (eval_spec, EvalSpec)):
        if not isinstance(value, kind):
            raise TypeError(
                f"train_and_evaluate got {value!r}; expected {kind.__name__} of steadynorm.tensorflow.estimator"
            )
    listener = _EvaluateCheckpoints(estimator, eval_spec, train_spec.max_steps)
    estimator.train(
        train_spec.input_fn,
        hooks=train_spec.hooks,
        max_steps=train_spec.max_steps,
        saving_listeners=[*train_spec.saving_listeners, listener],
    )
    if listener.metrics is not None:
        _log.info("trained and evaluated up to step %d", int(listener.metrics[GLOBAL_STEP]))
    return listener.metrics, listener.exports


def _check_input_fn(input_fn: object) -> None:
    if not callable(input_fn):
        raise TypeError(
            f"input_fn is {input_fn!r}; expected a function that returns the data: write lambda: ... around it"
        )


def _exporters(exporters: Any) -> tuple[Any, ...]:
    checked = (exporters,) if hasattr(exporters, "export") else tuple(exporters or ())
    for exporter in checked:
        if not callable(getattr(exporter, "export", None)) or not getattr(exporter, "name", None):
            raise TypeError(f"exporters holds {exporter!r}; expected objects with a name and a method export")
    names = [exporter.name for exporter in checked]
    if len(set(names)) != len(names):
        raise ValueError(f"the exporters are called {names}; expected different names, for they are their folders'")
    return checked
