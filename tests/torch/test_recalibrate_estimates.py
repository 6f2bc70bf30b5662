"""What the new statistics are, against moments that NumPy takes of the whole data in float64."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import steadynorm
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError


def digits():
    found = load_digits()
    return torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(found.target)


def batches(images, sizes=(64,)):
    found, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(images):
            return found
        found.append((images[at : at + size], torch.zeros(len(images[at : at + size]))))
        at += size
    return found


def one_layer(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6, **options), nn.Flatten(), nn.Dropout(0.5))


def truth(x):
    """Mean and Bessel-corrected variance per channel of (N, C, ...), in float64."""
    values = np.moveaxis(x.detach().double().numpy(), 1, 0).reshape(x.shape[1], -1)
    return values.mean(1), values.var(1, ddof=1)


def assert_statistics(layer, x, rtol=1e-5):
    mean, variance = truth(x)
    np.testing.assert_allclose(layer.running_mean.double().numpy(), mean, atol=rtol * np.sqrt(variance).max())
    np.testing.assert_allclose(layer.running_var.double().numpy(), variance, rtol=rtol)


def test_all_the_data_give_the_moments_of_the_whole_data_set():
    images, _ = digits()
    model = one_layer()
    result = steadynorm.recalibrate(model, batches(images), tolerance=0)
    assert_statistics(model[1], model[0](images))
    assert (result.batches, result.samples) == (29, 1797)
    assert result.converged
    assert "all the data" in str(result)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_at_hand_over_and_dropout_make_no_difference(training):
    images, _ = digits()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)).train(training)
    steadynorm.recalibrate(model, batches(images), tolerance=0)
    assert_statistics(model[2], model[1](images))
    assert all(module.training is training for module in model.modules())


@pytest.mark.parametrize("momentum", [0.1, None, 0.0])
def test_momentum_does_not_matter(momentum):
    images, _ = digits()
    model = one_layer(momentum=momentum)
    steadynorm.recalibrate(model, batches(images), tolerance=0)
    assert_statistics(model[1], model[0](images))
    assert model[1].momentum == momentum


def test_batches_weigh_what_they_hold():
    images, _ = digits()
    model = one_layer()
    steadynorm.recalibrate(model, batches(images, (100, 3, 1, 40)), tolerance=0)
    assert_statistics(model[1], model[0](images))


def test_a_layer_that_is_called_twice_gets_the_moments_of_both_inputs():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return self.norm(x) + self.norm(5 * x[: len(x) // 2] - 2).sum()

    x = torch.randn(640, 3)
    model = Twice()
    steadynorm.recalibrate(model, list(x.split(32)), tolerance=0)
    halves = torch.cat([5 * batch[:16] - 2 for batch in x.split(32)])
    assert_statistics(model.norm, torch.cat([x, halves]))


@pytest.mark.parametrize(("mean", "deviation"), [(1000.0, 0.01), (1e4, 1.0)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("passes", [1, 2])
def test_the_variance_survives_a_large_mean(mean, deviation, layout, passes):
    generator = torch.Generator().manual_seed(0)
    data = [
        (torch.randn(64, 4, 6, 6, generator=generator, dtype=torch.float64) * deviation + mean)
        .float()
        .contiguous(memory_format=layout)
        for _ in range(10)
    ]
    model = nn.BatchNorm2d(4)
    steadynorm.recalibrate(model, data, tolerance=0, passes=passes)
    _, variance = truth(torch.cat(data))
    np.testing.assert_allclose(model.running_var.numpy(), variance, rtol=1e-3)


def test_in_the_first_pass_the_layers_normalize_by_the_batch():
    images, _ = digits()
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    model[0].running_var.fill_(100)  # as wrong as can be
    data = batches(images, (300,))  # too large to be joined
    steadynorm.recalibrate(model, data, tolerance=0)
    fed = torch.cat([model[1](nn.functional.batch_norm(x, None, None, training=True)) for x, _ in data])
    assert_statistics(model[2], fed)


def test_small_batches_are_run_several_at_once():
    """256 images in batches of 64: the second layer is fed what the first makes of all of them."""
    images = digits()[0][:256]
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    result = steadynorm.recalibrate(model, batches(images), tolerance=0)
    assert (result.batches, result.samples) == (4, 256)
    assert_statistics(model[2], model[1](nn.functional.batch_norm(images, None, None, training=True)))


def test_a_second_pass_feeds_layers_what_inference_feeds_them():
    images, labels = digits()
    images = images[labels.argsort()]
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))
    steadynorm.recalibrate(model, batches(images), tolerance=0, passes=2)
    model.eval()
    assert_statistics(model[0], images)
    assert_statistics(model[3], model[:3](images), rtol=1e-4)


def test_sorted_batches_do_not_fool_the_stopping_rule():
    """By class, 40 equal batches after each other: in their own order the first eight say nothing about the rest."""
    data = [torch.randn(64, 2) * 0.5 + 3 * (index // 40) for index in range(400)]
    model = nn.BatchNorm1d(2)
    result = steadynorm.recalibrate(model, data, tolerance=0.2)
    assert result.converged
    assert result.batches < 200
    mean, variance = truth(torch.cat(data))
    assert np.abs(model.running_mean.numpy() - mean).max() < 0.6 * np.sqrt(variance).max()
    assert np.abs(np.log(model.running_var.numpy() / variance)).max() < 0.6


def test_batches_that_alternate_do_not_fool_the_stopping_rule():
    """Two kinds in turn: a regular stride over the list would see the first kind only, and find it very certain."""
    generator = torch.Generator().manual_seed(0)
    batches = torch.randn(25600, 8, generator=generator).split(64)
    data = [batch * 2 + 3 if index % 2 else batch for index, batch in enumerate(batches)]
    model = nn.BatchNorm1d(8)
    result = steadynorm.recalibrate(model, data, tolerance=0.1)
    assert result.converged
    assert result.batches < 400
    mean, variance = truth(torch.cat(data))
    # Five times the tolerance asked for.
    assert np.abs(model.running_mean.numpy() - mean).max() < 0.5 * np.sqrt(variance).max()
    assert np.abs(np.log(model.running_var.numpy() / variance)).max() < 0.5


def test_a_loader_that_reads_in_sequence_gives_mixed_batches():
    x = torch.randn(6400, 2) * 0.5 + torch.arange(6400).unsqueeze(1) / 640
    loader = DataLoader(TensorDataset(x), 64)
    model = nn.BatchNorm1d(2)
    result = steadynorm.recalibrate(model, loader, tolerance=0.05)
    assert result.converged
    assert result.batches < 20
    mean, variance = truth(x)
    assert np.abs(model.running_mean.numpy() - mean).max() < 0.15 * np.sqrt(variance).max()
    steadynorm.recalibrate(model, loader, tolerance=0)
    assert_statistics(model, x, rtol=1e-4)


def test_it_stops_once_the_error_is_small_and_the_error_that_it_states_is_true():
    generator = torch.Generator().manual_seed(0)
    population = torch.randn(100_000, 16, generator=generator) * 3 + 1
    true_mean, true_variance = truth(population)
    ratios = []
    for seed in range(20):
        order = torch.randperm(len(population), generator=torch.Generator().manual_seed(seed))
        model = nn.BatchNorm1d(16)
        result = steadynorm.recalibrate(model, list(population[order].split(64)), tolerance=0.02)
        assert result.converged
        assert 25 < result.batches < 120  # 2500 samples for the mean, 5000 for the variance, in batches of 64
        shift = (model.running_mean.numpy() - true_mean) / np.sqrt(true_variance)
        ratios.append(np.sqrt(np.mean(np.square(shift))) / result.layers[0].mean)
    assert 0.7 < np.mean(ratios) < 1.3


def test_it_says_when_the_data_ended_first():
    result = steadynorm.recalibrate(nn.BatchNorm1d(3), list(torch.randn(320, 3).split(32)), tolerance=0.001)
    assert not result.converged
    assert result.stopped == "data"
    assert (result.batches, result.samples) == (10, 320)
    assert "the data ended before the tolerance of 0.001 was met" in str(result)
    assert result.worst.largest > 0.01


def test_few_batches_say_too_little_about_the_error():
    result = steadynorm.recalibrate(nn.BatchNorm1d(3), list(torch.randn(40_000, 3).split(10_000)), tolerance=0.015)
    assert result.worst.largest < 0.015
    assert (result.stopped, result.converged) == ("data", False)
    assert "was met" not in str(result)
    assert "the data ended before there was enough to tell the error" in str(result)


def test_it_says_when_max_batches_came_first():
    data = iter(torch.randn(640, 3).split(32))
    result = steadynorm.recalibrate(nn.BatchNorm1d(3), data, tolerance=0.001, max_batches=5)
    assert (result.stopped, result.batches) == ("max_batches", 5)
    assert not result.converged
    assert len(list(data)) == 15, "read more than it used"


def test_one_batch_is_used_and_its_error_is_not_known():
    x = torch.randn(32, 3)
    model = nn.BatchNorm1d(3)
    result = steadynorm.recalibrate(model, [x])
    assert_statistics(model, x)
    assert not result.converged
    assert result.worst.largest == float("inf")


def test_one_value_per_channel_counts_as_a_sample():
    x = torch.randn(40, 3)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2))
    steadynorm.recalibrate(model, list(x.split(1)), tolerance=0)
    assert_statistics(model[0], x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_of_the_statistics_stays(dtype):
    model = nn.BatchNorm1d(4).to(dtype)
    data = [(torch.randn(64, 4) * 2 + 1).to(dtype) for _ in range(10)]
    steadynorm.recalibrate(model, data, tolerance=0)
    assert model.running_mean.dtype is model.running_var.dtype is dtype
    _, variance = truth(torch.cat(data))
    np.testing.assert_allclose(model.running_var.double().numpy(), variance, rtol=1e-2)


def test_a_variance_beyond_the_type_is_an_error():
    model = nn.BatchNorm1d(1).half()
    model.running_mean.fill_(3)
    data = [torch.randn(64, 1).mul(2e4).clamp(-6e4, 6e4).half() for _ in range(3)]
    with pytest.raises(UnusableInputError, match=r"do not fit into torch\.float16"):
        steadynorm.recalibrate(model, data, tolerance=0)
    assert model.running_mean.item() == 3


def test_dead_channels_do_not_keep_it_from_stopping():
    data = [torch.cat([torch.randn(64, 1), torch.zeros(64, 1), 1e-9 * torch.rand(64, 1) ** 40], 1) for _ in range(500)]
    result = steadynorm.recalibrate(nn.BatchNorm1d(3), data, tolerance=0.03)
    assert result.converged


class TestOtherLayers:
    def test_instance_normalization_keeps_its_own_convention(self):
        x = torch.randn(320, 3, 5, 5) * torch.rand(320, 1, 1, 1)
        model = nn.InstanceNorm2d(3, track_running_stats=True)
        steadynorm.recalibrate(model, list(x.split(32)), tolerance=0)
        whole = nn.InstanceNorm2d(3, track_running_stats=True, momentum=1.0)
        whole(x)
        torch.testing.assert_close(model.running_mean, whole.running_mean)
        torch.testing.assert_close(model.running_var, whole.running_var)

    def test_a_subclass_with_a_training_mode_of_its_own(self):
        class Counting(nn.BatchNorm1d):
            def forward(self, x):
                if self.training:
                    raise AssertionError("training mode does more than normalize")
                return super().forward(x)

        x = torch.randn(320, 3) + 2
        model = nn.Sequential(Counting(3), nn.BatchNorm1d(3))
        steadynorm.recalibrate(model, list(x.split(32)), tolerance=0)
        assert_statistics(model[0], x)

    def test_frozen_layers_of_a_frozen_type(self):
        class FrozenBatchNorm(nn.Module):
            def __init__(self, n):
                super().__init__()
                for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                    self.register_buffer(name, torch.full((n,), value))

            def forward(self, x):
                return (x - self.running_mean) * self.weight * (self.running_var + 1e-5).rsqrt() + self.bias

        x = torch.randn(320, 3) + 2
        model = nn.Sequential(FrozenBatchNorm(3), nn.BatchNorm1d(3))
        result = steadynorm.recalibrate(model, list(x.split(32)), tolerance=0)
        assert result.skipped == {"0": "it is frozen; include_frozen=True re-estimates it"}
        assert model[0].running_mean.eq(0).all()
        assert_statistics(model[1], x, rtol=1e-4)
        result = steadynorm.recalibrate(model, list(x.split(32)), tolerance=0, include_frozen=True)
        assert not result.skipped
        assert_statistics(model[0], x)

    def test_a_layer_in_a_plain_list(self):
        class Hidden(nn.Module):
            def __init__(self):
                super().__init__()
                self.norms = [nn.BatchNorm1d(3)]

            def forward(self, x):
                return self.norms[0](x)

        x = torch.randn(320, 3) + 2
        model = Hidden()
        steadynorm.recalibrate(model.eval(), list(x.split(32)), tolerance=0)
        assert_statistics(model.norms[0], x)
        assert model.norms[0].training

    def test_layers_without_statistics_and_layers_never_called_are_reported(self):
        class Partly(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.unused = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
                self.bare = nn.BatchNorm1d(3, track_running_stats=False)

            def forward(self, x):
                return self.bare(self.used(x))

        model = Partly()
        result = steadynorm.recalibrate(model, list(torch.randn(320, 3).split(32)))
        assert [layer.name for layer in result.layers] == ["used"]
        assert "track_running_stats=False" in result.skipped["bare"]
        assert result.skipped["unused"] == "no batch calls it"
        assert "left alone: 'unused': no batch calls it" in str(result)
        assert model.unused.running_var.eq(1).all()

    @pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
    def test_wrapped_models(self, wrap):
        x = torch.randn(320, 3) + 2
        model = nn.Sequential(nn.BatchNorm1d(3))
        steadynorm.recalibrate(wrap(model), list(x.split(32)), tolerance=0)
        assert_statistics(model[0], x)

    def test_parts_that_are_compiled(self):
        x = torch.randn(320, 3) + 2
        part, model = nn.Sequential(nn.BatchNorm1d(3)), nn.Sequential(nn.BatchNorm1d(3))
        model.append(torch.compile(part, backend="eager"))
        model.compile(backend="eager")
        steadynorm.recalibrate(model, list(x.split(32)), tolerance=0, passes=2)
        assert_statistics(model[0], x)
        np.testing.assert_allclose(part[0].running_var.numpy(), np.ones(3), rtol=1e-3)


class TestFrozen:
    def test_layers_whose_parameters_are_not_trained_are_left_alone(self):
        model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
        model[0].requires_grad_(False)
        data = list((torch.randn(320, 3) + 2).split(32))
        result = steadynorm.recalibrate(model, data)
        assert list(result.skipped) == ["0"]
        assert model[0].running_mean.eq(0).all()
        assert not model[1].running_mean.eq(0).any()

    def test_with_all_frozen_the_error_says_so(self):
        model = nn.BatchNorm1d(3).requires_grad_(False)
        data = list((torch.randn(320, 3) + 2).split(32))
        with pytest.raises(NoNormalizationLayersError, match="frozen: pass include_frozen=True"):
            steadynorm.recalibrate(model, data)
        steadynorm.recalibrate(model, data, include_frozen=True, tolerance=0)
        assert_statistics(model, torch.cat(data))

    def test_without_layers_the_error_says_that(self):
        with pytest.raises(NoNormalizationLayersError, match=r"\(Linear\) has no normalization layer"):
            steadynorm.recalibrate(nn.Linear(3, 3), [torch.randn(4, 3)])
        with pytest.raises(NoNormalizationLayersError, match="track_running_stats=False"):
            steadynorm.recalibrate(nn.BatchNorm1d(3, track_running_stats=False), [torch.randn(4, 3)])


class TestUnusableInput:
    @pytest.mark.parametrize(
        ("data", "options", "message"),
        [
            ([], {}, "data is empty"),
            (5, {}, "data is a int; expected an iterable of batches"),
            ([torch.randn(4, 3)], {"tolerance": -1}, "tolerance is -1"),
            ([torch.randn(4, 3)], {"tolerance": float("nan")}, "tolerance is nan"),
            ([torch.randn(4, 3)], {"passes": 0}, "passes is 0"),
            ([torch.randn(4, 3)], {"max_batches": 0}, "max_batches 0"),
            ([torch.randn(4, 5)], {}, "refuses batch 0 of .4, 5. torch.float32"),
            ([torch.randn(4, 3)], {"device": "nowhere"}, "device 'nowhere' cannot be used"),
            ((x for x in [torch.randn(4, 3)]), {"passes": 2}, "generator, which can be read once"),
        ],
    )
    def test_what_where_and_what_to_do(self, data, options, message):
        with pytest.raises(UnusableInputError, match=message):
            steadynorm.recalibrate(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), data, **options)

    def test_data_that_come_only_once_without_saying_so(self):
        class Once:
            def __init__(self):
                self.left = list(torch.randn(64, 3).split(8))

            def __iter__(self):
                while self.left:
                    yield self.left.pop()

        model = nn.BatchNorm1d(3)
        with pytest.raises(UnusableInputError, match="no batch in pass 2: it can be read only once"):
            steadynorm.recalibrate(model, Once(), passes=2)
        assert model.running_mean.eq(0).all()

    def test_nan_in_the_data(self):
        data = [torch.randn(8, 3) for _ in range(12)]
        data[5][2, 1] = float("nan")
        with pytest.raises(UnusableInputError, match=r"data holds 1 values that are NaN or Inf \(batch \d+"):
            steadynorm.recalibrate(nn.BatchNorm1d(3), data)
        with pytest.raises(UnusableInputError, match="the input of '0' holds values that are NaN or Inf in batch"):
            steadynorm.recalibrate(nn.Sequential(nn.BatchNorm1d(3)), data, forward=lambda model, batch: model(batch))

    def test_targets_may_be_unknown(self):
        data = [(torch.randn(8, 3), torch.full((8,), float("nan"))) for _ in range(3)]
        steadynorm.recalibrate(nn.BatchNorm1d(3), data)

    def test_data_that_raise(self):
        def failing():
            yield torch.randn(4, 3)
            raise OSError("the disk is gone")

        with pytest.raises(UnusableInputError, match="data raised while batch 1 was read: OSError: the disk is gone"):
            steadynorm.recalibrate(nn.BatchNorm1d(3), failing())

    def test_a_lazy_model(self):
        with pytest.raises(UnusableInputError, match=r"'1\.weight' of a lazy layer has no shape yet"):
            steadynorm.recalibrate(nn.Sequential(nn.Flatten(), nn.LazyBatchNorm1d()), [torch.randn(4, 3)])

    @pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
    def test_compiled_torchscript(self):
        model = torch.jit.script(nn.Sequential(nn.BatchNorm1d(3)))
        with pytest.raises(UnusableInputError, match="TorchScript"):
            steadynorm.recalibrate(model, [torch.randn(4, 3)])

    def test_a_forward_that_never_calls_the_layers(self):
        with pytest.raises(UnusableInputError, match="'0': no batch calls it"):
            steadynorm.recalibrate(
                nn.Sequential(nn.BatchNorm1d(3)), [torch.randn(4, 3)], forward=lambda model, batch: batch
            )

    def test_channels_on_another_axis(self):
        class Last(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("running_mean", torch.zeros(3))
                self.register_buffer("running_var", torch.ones(3))
                self.weight = nn.Parameter(torch.ones(3))

            def forward(self, x):
                return (x - self.running_mean) / self.running_var.sqrt() * self.weight

        model = nn.Sequential(Last(), nn.Flatten(), nn.BatchNorm1d(15))
        result = steadynorm.recalibrate(model, list(torch.randn(320, 5, 3).split(32)))
        assert "expected 3 channels on the second axis" in result.skipped["0"]
        assert model[0].running_var.eq(1).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    x = torch.randn(640, 3, 4, 4) + 2
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    steadynorm.recalibrate(model, list(x.split(32)), tolerance=0, device="cuda", passes=2)
    assert model[0].running_mean.device.type == "cpu"
    assert_statistics(model[0], x, rtol=1e-4)
    on_gpu = nn.BatchNorm2d(3).cuda()
    steadynorm.recalibrate(on_gpu, list((x * 1e-2 + 1000).split(32)), tolerance=0)
    assert_statistics(on_gpu.cpu(), x * 1e-2 + 1000, rtol=1e-3)
