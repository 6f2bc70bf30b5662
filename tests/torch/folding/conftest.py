"""Models with statistics, weights and biases of no special values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn


@pytest.fixture
def trained() -> Callable[..., Any]:
    """Trains a model's statistics on a few batches of a shape, and gives vectors any values."""

    def train(model: nn.Module, *shape: int) -> nn.Module:
        torch.manual_seed(0)
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                nn.init.normal_(parameter, 0.5 if name.endswith("weight") else 0.0)
        with torch.no_grad():
            for _ in range(3):
                model(torch.randn(shape) * 2 + 1)
        return model

    return train


@pytest.fixture
def norms() -> Callable[[nn.Module], list[nn.Module]]:
    """Finds the normalization layers of a model."""
    return lambda model: [each for each in model.modules() if isinstance(each, nn.modules.batchnorm._NormBase)]
