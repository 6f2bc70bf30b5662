"""A PyTorch model whose copies are trained on, for a sanity test of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from steadynorm.batches import inputs_and_target
from steadynorm.evidence import Array
from steadynorm.experiments.course import losses_of
from steadynorm.experiments.records import FirstPass, Task
from steadynorm.experiments.trainee import Learner
from steadynorm.subject import Subject
from steadynorm.torch.batches import check_finite, numbers_of, sample
from steadynorm.torch.calling import Calling
from steadynorm.torch.copying import Copier, unwrap
from steadynorm.torch.execution import check_has_values, device_of, plain_execution
from steadynorm.torch.first_pass import first_pass, output_gradient
from steadynorm.torch.learner import AdamLearner, OwnLearner, optimizers_of
from steadynorm.torch.originals import originals_kept
from steadynorm.torch.state import random_states_kept


@contextmanager
def opened_for_training(subject: Subject, *, batches: int, device: str | None = None) -> Iterator[TorchTrainee]:
    """A `TorchTrainee` over `subject`; what is the user's is as before at the end, whatever happens."""
    with (
        random_states_kept(subject.train_data, subject.validation_data),
        originals_kept(subject.model, subject.optimizer),
        plain_execution(),
    ):
        yield TorchTrainee(subject, batches=batches, device=device)


class TorchTrainee:
    """Implements `steadynorm.experiments.trainee.Trainee` for PyTorch.

    Arguments:
        subject: what is tested; its model is copied and never run.
        batches: how many batches of the training data are taken, the first ones in their own order.
        device: where to run; by default where the model is.

    Raises:
        UnusableInputError: the model cannot be copied, there is no data, or the data hold NaN.
    """

    framework = "torch"
    has_rate = has_gradients = True
    compiles_anew = False
    cannot: Mapping[str, str] = MappingProxyType({})

    def __init__(self, subject: Subject, *, batches: int, device: str | None = None) -> None:
        self.subject, self._wanted = subject, device
        check_has_values(unwrap(subject.model))
        self.device = device_of(unwrap(subject.model), device)
        self.has_train_step, self.has_loss = subject.train_step is not None, subject.loss is not None
        self.batches = sample(subject.train_data, batches, "train_data", in_order=True)
        for index, batch in enumerate(self.batches):
            check_finite(batch, "train_data", index)
        self._bounds: dict[Task, tuple[float, float]] = {}
        self.optimizers = self._optimizers_at_work() if self.has_train_step else 0

    def arrays(self) -> Sequence[tuple[Any, Any]]:
        """See `Trainee`."""
        calling = self._calling()
        return [(_array(inputs_and_target(batch)[0]), _array(calling.target(batch))) for batch in self.batches]

    def first_pass(self) -> FirstPass:
        """See `Trainee`."""
        return first_pass(self._calling(), self.batches)

    def output_gradient(self, index: int) -> Array | None:
        """See `Trainee`."""
        return output_gradient(self._calling(), self.batches[index])

    def is_image_to_image(self) -> bool:
        """See `Trainee`."""
        calling, batch = self._calling(), self.batches[0]
        calling.copier.model.eval()
        with torch.no_grad():
            images = (inputs_and_target(batch)[0], calling.run(batch), calling.target(batch))
        return all(map(_is_image, images)) and len({each.shape for each in images}) == 1

    def learner(self, task: Task, rate: float | None = None) -> Learner:
        """See `Trainee`."""
        learner: OwnLearner | AdamLearner
        if rate is None:
            learner = OwnLearner(self._calling(), self.batches[0])
        else:
            learner = AdamLearner(self._calling(), self.batches[0], task, rate)
        if task not in self._bounds:
            self._bounds[task] = learner.bounds()
        learner.floor, learner.useless = self._bounds[task]
        return learner

    def course(self, steps: int, *, rate: float = 1.0, share: float = 1.0) -> Sequence[float]:
        """See `Trainee`."""
        calling = self._calling()
        learner = OwnLearner(calling, self.batches[0])
        for optimizer in optimizers_of(learner.optimizer, calling.copier):
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * rate
        return losses_of(learner.train, self.batches, steps, share)

    def _optimizers_at_work(self) -> int:
        calling = self._calling()
        learner = OwnLearner(calling, self.batches[0])
        return len(optimizers_of(learner.optimizer, calling.copier))

    def _calling(self) -> Calling:
        copier = Copier(self.subject.model)
        if self._wanted is not None:  # else the model stays where it is, which may be on several devices
            copier.model.to(self.device)
        return Calling(self.subject, copier, self.device)


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.dim() >= 4


def _array(value: Any) -> Any:
    return numbers_of(value) if isinstance(value, Tensor) and value.dim() else None
