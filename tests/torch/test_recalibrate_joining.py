"""Which batches are run several at once."""

import numpy as np
import pytest
import torch
from torch import nn

import steadynorm


class Watched(nn.Module):
    """Notes the size of every batch, and may refuse those that are not of 64 samples."""

    def __init__(self, refuse: bool) -> None:
        super().__init__()
        self.norm, self.refuse, self.sizes = nn.BatchNorm1d(3), refuse, []

    def forward(self, x):
        x = self.norm(x)
        self.sizes.append(len(x))
        if self.refuse and len(x) != 64:
            raise RuntimeError("shape '[64, -1]' is invalid")
        return x


@pytest.mark.parametrize(
    ("target", "refuse", "sizes"),
    [
        (torch.zeros(64), False, [8, 4, 4, 256, 256, 128]),  # first it is tried with a few samples of two batches
        (torch.zeros(64), True, [8, *[64] * 10]),
        (torch.zeros(5), False, [64] * 10),  # the first axis is not that of the samples
        (None, False, [64] * 10),
    ],
    ids=["joined", "refused", "other target", "no target"],
)
def test_only_plain_batches_are_joined(target, refuse, sizes):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(640, 3, generator=generator)
    model = Watched(refuse)
    data = [each if target is None else (each, target) for each in x.split(64)]
    result = steadynorm.recalibrate(model, data, tolerance=0)
    assert model.sizes == sizes
    assert result.batches == 10
    # float32 sums of 640 values.
    np.testing.assert_allclose(model.norm.running_mean.numpy(), x.double().mean(0).numpy(), atol=1e-5)
    np.testing.assert_allclose(model.norm.running_var.numpy(), x.double().var(0).numpy(), rtol=1e-4)


def test_sequences_are_not_joined():
    """Along their first axis they may be longer, not more."""
    model = nn.BatchNorm1d(3)
    sizes = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    steadynorm.recalibrate(model, [(torch.randn(16, 3, 5), torch.zeros(16)) for _ in range(4)], tolerance=0)
    assert sizes == [16] * 4


class Halves(nn.Module):
    """Has a layer for each half of its batch, as a network for pairs or for two domains does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)

    def forward(self, x):
        one, other = x.chunk(2)
        return torch.cat([self.first(one), self.second(other)])


def test_a_model_that_takes_its_batch_apart_gets_each_batch_as_it_is():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(10, 64, 3, generator=generator)
    x[:, 32:] = 4 + 3 * x[:, 32:]
    model = Halves()
    steadynorm.recalibrate(model, [(each, torch.zeros(64)) for each in x], tolerance=0)
    for layer, half in ((model.first, x[:, :32]), (model.second, x[:, 32:])):
        values = half.double().reshape(-1, 3)
        # float32 sums of 320 values.
        np.testing.assert_allclose(layer.running_mean.numpy(), values.mean(0).numpy(), atol=1e-5)
        np.testing.assert_allclose(layer.running_var.numpy(), values.var(0).numpy(), rtol=1e-4)
