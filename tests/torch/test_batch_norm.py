"""The layers of steadynorm.torch as a replacement of torch.nn's: what is stored, refused, left alone and kept up."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from steadynorm.torch import BatchNorm1d, BatchNorm2d, BatchNorm3d

PAIRS = [
    (BatchNorm1d, nn.BatchNorm1d, (6, 3)),
    (BatchNorm1d, nn.BatchNorm1d, (6, 3, 5)),
    (BatchNorm2d, nn.BatchNorm2d, (6, 3, 4, 5)),
    (BatchNorm3d, nn.BatchNorm3d, (6, 3, 2, 2, 3)),
]
OPTIONS = [
    {},
    {"renorm": True},
    {"virtual_batch_size": 3},
    {"debias": True},
    {"momentum": None},
    {"skip_nonfinite": True},
    {"renorm": True, "renorm_clipping": {"rmax": 2.0}, "virtual_batch_size": 3, "debias": True},
]
NAMES = ["plain", "renorm", "virtual", "debias", "cumulative", "skip", "all"]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=NAMES)


def trained(layer, steps=3, shape=(6, 3, 4, 5)):
    rng = torch.Generator().manual_seed(1)
    for _ in range(steps):
        layer.train()(torch.randn(shape, generator=rng) * 2 + 1)
    return layer


def state_of(layer):
    return {name: value.clone() for name, value in (*layer.named_parameters(), *layer.named_buffers())}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(("ours", "theirs", "shape"), PAIRS)
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_plain_layer_is_that_of_torch(ours, theirs, shape, momentum):
    torch.manual_seed(0)
    pair = ours(3, momentum=momentum), theirs(3, momentum=momentum)
    for _ in range(3):
        x, dy = torch.randn(shape) * 3 + 1, torch.randn(shape)
        results = []
        for layer in pair:
            own = x.clone().requires_grad_()
            y = layer(own)
            y.backward(dy)
            results.append((y, own.grad, layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var))
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)
    for layer in pair:
        layer.eval()
    torch.testing.assert_close(pair[0](x), pair[1](x))
    assert pair[0].num_batches_tracked == pair[1].num_batches_tracked == 3


@every_option
def test_its_state_dict_is_that_of_torch_both_ways(options):
    layer, theirs = trained(BatchNorm2d(3, **options)), nn.BatchNorm2d(3)

    theirs.load_state_dict(layer.state_dict(), strict=True)
    fresh = BatchNorm2d(3, **options)
    fresh.load_state_dict(theirs.state_dict(), strict=True)

    assert_same(dict(theirs.state_dict()), dict(layer.state_dict()))
    assert_same(dict(fresh.state_dict()), dict(layer.state_dict()))
    assert isinstance(layer, _BatchNorm)
    assert isinstance(layer, nn.BatchNorm2d)


def test_what_renorm_measures_against_travels_along():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), trained(BatchNorm2d(3, renorm=True)))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)

    loaded = nn.Sequential(nn.Conv2d(3, 3, 1), BatchNorm2d(3, renorm=True))
    loaded.load_state_dict(torch.load(file, weights_only=True))

    assert_same(state_of(loaded), state_of(model))
    assert (model[1].renorm_mean != 0).all()


def test_without_metadata_renorm_starts_from_the_running_statistics():
    layer, loaded = trained(BatchNorm2d(3, renorm=True)), BatchNorm2d(3, renorm=True)

    loaded.load_state_dict(dict(layer.state_dict()))

    torch.testing.assert_close(loaded.renorm_mean, layer.running_mean)
    torch.testing.assert_close(loaded.renorm_stddev, torch.sqrt(layer.running_var + 1e-5))


@every_option
def test_copies_and_pickles_go_on_as_the_original(options):
    layer = trained(BatchNorm2d(3, **options))
    copied, pickled = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    for each in (layer, copied, pickled):
        trained(each, 2)

    assert_same(state_of(copied), state_of(layer))
    assert_same(state_of(pickled), state_of(layer))


@every_option
def test_a_reset_layer_is_a_new_one(options):
    layer = trained(BatchNorm2d(3, **options))

    layer.reset_parameters()

    assert_same(state_of(layer), state_of(BatchNorm2d(3, **options)))


@every_option
@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (6, 3, 0, 5)])
def test_an_empty_batch_moves_nothing(options, shape):
    layer = trained(BatchNorm2d(3, **options))
    before, x = state_of(layer), torch.empty(shape, requires_grad=True)

    y = layer(x)
    y.sum().backward()

    assert y.shape == x.grad.shape == shape
    assert_same(state_of(layer), before)
    assert layer.weight.grad.count_nonzero() == layer.bias.grad.count_nonzero() == 0


@pytest.mark.parametrize(("layer", "shape"), [(BatchNorm1d(3), (1, 3)), (BatchNorm2d(3), (1, 3, 1, 1))])
def test_one_value_per_channel_is_refused_in_training_only(layer, shape):
    with pytest.raises(ValueError, match=r"one value per channel.*drop_last"):
        layer(torch.ones(shape))

    assert layer.num_batches_tracked == 0
    assert layer.eval()(torch.ones(shape)).shape == shape


def test_one_value_per_virtual_batch_is_refused():
    layer = BatchNorm1d(3, virtual_batch_size=1)

    with pytest.raises(ValueError, match="one value per channel and virtual batch"):
        layer(torch.ones(4, 3))
    assert layer(torch.ones(4, 3, 2)).shape == (4, 3, 2)


def test_a_batch_that_virtual_batches_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="virtual_batch_size 4 does not divide the batch of 6"):
        BatchNorm1d(3, virtual_batch_size=4)(torch.ones(6, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"renorm": True, "track_running_stats": False}, "renorm with track_statistics=False"),
        ({"debias": True, "momentum": None}, "cumulative"),
        ({"virtual_batch_size": 0}, "virtual_batch_size is 0"),
        ({"renorm": True, "renorm_clipping": {"r": 1.0}}, "renorm_clipping has"),
        ({"renorm_clipping": {"rmax": 1.0}}, "without renorm=True"),
    ],
)
def test_options_that_describe_no_layer_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm2d(3, **options)


@pytest.mark.parametrize("shape", [(5,), (6, 3, 4), (6, 5, 4), (6, 3, 4, 5), (1, 4, 5)])
def test_weights_of_another_shape_are_refused(shape):
    layer = BatchNorm2d(3)

    with pytest.raises(ValueError, match=r"weight has shape.*expected one weight per sample"):
        layer(torch.ones(6, 3, 4, 5), torch.ones(shape))
    assert layer.num_batches_tracked == 0


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_weights_that_are_no_weights_are_refused(value):
    with pytest.raises(ValueError, match="negative or non-finite"):
        BatchNorm1d(3)(torch.ones(4, 3), torch.tensor([1.0, 1.0, value, 1.0]))


@every_option
def test_masked_values_do_not_count(options):
    options = {**options, "virtual_batch_size": None}
    torch.manual_seed(0)
    x, mask = torch.randn(6, 3, 8), torch.ones(6, 8, dtype=torch.bool)
    mask[:, 5:] = False
    padded = torch.where(mask[:, None], x, 1e5)
    layer, other = BatchNorm1d(3, **options), BatchNorm1d(3, **options)

    y, expected = layer(padded, mask), other(x[:, :, :5])

    torch.testing.assert_close(y[:, :, :5], expected)
    for name, value in state_of(other).items():
        torch.testing.assert_close(state_of(layer)[name], value)


@every_option
def test_without_any_weight_the_running_statistics_normalize_and_stay(options):
    layer = trained(BatchNorm2d(3, **options))
    before, x = state_of(layer), torch.randn(6, 3, 4, 5)

    y = layer(x, torch.zeros(6))

    assert_same(state_of(layer), before)
    torch.testing.assert_close(y, layer.eval()(x))


@pytest.mark.parametrize("options", [{}, {"renorm": True}, {"virtual_batch_size": 3}, {"debias": True}])
@pytest.mark.parametrize("weights", [None, torch.ones(6)])
def test_a_batch_with_nan_is_skipped_on_demand(options, weights):
    x = torch.randn(6, 3, 4, 5)
    x[2, 1, 0, 0] = torch.nan
    skipping = trained(BatchNorm2d(3, skip_nonfinite=True, **options))
    layer = trained(BatchNorm2d(3, **options))
    before = state_of(skipping)

    skipping(x, weights)
    layer(x, weights)

    assert_same(state_of(skipping), before)
    assert layer.running_mean.isnan().tolist() == [False, True, False]


@every_option
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("weights", [None, torch.rand(6) + 0.5])
def test_statistics_of_half_precision_are_float32(options, dtype, weights):
    torch.manual_seed(0)
    x = (torch.randn(6, 3, 4, 5) * 3 + 50).to(dtype)
    layer, exact = BatchNorm2d(3, **options), BatchNorm2d(3, **options).double()

    y, expected = layer(x, weights), exact(x.double(), weights)

    assert y.dtype == dtype
    assert layer.running_mean.dtype == torch.float32
    torch.testing.assert_close(layer.running_mean, exact.running_mean.float())
    torch.testing.assert_close(layer.running_var, exact.running_var.float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(y.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-4)


@every_option
def test_a_layer_in_half_precision_runs(options):
    layer = BatchNorm2d(3, **options).bfloat16()
    x = torch.randn(6, 3, 4, 5, dtype=torch.bfloat16, requires_grad=True)

    layer(x).sum().backward()

    assert layer.running_mean.dtype == layer.weight.grad.dtype == x.grad.dtype == torch.bfloat16


@every_option
def test_it_works_under_autocast(options):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), BatchNorm2d(3, **options))

    with torch.autocast("cpu", torch.bfloat16):
        y = model(torch.randn(6, 3, 4, 5))
    y.float().sum().backward()

    assert y.dtype == torch.bfloat16
    assert model[1].running_mean.dtype == model[1].weight.grad.dtype == torch.float32


@every_option
def test_the_memory_format_is_kept(options):
    x = torch.randn(6, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()

    y = BatchNorm2d(3, **options)(x)
    y.backward(torch.randn(6, 3, 4, 5))

    assert y.is_contiguous(memory_format=torch.channels_last)
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


@every_option
def test_inputs_with_gaps_are_taken_as_they_are(options):
    wide = torch.randn(6, 3, 4, 10)
    layer, other = BatchNorm2d(3, **options), BatchNorm2d(3, **options)

    torch.testing.assert_close(layer(wide[..., ::2]), other(wide[..., ::2].contiguous()))


@pytest.mark.parametrize(
    "options", [{"renorm": True}, {"virtual_batch_size": 3}, {}], ids=["renorm", "virtual", "mask"]
)
def test_nothing_of_the_size_of_the_input_is_kept_but_the_input(options):
    x, kept = torch.randn(6, 3, 40, 40, requires_grad=True), []
    weights = None if options else torch.rand(6)

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        BatchNorm2d(3, **options)(x, weights)

    large = {each.untyped_storage().data_ptr() for each in kept if each.numel() * 4 > x.numel()}
    assert large == {x.untyped_storage().data_ptr()}


@every_option
def test_the_input_and_the_random_state_are_left_alone(options):
    layer = BatchNorm2d(3, **options)
    x = torch.randn(6, 3, 4, 5)
    seed, given = torch.get_rng_state(), x.clone()

    layer(x)

    assert torch.equal(torch.get_rng_state(), seed)
    assert torch.equal(x, given)


def test_a_debiased_layer_stands_still_at_a_momentum_of_zero():
    layer = BatchNorm1d(1, momentum=0.5, debias=True)
    batches = [torch.tensor([[low], [low + 2.0]]) for low in (1.0, 4.0, 9.0, 5.0)]  # means 2, 5, 10, 6; variances 2

    for momentum, x in zip((0.5, 0.5, 0.0, 0.5), batches, strict=True):
        layer.momentum = momentum
        layer(x)
        if momentum == 0.0:  # shares of 1 and of 0.5 / (1 - 0.5²) = 2/3 so far
            torch.testing.assert_close(layer.running_mean, torch.tensor([2 + 2 / 3 * (5 - 2)]))
            torch.testing.assert_close(layer.running_var, torch.tensor([2.0]))

    # The fourth batch has a share of 0.5 / (1 - 0.5⁴) = 8/15.
    torch.testing.assert_close(layer.running_mean, torch.tensor([4 + 8 / 15 * (6 - 4)]))
    assert layer.num_batches_tracked == 4


def test_a_debiased_layer_that_never_moved_keeps_its_initial_values():
    layer = BatchNorm1d(2, debias=True)
    layer.momentum = 0.0

    layer(torch.randn(8, 2))

    assert layer.running_mean.tolist() == [0, 0]
    assert layer.running_var.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("options", "weights"),
    [({"renorm": True}, None), ({"virtual_batch_size": 3}, None), ({"debias": True}, None), ({}, torch.ones(6))],
)
def test_a_gradient_with_gaps_in_half_precision_is_finite(options, weights):
    torch.manual_seed(0)
    x = (torch.randn(6, 3, 4, 5) * 1e4).half().requires_grad_()
    dy = torch.randn(6, 3, 5, 4).half()
    layer, other = BatchNorm2d(3, **options), BatchNorm2d(3, **options)

    (found,) = torch.autograd.grad(layer(x, weights), x, dy.mT)
    (expected,) = torch.autograd.grad(other(x, weights), x, dy.mT.contiguous())

    assert found.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
