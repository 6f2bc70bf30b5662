"""A Keras model that is trained and put back, for a sanity test of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.experiments.course import losses_of
from steadynorm.experiments.records import FirstPass, Task
from steadynorm.experiments.trainee import Learner
from steadynorm.keras.backends import backend
from steadynorm.keras.batches import inputs_and_targets, is_array, numbers_of, sample
from steadynorm.keras.calling import Calling
from steadynorm.keras.differentiation import output_by_batch
from steadynorm.keras.first_pass import first_pass, output_gradient
from steadynorm.keras.keeping import Snapshot, subject_kept
from steadynorm.keras.learner import AdamLearner, OwnLearner
from steadynorm.keras.steps import own_train_step
from steadynorm.subject import Subject


@contextmanager
def opened_for_training(subject: Subject, *, batches: int, device: str | None = None) -> Iterator[KerasTrainee]:
    """A `KerasTrainee` over `subject`; what is the user's is as before at the end, whatever happens.

    Raises:
        UnusableInputError: see `KerasTrainee`; or a `device` was given.
    """
    with subject_kept(subject, device) as snapshot:
        yield KerasTrainee(subject, snapshot, batches=batches)


class KerasTrainee:
    """Implements `steadynorm.experiments.trainee.Trainee` for Keras.

    Keras models cannot always be copied: every training is one of the model itself, which is put back before the next.

    Arguments:
        subject: what is tested.
        snapshot: puts everything back that a training has changed.
        batches: how many batches of the training data are taken, the first ones in their own order.

    Raises:
        UnusableInputError: the model is not built, there is no data, or the data hold NaN.
    """

    framework = "keras"
    has_rate = has_gradients = True
    cannot: Mapping[str, str] = MappingProxyType({})

    def __init__(self, subject: Subject, snapshot: Snapshot, *, batches: int) -> None:
        if not subject.model.built:
            raise UnusableInputError(
                "the model has no variables yet: build it, or call it on one batch, before it is tested"
            )
        self.subject, self._snapshot = subject, snapshot
        self._optimizers = snapshot.reached(keras.optimizers.Optimizer)
        self.has_train_step = subject.train_step is not None or own_train_step(subject.model) is not None
        self.has_loss = subject.loss is not None
        self.optimizers = len(self._optimizers)
        # A train step of the user's own runs as Python code, or is compiled once, by the user.
        self._shares_compiled = backend().compiled_holds_no_values
        self.compiles_anew = not self._shares_compiled and subject.train_step is None
        self._compiled: Any = None
        self._bounds: dict[Task, tuple[float, float]] = {}
        self.batches = sample(subject.train_data, batches, "train_data", in_order=True)

    def arrays(self) -> Sequence[tuple[Any, Any]]:
        """See `Trainee`."""
        calling = self._calling()
        return [(_array(inputs_and_targets(batch)[0]), _array(calling.target(batch))) for batch in self.batches]

    def first_pass(self) -> FirstPass:
        """See `Trainee`."""
        return first_pass(self._calling(), self.batches[0], self._optimizers)

    def output_gradient(self, index: int) -> Array | None:
        """See `Trainee`."""
        return output_gradient(self._calling(), self.batches[index])

    def is_image_to_image(self) -> bool:
        """See `Trainee`."""
        calling, batch = self._calling(), self.batches[0]
        images = (inputs_and_targets(batch)[0], output_by_batch(calling, batch), calling.target(batch))
        return all(map(_is_image, images)) and len({tuple(each.shape) for each in images}) == 1

    def learner(self, task: Task, rate: float | None = None) -> Learner:
        """See `Trainee`; the learner before is at its end."""
        calling, batch = self._calling(), self.batches[0]
        learner = OwnLearner(calling, batch) if rate is None else AdamLearner(calling, batch, task, rate)
        if task not in self._bounds:
            self._bounds[task] = learner.bounds()
        learner.floor, learner.useless = self._bounds[task]
        return learner

    def course(self, steps: int, *, rate: float = 1.0, share: float = 1.0) -> Sequence[float]:
        """See `Trainee`."""
        learner = OwnLearner(self._calling(), self.batches[0], rate=rate)
        return losses_of(learner.train, self.batches, steps, share)

    def _calling(self) -> Calling:
        """The model as it was; what Keras compiled of it is made anew, unless that holds on to no variable."""
        model = self.subject.model
        compiled = getattr(model, "train_function", None)
        self._snapshot.put_back()
        if isinstance(model, keras.Model):
            if self._shares_compiled and compiled is not model.train_function:
                self._compiled = compiled  # not the user's: that one may have been made for other metrics
            for name in ("train_function", "test_function", "predict_function"):
                setattr(model, name, None)
            model.train_function = self._compiled
        return Calling(self.subject)


def _is_image(value: Any) -> bool:
    return is_array(value) and len(value.shape) >= 4 and np.issubdtype(numbers_of(value).dtype, np.floating)


def _array(value: Any) -> Any:
    return numbers_of(value) if is_array(value) and len(value.shape) else None
