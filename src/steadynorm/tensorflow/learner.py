"""Copies of a graph in training for a sanity test: by the train op, or by Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.experiments.free_outputs import lowest, uninformed
from steadynorm.experiments.records import Task
from steadynorm.tensorflow.batches import feed
from steadynorm.tensorflow.calling import Calling
from steadynorm.tensorflow.functions import called
from steadynorm.tensorflow.graph_copy.copied import said
from steadynorm.tensorflow.graph_copy.differentiation import NoGradientError, gradients

_CHECKED = " : Tensor had "
"""By this one knows tf.debugging.check_numerics, which the train op of slim, and of this package, has on the loss."""


class _GraphLearner:
    """The copy as it was at first, and a batch that it learns.

    Arguments:
        calling: the copy, which every learner begins anew.
        batch: what is learned.
        task: as which task.
    """

    def __init__(self, calling: Calling, batch: Any, task: Task) -> None:
        self.calling, self.batch, self.task = calling, batch, task
        calling.copied.put_back()
        self.number = calling.squared_error if task is Task.IDENTITY else calling.loss
        self.floor, self.useless = math.nan, math.inf

    def loss(self) -> float:
        """See `Learner`."""
        return float(self.calling.run([self.number], self.batch)[0])

    def moved(self) -> bool:
        """See `Learner`."""
        now = self.calling.copied.read(self.calling.learning)
        return any(not np.array_equal(self.calling.copied.values[name], value) for name, value in now.items())

    def bounds(self) -> tuple[float, float]:
        """The smallest loss that any outputs have, and that of outputs that know nothing: up to 300 losses."""
        calling = self.calling
        if self.task is Task.IDENTITY:
            return 0.0, _variance_within_images(calling.inputs(self.batch), calling.is_channels_first)
        assert calling.path is not None
        free = calling.path.free
        outputs = [np.asarray(each) for each in calling.run(free, self.batch)]
        names = [each.name for each in free]
        instead = dict(zip(names, map(uninformed, outputs), strict=True))
        useless = float(calling.run([self.number], self.batch, instead)[0])
        return self._lowest(free, outputs), useless if math.isfinite(useless) else math.inf

    def _lowest(self, tensors: Sequence[Any], outputs: list[Array]) -> float:
        try:
            found = gradients(self.number, tensors)
        except NoGradientError:
            return math.nan
        names = [each.name for each in tensors]
        fetches = [self.number, *(each for each in found if each is not None)]

        def differentiate(free: list[Array]) -> tuple[float, list[Array | None]]:
            loss, *arrived = self.calling.run(fetches, self.batch, dict(zip(names, free, strict=True)))
            waiting = iter(arrived)
            return float(loss), [None if each is None else next(waiting) for each in found]

        return lowest(outputs, differentiate)


class OwnLearner(_GraphLearner):
    """The copy in training by the user's own train op.

    Arguments:
        calling: the copy.
        batch: what is learned.
        rate: what the learning rate is multiplied by.
    """

    def __init__(self, calling: Calling, batch: Any, rate: float = 1.0) -> None:
        super().__init__(calling, batch, Task.ONE_BATCH)
        self._rate = rate
        reached = calling.copied.layers.reached(each.name for each in calling.subject.model.train_op)
        loss = calling.subject.loss
        # A loss that the step computes anyway is of the same pass.
        self._computed = [loss] if isinstance(loss, tf.Tensor) and loss.op.name in reached else []

    def step(self) -> float:
        """See `Learner`."""
        return self.train(self.batch)

    def train(self, batch: Any) -> float:
        """One step on a batch.

        Returns:
            the loss that the train op computed, or else the loss after it; NaN where a parameter is not finite, or the
            train op itself checks what it computes, and finds it so.

        Raises:
            UnusableInputError: the train op cannot be run.
        """
        model, copied = self.calling.subject.model, self.calling.copied
        try:
            given = feed(model, batch, training=True)
            found, _ = copied.run([*model.train_op, *self._computed], given, rate=self._rate)
        except UnusableInputError:
            raise
        except Exception as error:
            if _is_about_finite(error):
                return math.nan
            raise UnusableInputError(
                f"train_op raised {type(error).__name__}: {said(error)}. It is fed inputs, labels and "
                "training_feed ({mode: True} by default); leave train_op out to test without it"
            ) from error
        if not copied.run([self.calling.all_finite], {})[0][0]:
            return math.nan
        return float(np.mean(found[-1])) if self._computed else self._loss_of(batch)

    def _loss_of(self, batch: Any) -> float:
        if self.number is not None:
            return float(self.calling.run([self.number], batch)[0])
        if self.calling.subject.loss is None:
            return 0.0
        output = self.calling.run(self.calling.predictions, batch)
        return called(self.calling.subject, "loss", output[0] if output else None, batch)


class AdamLearner(_GraphLearner):
    """The copy, frozen variables included, in training by Adam at a given rate."""

    def __init__(self, calling: Calling, batch: Any, task: Task, rate: float) -> None:
        super().__init__(calling, batch, task)
        self._rate, self._steps = rate, 0
        self._adam = calling.adam(self.number, batch)
        calling.copied.run([self._adam.begin], {})

    def step(self) -> None:
        """See `Learner`."""
        self._steps += 1
        self.calling.run([self._adam.step], self.batch, self._adam.feed(self._rate, self._steps))


def _is_about_finite(error: Exception) -> bool:
    return isinstance(error, tf.errors.InvalidArgumentError) and _CHECKED in str(error)


def _variance_within_images(images: Any, is_channels_first: bool) -> float:
    axes = tuple(range(2, images.ndim)) if is_channels_first else tuple(range(1, images.ndim - 1))
    return float(images.astype(np.float64).var(axes).mean())
