"""A Keras model in training for a sanity test: by the user's own train step, or by Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.experiments.free_outputs import lowest, uninformed
from steadynorm.experiments.records import Task
from steadynorm.experiments.terms import total
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import fresh, inputs_and_targets, is_array, numbers_of
from steadynorm.keras.calling import Calling
from steadynorm.keras.differentiation import beside_gradients, gradients, output_by_batch
from steadynorm.keras.steps import number_in, own_train_step, with_its_optimizer
from steadynorm.nests import leaves, transform
from steadynorm.quoting import said


class _KerasLearner:
    """The model, and a batch that it learns. It is the user's: whoever makes a learner puts everything back.

    Arguments:
        calling: the model and the subject's functions.
        batch: what is learned.
        task: as which task.
    """

    def __init__(self, calling: Calling, batch: Any, task: Task) -> None:
        self.calling, self.batch, self.task = calling, batch, task
        self.model = calling.subject.model
        self._target = (
            inputs_and_targets(batch)[0] if task is Task.IDENTITY else beside_gradients(calling.target(batch))
        )
        self._start = self._parameters()
        self.floor, self.useless = math.nan, math.inf

    def loss(self) -> float:
        """See `Learner`."""
        return float(numbers_of(self._compared(output_by_batch(self.calling, self.batch))))

    def moved(self) -> bool:
        """See `Learner`."""
        return any(not np.array_equal(old, new) for old, new in zip(self._start, self._parameters(), strict=True))

    def _parameters(self) -> list[Any]:
        return [numbers_of(each.value).copy() for each in self.model.trainable_variables]

    def _compared(self, output: Any) -> Any:
        if self.task is Task.IDENTITY:
            return keras.ops.mean(keras.ops.square(output - keras.ops.convert_to_tensor(self._target)))
        return total(self.calling.result("loss", output, fresh(self._target)))

    def bounds(self) -> tuple[float, float]:
        """The smallest loss that any outputs have, and that of outputs that know nothing: up to 300 losses."""
        if self.task is Task.IDENTITY:
            return 0.0, _variance_within_images(numbers_of(self._target))
        output = output_by_batch(self.calling, self.batch)
        given = [numbers_of(each) for each in leaves(output, _is_floating)]
        useless = self._loss_with(output, [uninformed(each) for each in given])
        target = numbers_of(self._target) if is_array(self._target) else None
        return lowest(given, lambda free: self._differentiated(output, free), target), useless

    def _differentiated(self, output: Any, free: Sequence[Array]) -> tuple[float, list[Array | None]]:
        """The loss of outputs with other numbers, and its gradient for these."""
        loss, found = backend().gradients(
            lambda given: self._compared(_replaced(output, given)), [keras.ops.convert_to_tensor(each) for each in free]
        )
        return float(numbers_of(loss)), [None if each is None else numbers_of(each) for each in found]

    def _loss_with(self, output: Any, instead: Sequence[Array]) -> float:
        tensors = [keras.ops.convert_to_tensor(each) for each in instead]
        try:
            loss = float(numbers_of(self._compared(_replaced(output, tensors))))
        except UnusableInputError:  # a loss may refuse such outputs
            return math.inf
        return loss if math.isfinite(loss) else math.inf


class OwnLearner(_KerasLearner):
    """The model in training by the user's own train step, or by that of a compiled model.

    Arguments:
        calling: see `_KerasLearner`.
        batch: likewise.
        rate: what the learning rate is multiplied by. The parameters go that part of each way: what an optimizer adds
            to them is proportional to its rate, whichever library it is of and wherever it keeps the rate.
    """

    def __init__(self, calling: Calling, batch: Any, *, rate: float = 1.0) -> None:
        super().__init__(calling, batch, Task.ONE_BATCH)
        self._rate = rate
        subject = calling.subject
        step = subject.train_step or own_train_step(self.model)
        assert step is not None
        self._is_own = subject.train_step is None
        optimizer = subject.optimizer if subject.train_step is not None else None
        self._step, self._arguments = with_its_optimizer(self.model, step, optimizer)

    def step(self) -> float:
        """See `Learner`."""
        return self.train(self.batch)

    def train(self, batch: Any) -> float:
        """One step on a batch.

        Returns:
            the number that the train step returned, or the loss after it; NaN where a parameter is not finite.

        Raises:
            UnusableInputError: the train step raised.
        """
        if isinstance(self.model, keras.Model) and self.model.compiled:
            self.model.reset_metrics()  # else `train_on_batch` gives the mean loss of all steps until now
        before = self._parameters() if self._rate != 1.0 else []
        try:
            # What the user has compiled may know of variables that were put back since. Keras compiles its own anew.
            with nullcontext() if self._is_own else backend().plain_calls():
                result = self._step(self.model, *self._arguments, fresh(batch))
        except UnusableInputError:
            raise
        except Exception as error:
            raise UnusableInputError(
                f"train_step raised {said(error)}. It is called as train_step(model"
                f"{', optimizer' if self._arguments else ''}, batch), or train_step(state, batch), and must be "
                "complete; leave train_step out to test without it"
            ) from error
        after = self._parameters()
        if not all(np.isfinite(each).all() for each in after):
            return math.nan
        if self._rate != 1.0:
            for variable, old, new in zip(self.model.trainable_variables, before, after, strict=True):
                variable.assign(old + self._rate * (new - old))
        number = number_in(result)
        return self._loss_of(batch) if number is None else number

    def _loss_of(self, batch: Any) -> float:
        if self.calling.subject.loss is None:
            return 0.0
        output = output_by_batch(self.calling, batch)
        return float(numbers_of(total(self.calling.result("loss", output, self.calling.target(batch)))))


class AdamLearner(_KerasLearner):
    """The model, frozen layers included, in training by Adam at a given rate."""

    def __init__(self, calling: Calling, batch: Any, task: Task, rate: float) -> None:
        calling.subject.model.trainable = True
        super().__init__(calling, batch, task)
        self._optimizer = keras.optimizers.Adam(rate)
        self._optimizer.build(self.model.trainable_variables)
        self._apply = backend().faster(self._applied)

    def step(self) -> None:
        """See `Learner`."""
        loss, found = gradients(self.calling, self.batch, self.model.trainable_variables, self._compared)
        arrived = {index: each for index, each in enumerate(found) if each is not None}
        if arrived and np.isfinite(numbers_of(loss)):
            with backend().without_gradients():
                self._apply(arrived)

    def _applied(self, arrived: dict[int, Any]) -> None:
        variables = self.model.trainable_variables
        self._optimizer.apply(list(arrived.values()), [variables[index] for index in arrived])


def _replaced(output: Any, instead: Sequence[Any]) -> Any:
    """Outputs whose numbers with fractions are others, in the same nest."""
    waiting = iter(instead)
    return transform(output, lambda _: next(waiting), _is_floating)


def _is_floating(value: Any) -> bool:
    return is_array(value) and np.issubdtype(numbers_of(value).dtype, np.floating)


def _variance_within_images(images: Array) -> float:
    first = keras.config.image_data_format() == "channels_first"
    axes = tuple(range(2, images.ndim)) if first else tuple(range(1, images.ndim - 1))
    return float(images.astype(np.float64).var(axes).mean())
