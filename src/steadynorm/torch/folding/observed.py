"""What a model does with the example: its outputs, and in which order its layers are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from steadynorm.errors import UnusableInputError
from steadynorm.quoting import said
from steadynorm.torch.batches import shapes_of, tensors_of
from steadynorm.torch.copying import Copier
from steadynorm.torch.folding.calls import Flow
from steadynorm.torch.folding.example import arguments_of
from steadynorm.torch.moments import input_of
from steadynorm.torch.state import random_states_kept


class Observation:
    """One run of a model on the example.

    Args:
        model: is copied and not run itself.
        example: a batch.
        layers: paths of the layers to watch.

    Attributes:
        outputs: every tensor of the output.
        called: paths of the watched layers in the order of their calls.
        axes: by path of a watched layer, how many axes its inputs had.

    Raises:
        UnusableInputError: the model refuses the example.
    """

    def __init__(self, model: nn.Module, example: Any, layers: Collection[str]) -> None:
        self.called: list[str] = []
        self.axes: dict[str, set[int]] = defaultdict(set)
        copied = Copier(model).model
        for path in layers:
            copied.get_submodule(path).register_forward_pre_hook(self._noting(path), with_kwargs=True)
        args, kwargs = arguments_of(example)
        try:
            with random_states_kept(), torch.no_grad():
                self.outputs = [each.clone() for each in tensors_of(copied(*args, **kwargs))]
        except Exception as error:
            raise UnusableInputError(f"the model refuses an example of {shapes_of(example)}: {said(error)}") from error

    def _noting(self, path: str) -> Any:
        def note(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.called.append(path)
            given = input_of(module, args, kwargs)
            if given is not None:
                self.axes[path].add(given.dim())

        return note

    def agrees(self, flow: Flow) -> bool:
        """Whether the watched layers are called in this order in a flow, too, but for those inside of others."""
        around = tuple({f"{each.layer}." for each in flow.calls if each.layer})
        called = [each for each in self.called if not each.startswith(around)]
        watched = set(called)
        return [each.layer for each in flow.calls if each.layer in watched] == called

    def distance(self, outputs: list[Tensor]) -> float:
        """The greatest distance of other outputs from these, as a share of the scale of each.

        Infinite for outputs of other shapes, and where only one of both is finite.
        """
        if [each.shape for each in outputs] != [each.shape for each in self.outputs]:
            return float("inf")
        return max(map(_distance, self.outputs, outputs), default=0.0)


def _distance(expected: Tensor, found: Tensor) -> float:
    expected, found = (each.detach().to("cpu", torch.float64).flatten() for each in (expected, found))
    same = (expected == found) | (expected.isnan() & found.isnan())
    if bool(same.all()):
        return 0.0
    distance = (expected - found)[~same].abs().max()
    scale = expected[expected.isfinite()].abs().max() if bool(expected.isfinite().any()) else distance.new_zeros(())
    share = float(distance / scale)
    return share if share == share else float("inf")
