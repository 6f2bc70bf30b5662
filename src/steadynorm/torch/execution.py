"""Where and how a copy is run: its device, and as plain Python code in which gradients flow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from steadynorm.errors import UnusableInputError


@contextmanager
def plain_execution() -> Iterator[None]:
    """Runs compiled parts as the Python code they were made from, where hooks are called, and lets gradients flow."""
    stance = getattr(torch.compiler, "set_stance", None)  # since PyTorch 2.6
    with (
        stance("force_eager") if stance else nullcontext(),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        yield


def check_has_values(model: nn.Module) -> None:
    """Refuses a model without values.

    Raises:
        UnusableInputError: naming the first tensor that is on the meta device.
    """
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_meta:
            raise UnusableInputError(
                f"'{name}' of the model is on the meta device and has no values: load the weights first "
                "(model.to_empty(device=...), then load_state_dict)"
            )


def device_of(model: nn.Module, wanted: str | None) -> torch.device | None:
    """The device to run on: the one that is wanted, or else where the model's first tensor is.

    Raises:
        UnusableInputError: the wanted device cannot be used.
    """
    if wanted is not None:
        try:
            device = torch.device(wanted)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UnusableInputError(f"device {wanted!r} cannot be used: {error}") from error
        return device
    first = next(model.parameters(), next(model.buffers(), None))
    return None if first is None else first.device
