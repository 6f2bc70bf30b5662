"""Layers that are fixed whatever the mode, and released again."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

import steadynorm
from steadynorm.torch import BatchNorm2d
from steadynorm.torch.layers import describe

OPTIONS = [{}, {"renorm": True}, {"virtual_batch_size": 3}, {"debias": True}, {"momentum": None}, {"affine": False}]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options), "plain"))


def trained(**options):
    torch.manual_seed(0)
    layer = BatchNorm2d(3, **options)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    layer(torch.randn(6, 3, 4, 5) * 2 + 1)
    return layer


def values(layer):
    return [each.detach().clone() for each in (*layer.parameters(), *layer.buffers())]


def assert_values(layer, expected):
    assert all(torch.equal(one, other) for one, other in zip(values(layer), expected, strict=True))


@every_option
def test_it_computes_what_inference_does_in_every_mode(options):
    layer, x = trained(**options), torch.randn(6, 3, 4, 5)
    expected, before = copy.deepcopy(layer).eval()(x), values(layer)
    model = nn.Sequential(layer.frozen())

    for mode in (True, False):
        torch.testing.assert_close(model.train(mode)(x), expected, rtol=0, atol=0)
        assert layer.training == mode
    torch.testing.assert_close(layer(x, torch.ones(6)), expected, rtol=0, atol=0)
    assert_values(layer, before)


def test_the_gradient_goes_to_the_input_and_to_nothing_else():
    layer, dy = trained().frozen(), torch.randn(6, 3, 4, 5)
    x = torch.randn(6, 3, 4, 5, requires_grad=True)
    slope = (layer.weight / torch.sqrt(layer.running_var + layer.eps)).view(1, 3, 1, 1)

    layer.requires_grad_()  # as one who trains a whole model again would
    layer(x).backward(dy)

    torch.testing.assert_close(x.grad, dy * slope)
    assert layer.weight.grad is layer.bias.grad is None


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("to_none", [True, False])
def test_an_optimizer_that_has_moved_it_leaves_it_alone(kind, to_none):
    layer = trained()
    model = nn.Sequential(nn.Conv2d(3, 3, 1), layer)
    optimizer = kind(
        model.parameters(), lr=0.1, weight_decay=0.1, **({"momentum": 0.9} if kind is torch.optim.SGD else {})
    )

    def step():
        optimizer.zero_grad(set_to_none=to_none)
        model(torch.randn(6, 3, 4, 5)).square().sum().backward()
        optimizer.step()

    step()
    layer.frozen()
    before, convolution = values(layer), values(model[0])
    step()

    assert_values(layer, before)
    assert not torch.equal(model[0].weight, convolution[0])
    assert any(layer.weight is each for each in optimizer.param_groups[0]["params"])
    layer.unfreeze()
    step()
    assert not any(torch.equal(one, other) for one, other in zip(values(layer), before, strict=True))


def test_what_was_not_trained_before_is_not_trained_after():
    layer = trained()
    layer.bias.requires_grad_(False)

    layer.frozen().frozen().unfreeze()

    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad
    assert not layer.is_frozen


def test_releasing_what_is_not_frozen_changes_nothing():
    layer = trained()
    layer.weight.requires_grad_(False)

    assert layer.unfreeze() is layer

    assert not layer.weight.requires_grad


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_are_frozen_and_can_be_released(copied):
    layer = trained().frozen()
    other, before = copied(layer), values(layer)

    other.train()(torch.randn(6, 3, 4, 5))
    assert_values(other, before)
    other.unfreeze()(torch.randn(6, 3, 4, 5))

    assert other.weight.requires_grad
    assert not torch.equal(other.running_mean, before[2])
    assert layer.is_frozen


def test_a_state_dict_says_nothing_of_it():
    layer, frozen = trained(), trained().frozen()

    assert frozen.state_dict().keys() == nn.BatchNorm2d(3).state_dict().keys()
    assert frozen.state_dict()._metadata == layer.state_dict()._metadata
    layer.load_state_dict(frozen.state_dict())
    assert not layer.is_frozen
    frozen.load_state_dict(nn.BatchNorm2d(3).state_dict())
    assert frozen.is_frozen
    assert frozen.running_var.tolist() == [1, 1, 1]


def test_an_empty_batch_and_one_value_per_channel_are_taken():
    layer = trained().frozen()

    assert layer(torch.empty(0, 3, 4, 5)).shape == (0, 3, 4, 5)
    assert layer(torch.ones(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def test_without_statistics_there_is_nothing_to_fix():
    layer = BatchNorm2d(3, track_running_stats=False)

    with pytest.raises(ValueError, match="without running statistics"):
        layer.frozen()
    assert layer.weight.requires_grad


def test_a_compiled_layer_follows():
    torch.compiler.reset()
    layer, x = trained(), torch.randn(6, 3, 4, 5)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    compiled(x)
    before = values(layer.frozen())

    y = compiled(x)

    torch.testing.assert_close(y, copy.deepcopy(layer).eval()(x))
    assert_values(layer, before)


def test_a_report_describes_it():
    layer = describe("bn", trained(renorm=True, virtual_batch_size=3).frozen())

    assert layer.frozen
    assert layer.config.frozen
    assert layer.mode.name == "POPULATION"
    assert not describe("bn", trained()).frozen


@pytest.mark.parametrize("debias", [False, True])
def test_a_report_says_its_options(debias):
    config = describe("bn", trained(renorm=True, renorm_momentum=0.3, virtual_batch_size=3, debias=debias)).config

    assert config.renorm.decay == 0.7
    assert config.virtual_batch_size == 3
    assert config.debias == ("full" if debias else "none")


def test_recalibration_leaves_it_alone_unless_asked():
    model = nn.Sequential(trained().frozen(), trained())
    before, data = values(model[0]), [torch.randn(6, 3, 4, 5) + 3 for _ in range(4)]

    steadynorm.recalibrate(model, data)
    assert_values(model[0], before)
    steadynorm.recalibrate(model, data, include_frozen=True)

    torch.testing.assert_close(model[0].running_mean, torch.cat(data).mean((0, 2, 3)))
    assert model[0].is_frozen
