"""What a Keras model on PyTorch needs of PyTorch itself; see `steadynorm.keras.backends.Backend`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from steadynorm.torch.state import random_states_kept

__all__ = [
    "array",
    "faster",
    "gradients",
    "is_holder",
    "keeper",
    "plain_calls",
    "plain_execution",
    "random_states_kept",
    "records_gradients",
    "without_gradients",
]

compiled_holds_no_values = False
"""TorchDynamo guards by the tensors that a module holds."""


@contextmanager
def plain_execution() -> Iterator[None]:
    """Runs compiled functions as the Python code that they were made from, and lets gradients flow."""
    stance = getattr(torch.compiler, "set_stance", None)  # since PyTorch 2.6
    with stance("force_eager") if stance else nullcontext(), torch.inference_mode(False), torch.enable_grad():
        yield


plain_calls = plain_execution


def faster(function: Callable[[Any], None]) -> Callable[[Any], None]:
    """As it is: single operations of PyTorch are fast."""
    return function


def without_gradients() -> AbstractContextManager[None]:
    """Records no gradients."""
    return torch.no_grad()


def array(tensor: Any) -> npt.NDArray[Any]:
    """The values of a tensor, also of one whose gradients are being recorded."""
    if not isinstance(tensor, Tensor):
        return np.asarray(tensor)
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy())


def records_gradients(*tensors: Any) -> bool:
    """Whether gradients are being recorded."""
    return torch.is_grad_enabled()


def is_holder(value: Any) -> bool:
    """Whether an object of PyTorch's own holds on to what training changes."""
    return isinstance(value, nn.Module | torch.optim.Optimizer | LRScheduler | torch.amp.GradScaler)


def gradients(function: Callable[[list[Any]], Any], values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The number that a function gives for these tensors, and its gradient for each; `None` where none arrives."""
    with torch.enable_grad():
        tensors = [each.detach().clone().requires_grad_() for each in values]
        number = function(tensors)
        if not isinstance(number, Tensor) or not number.requires_grad or not tensors:
            return number, [None] * len(tensors)
        return number.detach(), list(torch.autograd.grad(number, tensors, allow_unused=True))


def keeper(value: Any) -> Callable[[], Any] | None:
    """Puts a tensor's values and its gradient back, if they have changed; `None` for anything else."""
    if not isinstance(value, Tensor) or value.is_meta:
        return None
    kept, gradient = value.detach().clone(), value.grad if value.is_leaf else None
    kept_gradient = None if gradient is None else gradient.detach().clone()

    def put_back() -> Tensor:
        with torch.no_grad():
            _copy(value.detach(), kept)
            if value.is_leaf and value.grad is not gradient:
                value.grad = gradient
            if gradient is not None and kept_gradient is not None:
                _copy(gradient.detach(), kept_gradient)
        return value

    return put_back


def _copy(tensor: Tensor, kept: Tensor) -> None:
    """Writes only where something differs, bit for bit: a graph may wait for its backward pass."""
    same = tensor.shape == kept.shape and bool(((tensor == kept) | ((tensor != tensor) & (kept != kept))).all())
    if not same:
        tensor.copy_(kept)
