"""Runs the user's train step and evaluation and watches what they do to the normalization layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evaluation, TrainSteps
from steadynorm.keras.batches import is_array, numbers_of, sample_count
from steadynorm.keras.calls import standing_in
from steadynorm.keras.layers import epsilon_of, value
from steadynorm.keras.stateless import is_stateless, stateful
from steadynorm.keras.steplog import logged, step_log
from steadynorm.quoting import said
from steadynorm.steplog import evaluated, summarized


def own_train_step(model: Any) -> Callable[[Any, Any], Any] | None:
    """The train step of a compiled model, its own `train_step` included; `None` for one that is not compiled."""
    if not isinstance(model, keras.Model) or not model.compiled:
        return None

    def train_on_batch(model: Any, batch: Any) -> Any:
        inputs, target, weights = keras.utils.unpack_x_y_sample_weight(batch)
        result = model.train_on_batch(inputs, target, sample_weight=weights)
        return result[0] if isinstance(result, list) else result

    return train_on_batch


def with_its_optimizer(
    model: Any, train_step: Callable[..., Any], optimizer: Any
) -> tuple[Callable[..., Any], list[Any]]:
    """A train step, made stateful if it is stateless, and what it takes between model and batch."""
    if is_stateless(train_step):
        return stateful(train_step, optimizer or getattr(model, "optimizer", None)), []
    return train_step, [] if optimizer is None else [optimizer]


def run_train_step(
    model: Any,
    layers: Mapping[str, Any],
    train_step: Callable[..., Any],
    optimizer: Any,
    optimizers: Sequence[Any],
    batches: Sequence[Any],
) -> TrainSteps:
    """Runs the train step once per batch; the caller puts everything back.

    Arguments:
        model: the model.
        layers: its normalization layers by name.
        train_step: the user's function.
        optimizer: the user's optimizer, or `None`.
        optimizers: those that the function can reach.
        batches: what to train on.

    Raises:
        UnusableInputError: the train step raised.
    """
    step, arguments = with_its_optimizer(model, train_step, optimizer)
    counted = max((_steps_counted(each) for each in arguments or optimizers), default=0) or None
    log, bad_gradients = step_log(layers), _BadGradients(optimizers)
    skipped, damaging, moved, samples = 0, 0, False, []
    with logged(log, layers), bad_gradients.watched(), _eager(model):
        for index, batch in enumerate(batches):
            parameters = [value(each) for each in model.trainable_variables]
            log.begin_step()
            bad_gradients.seen = False
            try:
                result = step(model, *arguments, batch)
            except UnusableInputError:
                raise
            except Exception as error:
                raise UnusableInputError(
                    f"train_step raised at batch {index}: {said(error)}. It is called as "
                    f"train_step(model{', optimizer' if arguments else ''}, batch), or train_step(state, batch), and "
                    "must be complete; leave train_step out to diagnose without it"
                ) from error
            finally:
                log.end_step()
            samples.append(sample_count(batch))
            after = [value(each) for each in model.trainable_variables]
            changed = any(
                not np.array_equal(np.asarray(one), np.asarray(other))
                for one, other in zip(parameters, after, strict=False)
            )
            moved |= changed
            statistics_moved = any(layer_log.moved[-1] for layer_log in log.logs.values())
            if not changed and statistics_moved and (bad_gradients.seen or _not_finite(result)):
                skipped += 1
                damaging += log.damaged()
    return TrainSteps(
        steps=len(batches),
        samples=int(np.median(samples)),
        layers={
            name: summarized(layer_log, epsilon_of(layers[name]))
            for name, layer_log in log.logs.items()
            if any(layer_log.steps)
        },
        parameters_moved=moved,
        skipped_updates=skipped,
        damaging_updates=damaging,
        optimizer_steps=counted,
    )


def run_evaluation(
    model: Any,
    layers: Mapping[str, Any],
    evaluate: Callable[..., Any],
    batches: Sequence[Any],
    *,
    in_inference: bool,
) -> Evaluation:
    """Runs the user's evaluation once; the caller puts everything back.

    Arguments:
        model: the model.
        layers: its normalization layers by name.
        evaluate: the user's function.
        batches: what to evaluate on.
        in_inference: whether the layers normalize by the stored statistics whatever the user's code asks for.

    Raises:
        UnusableInputError: the evaluation raised.
    """
    log = step_log(layers)
    log.begin_step()
    held = ((layer, lambda called: called.run(training=False)) for layer in layers.values() if in_inference)
    with standing_in(held), logged(log, {} if in_inference else layers), _eager(model):
        try:
            result = evaluate(model, list(batches))
        except Exception as error:
            raise UnusableInputError(
                f"evaluate raised: {said(error)}. It is called as evaluate(model, batches), with a "
                "list of the sampled validation batches; leave evaluate out to diagnose without it"
            ) from error
    log.end_step()
    return evaluated(log, number_in(result))


@contextmanager
def _eager(model: Any) -> Iterator[None]:
    """Lets `fit`, `evaluate` and the like make their functions anew, to be run as Python code."""
    if not isinstance(model, keras.Model):
        yield
        return
    names = ("train_function", "test_function", "predict_function")
    before = {name: getattr(model, name, None) for name in names}
    eagerly = model.run_eagerly
    for name in names:
        setattr(model, name, None)
    model.run_eagerly = True
    try:
        yield
    finally:
        model.run_eagerly = eagerly
        for name, function in before.items():
            setattr(model, name, function)


class _BadGradients:
    """Notices gradients that are not finite as they reach an optimizer, before it skips them."""

    def __init__(self, optimizers: Sequence[Any]) -> None:
        self.optimizers, self.seen = optimizers, False

    @contextmanager
    def watched(self) -> Iterator[None]:
        try:
            for each in self.optimizers:
                vars(each)["apply"] = self._looking(each.apply)
            yield
        finally:
            for each in self.optimizers:
                vars(each).pop("apply", None)

    def _looking(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        def look(gradients: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.seen:
                self.seen = any(_holds_bad_values(each) for each in gradients)
            return apply(gradients, *args, **kwargs)

        return look


def _holds_bad_values(gradient: Any) -> bool:
    if not is_array(gradient):
        return False  # a slice of an embedding, or none at all
    try:
        return not bool(np.isfinite(numbers_of(gradient)).all())
    except TypeError:
        return False


def _not_finite(result: Any) -> bool:
    number = number_in(result)
    return number is not None and not math.isfinite(number)


def number_in(result: Any) -> float | None:
    """The number that a user's function returned; `None` where it is none."""
    if is_array(result):
        values = numbers_of(result)
        return float(values.ravel()[0]) if values.size == 1 else None
    return float(result) if isinstance(result, int | float) and not isinstance(result, bool) else None


def _steps_counted(optimizer: Any) -> int:
    count = value(getattr(optimizer, "iterations", None))
    return 0 if count is None else int(count[0])
