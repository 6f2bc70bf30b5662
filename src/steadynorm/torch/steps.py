"""Runs the user's train step and evaluation on copies and watches what they do to the normalization layers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evaluation, TrainSteps
from steadynorm.quoting import said
from steadynorm.steplog import evaluated, summarized
from steadynorm.torch.batches import sample_count
from steadynorm.torch.copying import Copier
from steadynorm.torch.state import hooks
from steadynorm.torch.steplog import handles, step_log

_ONE_VALUE = re.compile("Expected more than 1 (value per channel|spatial element)")


def run_train_step(
    copier: Copier,
    layers: dict[str, nn.Module],
    train_step: Callable[..., Any],
    optimizer: Any,
    batches: Sequence[Any],
) -> TrainSteps:
    """Runs the train step once per batch on the copies that `copier` holds.

    Arguments:
        copier: holds the copy of the model.
        layers: the copy's normalization layers by name.
        train_step: the user's function, not yet bound to the copies.
        optimizer: the user's optimizer, or `None`.
        batches: what to train on.

    Raises:
        UnusableInputError: the train step raised.
    """
    model = copier.model
    optimizer = None if optimizer is None else copier.copy(optimizer)
    step = copier.bind(train_step)
    optimizers = [optimizer] if optimizer is not None else _optimizers(copier)
    counted = max((_steps_counted(each) for each in optimizers), default=0) or None
    if not model.training:
        model.train()  # a model that is handed over after its evaluation; its own train() may keep layers frozen
    log = step_log(layers)
    bad_gradients = _BadGradients(model)
    skipped, damaging, moved, samples = 0, 0, False, []
    failed: list[str] = []
    with hooks([*handles(log, layers), *bad_gradients.handles()]):
        for index, batch in enumerate(batches):
            parameters = [None if is_lazy(each) else each.detach().clone() for each in model.parameters()]
            log.begin_step()
            bad_gradients.seen = False
            try:
                result = step(copier.handed_over, *([optimizer] if optimizer is not None else []), batch)
            except Exception as error:
                if _ONE_VALUE.search(str(error)) and log.last_single:
                    failed.append(log.last_single)
                    continue
                raise UnusableInputError(
                    f"train_step raised at batch {index}: {said(error)}. It is called as "
                    f"train_step(model{', optimizer' if optimizer is not None else ''}, batch) on a copy of the model "
                    "and must be complete; leave train_step out to diagnose without it"
                ) from error
            finally:
                log.end_step()
            samples.append(sample_count(batch))
            changed = any(
                old is not None and not torch.equal(old, new)
                for old, new in zip(parameters, model.parameters(), strict=True)
            )
            moved |= changed
            statistics_moved = any(layer_log.moved[-1] for layer_log in log.logs.values())
            if not changed and statistics_moved and (bad_gradients.seen or _not_finite(result)):
                skipped += 1
                damaging += log.damaged()
    return TrainSteps(
        steps=len(batches),
        samples=int(np.median(samples)) if samples else sample_count(batches[0]),
        layers={
            name: summarized(layer_log, float(getattr(layers[name], "eps", 1e-5)))
            for name, layer_log in log.logs.items()
            if any(layer_log.steps)
        },
        parameters_moved=moved,
        skipped_updates=skipped,
        damaging_updates=damaging,
        optimizer_steps=counted,
        failed_with_one_value=tuple(dict.fromkeys(failed)),
    )


def run_evaluation(
    copier: Copier, layers: dict[str, nn.Module], evaluate: Callable[..., Any], batches: Sequence[Any]
) -> Evaluation:
    """Runs the user's evaluation once on the copy that `copier` holds.

    Raises:
        UnusableInputError: the evaluation raised.
    """
    function = copier.bind(evaluate)
    log = step_log(layers)
    log.begin_step()
    failed: tuple[str, ...] = ()
    result = None
    with hooks(handles(log, layers)):
        try:
            result = function(copier.handed_over, list(batches))
        except Exception as error:
            if not _ONE_VALUE.search(str(error)) or not log.last_single:
                raise UnusableInputError(
                    f"evaluate raised: {said(error)}. It is called as evaluate(model, batches) on a "
                    "copy of the model, with a list of the sampled validation batches; leave evaluate out to diagnose "
                    "without it"
                ) from error
            failed = (log.last_single,)
    log.end_step()
    return evaluated(log, _number(result), failed)


class _BadGradients:
    """Notices gradients that are not finite as they arrive, before a scaler or a zero_grad() hides them."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.seen = model, False

    def handles(self) -> list[Any]:
        return [
            parameter.register_post_accumulate_grad_hook(self._look)  # type: ignore[no-untyped-call]
            for parameter in self.model.parameters()
            if parameter.requires_grad and parameter.is_leaf and not is_lazy(parameter)
        ]

    def _look(self, parameter: Tensor) -> None:
        if parameter.grad is not None and not self.seen:
            self.seen = not bool(torch.isfinite(parameter.grad).all())


def _not_finite(result: Any) -> bool:
    number = _number(result)
    return number is not None and not math.isfinite(number)


def _number(value: Any) -> float | None:
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.detach())
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _optimizers(copier: Copier) -> list[torch.optim.Optimizer]:
    return [value for value in copier.memo.values() if isinstance(value, torch.optim.Optimizer)]


def _steps_counted(optimizer: torch.optim.Optimizer) -> int:
    counts = [state.get("step", 0) for state in optimizer.state.values() if isinstance(state, dict)]
    return int(max((float(count) for count in counts), default=0))
