"""Everything but the values of the statistics is as before, on success and on any exception."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import steadynorm


class Network(nn.Module):
    """Has a bit of everything that a pass could change."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm1 = nn.BatchNorm2d(4, momentum=None)
        self.dropout = nn.Dropout(0.5)
        self.norm2 = nn.SyncBatchNorm(4, momentum=0.3)
        self.frozen = nn.BatchNorm2d(4).eval().requires_grad_(False)
        self.instance = nn.InstanceNorm2d(4, track_running_stats=True)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("expanded", torch.zeros(1).expand(3))
        self.outside = [nn.BatchNorm2d(4)]

    def forward(self, x):
        self.seen += len(x)
        x = self.dropout(self.norm1(self.conv(x)))
        return self.outside[0](self.instance(self.frozen(self.norm2(x)))).mean((1, 2, 3))


def layers(model):
    return [*model.modules(), *model.outside]


def state(model, loader):
    """What must not change, without the statistics."""
    return {
        "modes": [layer.training for layer in layers(model)],
        "momentum": [getattr(layer, "momentum", None) for layer in layers(model)],
        "tracked": [getattr(layer, "num_batches_tracked", None) for layer in layers(model)],
        "identity": [(name, id(tensor)) for layer in layers(model) for name, tensor in layer._buffers.items()],
        "types": [tensor.dtype for layer in layers(model) for tensor in layer._buffers.values() if tensor is not None],
        "hooks": [list(layer._forward_pre_hooks) + list(layer._forward_hooks) for layer in layers(model)],
        "attributes": [sorted(vars(layer)) for layer in layers(model)],
        "parameters": [(id(each), each.detach().clone(), each.grad.clone()) for each in model.conv.parameters()],
        "other buffers": [model.seen.clone(), model.expanded.clone()],
        "random": (random.getstate(), str(np.random.get_state()), torch.get_rng_state()),  # noqa: NPY002
        "loader": loader.generator.get_state().clone(),
        "grad mode": torch.is_grad_enabled(),
    }


def statistics(model):
    kept = [model.norm1, model.norm2, model.instance, model.outside[0]]
    return [tensor.clone() for layer in kept for tensor in (layer.running_mean, layer.running_var)]


def same(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Network()
    model(torch.randn(8, 1, 6, 6)).sum().backward()
    model.norm1.register_forward_pre_hook(lambda module, args: None)
    return model


@pytest.fixture
def loader():
    class Augmented(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + random.random() + np.random.rand() + torch.rand(()), y  # noqa: NPY002

    data = Augmented(torch.randn(96, 1, 6, 6), torch.zeros(96))
    return DataLoader(data, 8, shuffle=True, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("tolerance", [0, 0.5])
def test_only_the_values_of_the_statistics_change(model, loader, passes, tolerance):
    before, old = state(model, loader), statistics(model)
    steadynorm.recalibrate(model, loader, passes=passes, tolerance=tolerance)
    after = state(model, loader)
    for part in before:
        assert same(before[part], after[part]), part
    assert not any(map(same, old, statistics(model)))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("failing", [0, 1, 9, 13])
def test_an_exception_at_any_batch_leaves_the_statistics_too(model, loader, error, failing):
    before, old = state(model, loader), statistics(model)
    calls = []

    def forward(model, batch):
        calls.append(batch)
        result = model(batch[0])
        if len(calls) == failing + 1:
            raise error("stop")
        return result

    with pytest.raises((error, steadynorm.UnusableInputError), match="stop"):
        steadynorm.recalibrate(model, loader, tolerance=0, passes=2, forward=forward)
    assert len(calls) == failing + 1
    after = state(model, loader)
    for part in before:
        assert same(before[part], after[part]), part
    assert same(old, statistics(model))


def test_an_exception_while_the_statistics_are_written(model, loader, monkeypatch):
    old, written = statistics(model), []
    original = torch.Tensor.copy_

    def copy_(self, *args):
        if self is model.norm2.running_var and not written:
            written.append(self)
            raise KeyboardInterrupt
        return original(self, *args)

    monkeypatch.setattr(torch.Tensor, "copy_", copy_)
    with pytest.raises(KeyboardInterrupt):
        steadynorm.recalibrate(model, loader, tolerance=0)
    assert same(old, statistics(model))


def test_a_custom_train_method_is_not_called():
    class Merging(nn.Sequential):
        def train(self, mode=True):
            raise AssertionError("switching the mode by train() merges weights")

    steadynorm.recalibrate(Merging(nn.BatchNorm1d(3)), list(torch.randn(64, 3).split(8)))


def test_the_same_call_gives_the_same_statistics(model, loader):
    twin = copy.deepcopy(model)
    steadynorm.recalibrate(model, loader)
    steadynorm.recalibrate(twin, loader)
    assert same(statistics(model), statistics(twin))
