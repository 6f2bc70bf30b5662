"""What the tools that people use today get wrong: each is shown to be wrong there, and right here, on the same data."""

import copy
import itertools
import warnings

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

import steadynorm

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it compiles a loss of its own in a way that torch gave up
    from fvcore.nn.precise_bn import update_bn_stats


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2), nn.BatchNorm1d(2))


def both(model):
    """One copy for the peer, one for us."""
    return copy.deepcopy(model), copy.deepcopy(model)


def by_class():
    """Two classes far apart, all of one before the other; variance about 5.25."""
    generator = torch.Generator().manual_seed(0)
    return [0.1 * torch.randn(32, 2, generator=generator) + 4.58 * (index >= 20) for index in range(40)]


class TestUpdateBn:
    def test_frozen_layers_are_thawed(self):
        model = network()
        model[0].eval().requires_grad_(False)
        theirs, ours = both(model)
        update_bn(by_class(), theirs)
        steadynorm.recalibrate(ours, by_class())
        assert not theirs[0].running_mean.eq(0).all()
        assert ours[0].running_mean.eq(0).all()
        assert not ours[2].running_mean.eq(0).all()

    def test_variances_of_sorted_batches_are_averaged(self):
        theirs, ours = both(nn.BatchNorm1d(2))
        update_bn(by_class(), theirs)
        steadynorm.recalibrate(ours, by_class(), tolerance=0)
        variance = torch.cat(by_class()).double().var(0).float()
        assert theirs.running_var.max() < 0.02
        torch.testing.assert_close(ours.running_var, variance)
        assert variance.min() > 5

    def test_a_last_batch_of_two_weighs_like_a_full_one(self):
        data = [torch.randn(64, 2), torch.randn(2, 2) + 100]
        theirs, ours = both(nn.BatchNorm1d(2))
        update_bn(data, theirs)
        steadynorm.recalibrate(ours, data, tolerance=0)
        assert (theirs.running_mean > 40).all()
        torch.testing.assert_close(ours.running_mean, torch.cat(data).mean(0))

    def test_an_exception_leaves_it_changed(self):
        def failing():
            yield torch.randn(8, 2)
            raise OSError("gone")

        theirs, ours = both(network().eval())
        with pytest.raises(OSError, match="gone"):
            update_bn(failing(), theirs)
        with pytest.raises(steadynorm.UnusableInputError, match="gone"):
            steadynorm.recalibrate(ours, failing())
        assert theirs.training
        assert theirs[0].momentum is None
        assert not ours.training
        assert ours[0].momentum == 0.1
        assert ours[0].running_var.eq(1).all()


class TestFvcore:
    def test_a_loader_shorter_than_the_iterations(self):
        theirs, ours = both(network())
        with pytest.raises(AssertionError, match="stops at"):
            update_bn_stats(theirs, by_class(), 200)
        result = steadynorm.recalibrate(ours, by_class(), tolerance=0)
        assert theirs[0].momentum == 1.0
        assert theirs[0]._forward_pre_hooks
        assert ours[0].momentum == 0.1
        assert not ours[0]._forward_pre_hooks
        assert result.batches == 40

    def test_a_layer_that_is_called_twice(self):
        norm = nn.BatchNorm1d(2)
        theirs, ours = both(nn.Sequential(norm, norm))
        with pytest.raises(AssertionError, match="reused"):
            update_bn_stats(theirs, by_class(), 40)
        result = steadynorm.recalibrate(ours, by_class(), tolerance=0)
        assert [layer.name for layer in result.layers] == ["0"]

    def test_mean_1000_with_deviation_one_hundredth(self):
        generator = torch.Generator().manual_seed(0)
        data = [0.01 * torch.randn(256, 2, generator=generator) + 1000 for _ in range(40)]
        theirs, ours = both(nn.BatchNorm1d(2))
        update_bn_stats(theirs, data, 40)
        steadynorm.recalibrate(ours, data, tolerance=0)
        variance = torch.cat(data).double().var(0).float()
        assert ((theirs.running_var / variance - 1).abs() > 0.5).all()
        torch.testing.assert_close(ours.running_var, variance, rtol=1e-3, atol=0)

    def test_the_buffers_are_replaced(self):
        theirs, ours = both(nn.BatchNorm1d(2))
        kept = theirs.running_mean, ours.running_mean
        update_bn_stats(theirs, itertools.cycle(by_class()), 40)
        steadynorm.recalibrate(ours, by_class())
        assert theirs.running_mean is not kept[0]
        assert ours.running_mean is kept[1]


def test_freezing_by_hand_resets_nothing_here():
    """Freeze helpers reset momentum and num_batches_tracked and skip 1-D and 3-D layers; nothing here does either."""
    shapes = {nn.BatchNorm1d: (8, 2), nn.BatchNorm2d: (8, 2, 3, 3), nn.BatchNorm3d: (8, 2, 3, 3, 3)}
    for kind, shape in shapes.items():
        layer = kind(2, momentum=0.37)
        layer(torch.randn(shape))
        layer.requires_grad_(False)
        model = nn.Sequential(layer, kind(2))
        frozen = copy.deepcopy(layer.state_dict())
        steadynorm.recalibrate(model, [torch.randn(shape) + 3 for _ in range(10)])
        assert all(torch.equal(frozen[name], value) for name, value in layer.state_dict().items())
        assert layer.momentum == 0.37
        assert not model[1].running_mean.eq(0).any()


def test_a_variance_from_mean_squares_would_be_zero():
    x = 0.01 * torch.randn(4096, 1) + 1000
    assert (x.square().mean() - x.mean().square()).abs() != pytest.approx(1e-4, rel=0.5)
    layer = nn.BatchNorm1d(1)
    steadynorm.recalibrate(layer, list(x.split(512)), tolerance=0)
    assert layer.running_var.item() == pytest.approx(x.double().var().item(), rel=1e-3)


def test_outputs_have_deviation_one_after_any_number_of_batches():
    """A debiased average that starts at one is still 0.21 after one step and 0.68 after twenty."""
    x = 7 * torch.randn(640, 3)
    for count in (1, 20):
        layer = nn.BatchNorm1d(3)
        steadynorm.recalibrate(layer, list(x.split(32))[:count], tolerance=0)
        assert layer.eval()(x[: 32 * count]).std().item() == pytest.approx(1, rel=0.02)
