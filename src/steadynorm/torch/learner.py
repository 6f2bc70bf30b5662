"""Copies of a PyTorch model in training: by the user's own train step, or by Adam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.batches import inputs_and_target
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array
from steadynorm.experiments.free_outputs import lowest, uninformed
from steadynorm.experiments.records import Task
from steadynorm.experiments.terms import total
from steadynorm.quoting import said
from steadynorm.torch.batches import fresh, numbers_of, tensors_of, transform
from steadynorm.torch.calling import Calling
from steadynorm.torch.copying import Copier

_DROPOUT = nn.modules.dropout._DropoutNd


class _TorchLearner:
    """A copy in training mode, and a batch that it learns.

    Arguments:
        calling: the copy and the subject's functions.
        batch: what is learned.
        task: as which task.
    """

    def __init__(self, calling: Calling, batch: Any, task: Task) -> None:
        self.calling, self.batch, self.task = calling, batch, task
        self.model = calling.copier.model
        self.model.train()
        self._target = inputs_and_target(batch)[0] if task is Task.IDENTITY else calling.target(batch)
        if any(map(is_lazy, self.model.parameters())):
            with torch.no_grad():
                calling.run(batch)  # gives lazy layers their sizes
        self._start = [each.detach().clone() for each in self.model.parameters()]
        self.floor, self.useless = math.nan, math.inf

    def loss(self) -> float:
        """See `Learner`."""
        with torch.no_grad(), _without_dropout(self.model):
            return float(self._compared(self.calling.run(self.batch)))

    def moved(self) -> bool:
        """See `Learner`."""
        return any(not torch.equal(old, new) for old, new in zip(self._start, self.model.parameters(), strict=True))

    def _compared(self, output: Any) -> Tensor:
        target = fresh(self._target, self.calling.device)
        if self.task is Task.IDENTITY:
            return nn.functional.mse_loss(output, target)
        loss: Tensor = total(self.calling.result("loss", output, target))
        return loss

    def bounds(self) -> tuple[float, float]:
        """The smallest loss that any outputs have, and that of outputs that know nothing: up to 300 losses."""
        if self.task is Task.IDENTITY:
            return 0.0, float(self._target.float().var(tuple(range(2, self._target.dim())), unbiased=False).mean())
        with torch.no_grad():
            output = self.calling.run(self.batch)
        given = [numbers_of(each) for each in tensors_of(output) if each.is_floating_point()]
        useless = self._loss_of(output, [torch.as_tensor(uninformed(each)) for each in given])
        target = self._target if isinstance(self._target, Tensor) else None
        lowered = lowest(
            given, lambda free: self._differentiated(output, free), None if target is None else numbers_of(target)
        )
        return lowered, useless

    def _differentiated(self, output: Any, free: Sequence[Array]) -> tuple[float, list[Array | None]]:
        """The loss of outputs with other numbers, and its gradient for these."""
        tensors = [torch.as_tensor(each).requires_grad_() for each in free]
        loss = self._compared(_replaced(output, tensors))
        if not loss.requires_grad:
            return float(loss), [None] * len(free)
        found = torch.autograd.grad(loss, tensors, allow_unused=True)
        return float(loss.detach()), [None if each is None else numbers_of(each) for each in found]

    def _loss_of(self, output: Any, instead: Sequence[Tensor]) -> float:
        try:
            loss = float(self._compared(_replaced(output, instead)))
        except UnusableInputError:  # a loss may refuse such outputs
            return math.inf
        return loss if math.isfinite(loss) else math.inf


class OwnLearner(_TorchLearner):
    """A copy that is trained by the user's own train step."""

    def __init__(self, calling: Calling, batch: Any) -> None:
        super().__init__(calling, batch, Task.ONE_BATCH)
        subject, copier = calling.subject, calling.copier
        self.optimizer = None if subject.optimizer is None else copier.copy(subject.optimizer)
        assert subject.train_step is not None
        self._train_step = copier.bind(subject.train_step)

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
        optimizer = [] if self.optimizer is None else [self.optimizer]
        try:
            result = self._train_step(self.calling.copier.handed_over, *optimizer, fresh(batch, self.calling.device))
        except Exception as error:
            raise UnusableInputError(
                f"train_step raised {said(error)}. It is called as train_step(model"
                f"{', optimizer' if optimizer else ''}, batch) on a copy of the model and must be complete; leave "
                "train_step out to test without it"
            ) from error
        if not all(bool(torch.isfinite(each).all()) for each in self.model.parameters()):
            return math.nan
        number = result.detach() if isinstance(result, Tensor) and result.numel() == 1 else result
        is_number = isinstance(number, Tensor | int | float) and not isinstance(number, bool)
        return float(number) if is_number else self._loss_after(batch)

    def _loss_after(self, batch: Any) -> float:
        if self.calling.subject.loss is None:
            return 0.0
        with torch.no_grad():
            return float(total(self.calling.result("loss", self.calling.run(batch), self.calling.target(batch))))


class AdamLearner(_TorchLearner):
    """A copy that Adam trains at a given rate."""

    def __init__(self, calling: Calling, batch: Any, task: Task, rate: float) -> None:
        super().__init__(calling, batch, task)
        for parameter in self.model.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        self._optimizer = torch.optim.Adam([each for each in self.model.parameters() if each.requires_grad], rate)

    def step(self) -> None:
        """See `Learner`."""
        with _without_dropout(self.model):
            self._optimizer.zero_grad()
            loss = self._compared(self.calling.run(self.batch))
            if loss.requires_grad and bool(torch.isfinite(loss)):
                loss.backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()


def optimizers_of(optimizer: Any, copier: Copier) -> list[torch.optim.Optimizer]:
    """The optimizers at work on a copy: the one that the train step is given, or those that it reaches."""
    if isinstance(optimizer, torch.optim.Optimizer):
        return [optimizer]
    return [each for each in copier.memo.values() if isinstance(each, torch.optim.Optimizer)]


def _replaced(output: Any, instead: Sequence[Tensor]) -> Any:
    """Outputs whose numbers with fractions are others, in the same nest."""
    waiting = iter(instead)

    def replaced(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        # Half precision is the model's, not that of the smallest loss.
        return next(waiting).to(tensor.device, torch.promote_types(tensor.dtype, torch.float32))

    return transform(output, replaced)


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    layers = [each for each in model.modules() if isinstance(each, _DROPOUT) and each.training]
    for layer in layers:
        layer.training = False
    try:
        yield
    finally:
        for layer in layers:
            layer.training = True
