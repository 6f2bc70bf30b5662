"""Makes sure that the user's model and optimizer come back as they were, also where a copy could not stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.errors import UnusableInputError


@contextmanager
def originals_kept(model: nn.Module, optimizer: Any = None) -> Iterator[None]:
    """Puts the model and its optimizer back, bit for bit, if anything in here changed them.

    The user's functions run on copies, but a function can reach the originals in ways that nobody can follow, as an
    attribute of an imported module. What was measured is then not what the user meant.

    Raises:
        UnusableInputError: something was changed; it was put back.
    """
    originals = _Originals(model, optimizer)
    try:
        yield
    except BaseException:
        originals.put_back()
        raise
    changed = originals.put_back()
    if changed:
        raise UnusableInputError(
            f"a function of the subject changed {changed} of the original instead of the copy that it was given; it "
            "was put back. Use the model (and optimizer) that the function is called with, or reach them through a "
            "closure, a global or an attribute of an object instead of through an imported module"
        )


class _Originals:
    """What a model and an optimizer were made of, with the values."""

    def __init__(self, model: nn.Module, optimizer: Any) -> None:
        self._checks: list[Callable[[], str | None]] = []
        for path, module in model.named_modules():
            self._keep_module(f"{path}." if path else "", module)
        if isinstance(optimizer, torch.optim.Optimizer):
            self._keep_optimizer(optimizer)

    def put_back(self) -> str | None:
        """Puts back what has changed, and says what was the first."""
        with torch.no_grad():
            changed = [name for check in self._checks if (name := check()) is not None]
        return changed[0] if changed else None

    def _keep_module(self, path: str, module: nn.Module) -> None:
        training = module.training

        def mode() -> str | None:
            if module.training == training:
                return None
            module.training = training
            return f"the mode of module {path.rstrip('.')!r}"

        self._checks.append(mode)
        for kind, tensors in (("parameter", module._parameters), ("buffer", module._buffers)):
            if not isinstance(module, torch.jit.ScriptModule):  # which makes its dicts anew at every look
                self._keep_dict(f"the {kind}s of module {path.rstrip('.')!r}", tensors)
            for name, tensor in tensors.items():
                if tensor is not None:
                    self._keep_tensor(f"{kind} {path + name!r}", tensor)

    def _keep_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        self._keep_dict("the state of the optimizer", optimizer.state)
        for group in optimizer.param_groups:
            self._keep_dict("a parameter group of the optimizer", group)
        for state in optimizer.state.values():
            self._keep_dict("the state of the optimizer", state)
            for name, value in state.items():
                if isinstance(value, Tensor):
                    self._keep_tensor(f"the {name} of the optimizer", value)

    def _keep_dict(self, name: str, items: Any) -> None:
        kept = dict(items)

        def check() -> str | None:
            if items.keys() == kept.keys() and all(_same(items[key], value) for key, value in kept.items()):
                return None
            items.clear()
            items.update(kept)
            return name

        self._checks.append(check)

    def _keep_tensor(self, name: str, tensor: Tensor) -> None:
        if is_lazy(tensor) or tensor.is_meta:  # it has no values yet
            return
        gradient = tensor.grad if tensor.is_leaf else None
        value = tensor.detach().clone()
        gradient_value = None if gradient is None else gradient.detach().clone()

        def check() -> str | None:
            changed = None
            # An untouched tensor is not written to, not even with its own value: a graph may wait for its backward.
            if not _equal(tensor.detach(), value):
                tensor.detach().copy_(value)
                changed = name
            if tensor.is_leaf and tensor.grad is not gradient:
                tensor.grad = gradient
                changed = f"the gradient of {name}"
            if gradient is not None and gradient_value is not None and not _equal(gradient, gradient_value):
                gradient.detach().copy_(gradient_value)
                changed = f"the gradient of {name}"
            return changed

        self._checks.append(check)


def _same(value: Any, kept: Any) -> bool:
    if value is kept:
        return True
    plain = isinstance(kept, int | float | str | bool | tuple) and type(value) is type(kept)
    return plain and bool(value == kept)


def _equal(first: Tensor, second: Tensor) -> bool:
    """Whether the values are the same; unlike for torch.equal, NaN is the same as NaN."""
    if torch.equal(first, second):
        return True
    return first.shape == second.shape and bool(((first == second) | (first.isnan() & second.isnan())).all())
