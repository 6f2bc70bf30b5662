"""Layers that can be fixed, whatever the mode of the model that they are in."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class Freezable(_BatchNorm):
    """Batch normalization with statistics, weight and bias that can be fixed and released again."""

    running_mean: Any
    running_var: Any

    _trained: tuple[str, ...] | None = None
    """Of a frozen layer, the parameters that were trained before; no part of a state_dict."""

    @property
    def is_frozen(self) -> bool:
        """Whether the layer is fixed by `frozen()`."""
        return self._trained is not None

    def frozen(self) -> Self:
        """Fix the layer as it is in inference, whatever `train()` and `eval()` say later, until `unfreeze()`.

        Nothing moves the running statistics. The weight and the bias stay the same objects in an optimizer, and it
        leaves them alone: they no longer require a gradient, and one that they have is dropped. The gradient of the
        input is that of a fixed map. Copies and pickles are frozen, too; a state_dict does not say it, so loading one
        gives a frozen layer new values and leaves it frozen.

        Returns:
            The layer itself.

        Raises:
            ValueError: the layer keeps no statistics.
        """
        if self.running_mean is None:
            raise ValueError(
                "frozen() on a layer without running statistics (track_running_stats=False), which has nothing but "
                "the batch to normalize by; expected a layer that keeps them"
            )
        if self._trained is None:
            parameters = dict(self.named_parameters())  # those behind a parametrization, too
            self._trained = tuple(name for name, each in parameters.items() if each.requires_grad)
            for each in parameters.values():
                each.requires_grad_(False)
                each.grad = None
        return self

    def unfreeze(self) -> Self:
        """Release a frozen layer: the mode counts again, and what was trained before is trained again.

        Returns:
            The layer itself, as it was if it is not frozen.
        """
        for name in self._trained or ():
            self.get_parameter(name).requires_grad_(True)
        self._trained = None
        return self

    def _fixed(self, input: Tensor) -> Tensor:
        """Normalize by the running statistics; in a frozen layer no gradient goes to the weight and the bias."""
        if input.shape[1] == 0:  # the kernel reads the first channel; pruning may have left none
            return input.clone()
        gamma: Tensor | None = self.weight
        beta: Tensor | None = self.bias
        if self.is_frozen:
            gamma, beta = (None if each is None else each.detach() for each in (gamma, beta))
        return functional.batch_norm(input, self.running_mean, self.running_var, gamma, beta, False, 0.0, self.eps)
