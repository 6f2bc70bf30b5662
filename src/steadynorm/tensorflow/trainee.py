"""A TensorFlow graph whose copy is trained on, for a sanity test of training."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from steadynorm.batches import inputs_and_target
from steadynorm.evidence import Array
from steadynorm.experiments.course import losses_of
from steadynorm.experiments.records import FirstPass, Task
from steadynorm.experiments.trainee import Learner
from steadynorm.subject import Subject
from steadynorm.tensorflow.batches import sample
from steadynorm.tensorflow.calling import Calling, is_fractions
from steadynorm.tensorflow.first_pass import first_pass, output_gradient
from steadynorm.tensorflow.graph_copy.copied import CopiedGraph, copied_graph
from steadynorm.tensorflow.graph_copy.differentiation import NoGradientError
from steadynorm.tensorflow.graph_subject import GraphSubject
from steadynorm.tensorflow.learner import AdamLearner, OwnLearner
from steadynorm.tensorflow.live import check_device, of_graph


@contextmanager
def opened_for_training(subject: Subject, *, batches: int, device: str | None = None) -> Iterator[GraphTrainee]:
    """A `GraphTrainee` over `subject`, which ends with the context.

    Raises:
        UnusableInputError: see `GraphTrainee`; or the subject is none of a graph, or a `device` was given.
    """
    check_device(device)
    subject = of_graph(subject)
    with _random_states_kept(), copied_graph(subject.model, to_train=True) as copied:
        yield GraphTrainee(subject, copied, batches=batches)


class GraphTrainee:
    """Implements `steadynorm.experiments.trainee.Trainee` for TensorFlow's graphs.

    One copy of the graph is trained again and again, each time from the values that the session has.

    Arguments:
        subject: what is tested.
        copied: a copy of its graph, whose learning rate can be scaled where it was found.
        batches: how many batches of the training data are taken, the first ones in their own order.

    Raises:
        UnusableInputError: there is no data, the data hold NaN, or the graph refuses them.
    """

    framework = "tensorflow"
    optimizers = 0
    compiles_anew = False

    def __init__(self, subject: GraphSubject, copied: CopiedGraph, *, batches: int) -> None:
        self.subject, self._copied = subject, copied
        self.batches = sample(subject.train_data, batches, "train_data", in_order=True)
        self._calling = Calling(subject, copied)
        self.has_train_step, self.has_rate = bool(subject.model.train_op), copied.has_rate
        self.has_loss = self._calling.path is not None
        self._bounds: dict[Task, tuple[float, float]] = {}
        self._no_gradient = self._why_no_gradient()
        self.has_gradients = self._no_gradient is None
        self.cannot: Mapping[str, str] = dict(self._reasons())

    def arrays(self) -> Sequence[tuple[Any, Any]]:
        """See `Trainee`."""
        return [tuple(map(_array, inputs_and_target(batch))) for batch in self.batches]

    def first_pass(self) -> FirstPass:
        """See `Trainee`."""
        self._copied.put_back()
        return first_pass(self._calling, self.batches[0])

    def output_gradient(self, index: int) -> Array | None:
        """See `Trainee`."""
        self._copied.put_back()
        return output_gradient(self._calling, self.batches[index])

    def is_image_to_image(self) -> bool:
        """See `Trainee`."""
        calling, batch = self._calling, self.batches[0]
        if len(calling.predictions) != 1:
            return False
        (output,) = calling.run(calling.predictions, batch)
        images: list[Any] = [calling.inputs(batch), output, calling.target(batch)]
        return all(map(_is_image, images)) and len({each.shape for each in images}) == 1

    def learner(self, task: Task, rate: float | None = None) -> Learner:
        """See `Trainee`; the learner before is at its end."""
        calling, batch = self._calling, self.batches[0]
        learner = OwnLearner(calling, batch) if rate is None else AdamLearner(calling, batch, task, rate)
        if task not in self._bounds:
            self._bounds[task] = learner.bounds()
        learner.floor, learner.useless = self._bounds[task]
        return learner

    def course(self, steps: int, *, rate: float = 1.0, share: float = 1.0) -> Sequence[float]:
        """See `Trainee`."""
        learner = OwnLearner(self._calling, self.batches[0], rate)
        return losses_of(learner.train, self.batches, steps, share)

    def _why_no_gradient(self) -> str | None:
        if self._calling.loss is None:
            return "the loss is a function of Python, not a tensor: it has no gradient"
        try:
            self._calling.gradients(self._calling.loss)
        except NoGradientError as error:
            return str(error)
        return None

    def _reasons(self) -> Iterator[tuple[str, str]]:
        """What cannot be said of this graph, by the code of the check, and why."""
        path = self._calling.path
        if self.subject.loss is None:
            return
        if path is None:
            yield "SN903", "the loss is a function of Python, not a tensor: it takes a tensor"
        if self._no_gradient is not None:
            yield from dict.fromkeys(("SN901", "SN907", "SN908"), self._no_gradient).items()
            if path is None or not self.has_train_step:
                yield "SN902", self._no_gradient
        if path is not None and not path.predictions:
            asked = "give output, from which the loss is computed"
            given = "the output is not all that the loss is computed from"
            yield (
                "SN902",
                "the smallest loss is not known: inputs and weights reach the loss by more than one tensor before it "
                f"is compared with the targets; {asked if self.subject.output is None else given}",
            )


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Keeps the states that data and functions of Python in the graph may draw from."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - of the user
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _is_image(value: Any) -> bool:
    return is_fractions(value) and value.ndim >= 4


def _array(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) and value.ndim else None
