"""What users do with layers around the forward pass: views, types, parts that are not trained, files, averages, DDP."""

from __future__ import annotations

import copy
import io
import itertools

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel

from steadynorm.torch import BatchNorm1d, BatchNorm2d

OPTIONS = {
    "plain": {},
    "renorm": {"renorm": True},
    "virtual": {"virtual_batch_size": 2},
    "debias": {"debias": True},
    "cumulative": {"momentum": None},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
SHAPE = (4, 3, 5, 6)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 1


VIEWS = {
    "transposed": random(4, 5, 3, 6).transpose(1, 2),
    "sliced": random(8, 6, 10, 6)[::2, ::2, ::2],
    "repeated": random(1, 3, 1, 6).expand(SHAPE),
    "reversed axes": random(6, 5, 3, 4).permute(3, 2, 1, 0),
    "every second of the innermost channels": random(4, 5, 6, 6).permute(0, 3, 1, 2)[:, ::2],
}


@pytest.mark.parametrize("view", VIEWS)
@every_option
def test_a_view_is_as_its_values(options, view):
    ours, other, x = BatchNorm2d(3, **options), BatchNorm2d(3, **options).double(), VIEWS[view].detach()
    values = x.double().contiguous().requires_grad_()
    x = x.requires_grad_()
    dy = random(1, 3, 1, 1, seed=1).expand(SHAPE)

    y, expected = ours(x), other(values)
    found, wanted = torch.autograd.grad(y, x, dy)[0], torch.autograd.grad(expected, values, dy.double())[0]

    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.running_var.double(), other.running_var, rtol=1e-5, atol=1e-6)


@every_option
def test_no_channels_are_no_error(options):
    layer, x = BatchNorm2d(0, **options), torch.ones(4, 0, 5, 6, requires_grad=True)

    layer(x).sum().backward()

    assert x.grad.shape == x.shape
    assert layer.eval()(x).shape == x.shape


def test_one_sample_with_positions_is_a_batch():
    ours, theirs, x = BatchNorm2d(3, virtual_batch_size=1), nn.BatchNorm2d(3), random(1, 3, 4, 4)

    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_option
def test_half_inputs_of_a_layer_in_single_precision(options, dtype, memory_format):
    ours, other = BatchNorm2d(3, **options), BatchNorm2d(3, **options).double()
    x = (100 * random(*SHAPE)).to(dtype).contiguous(memory_format=memory_format).requires_grad_()
    exact = x.detach().double().requires_grad_()
    dy = random(*SHAPE, seed=1).to(dtype)

    y, expected = ours(x), other(exact)
    y.backward(dy)
    expected.backward(dy.double())

    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=memory_format)
    tolerance = 2 * torch.finfo(dtype).eps  # the output is rounded once
    torch.testing.assert_close(y.double(), expected, rtol=tolerance, atol=tolerance)
    largest = exact.grad.abs().max()
    torch.testing.assert_close(x.grad.double() / largest, exact.grad / largest, rtol=0, atol=4 * tolerance)
    torch.testing.assert_close(ours.running_var.double(), other.running_var, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cast", [torch.float16, torch.bfloat16], ids=str)
@every_option
def test_a_model_that_is_cast_runs_and_keeps_its_type(options, cast):
    layer, x = BatchNorm2d(3, **options).to(cast), random(*SHAPE).to(cast).requires_grad_()

    layer(x).sum().backward()
    y = layer.eval()(x)

    kinds = {each.dtype for each in layer.buffers() if each.is_floating_point()}
    assert kinds == {cast} == {x.grad.dtype, y.dtype, layer.weight.grad.dtype}
    assert all(each.isfinite().all() for each in layer.buffers())


@every_option
def test_without_a_gradient_a_training_batch_is_as_with_one(options):
    layers, results = [BatchNorm2d(3, **options) for _ in range(3)], []
    for layer, mode in zip(layers, (torch.enable_grad, torch.no_grad, torch.inference_mode), strict=True):
        with mode():
            results.append(layer(random(*SHAPE)))

    for layer, result in zip(layers, results, strict=True):
        assert torch.equal(result, results[0])
        assert all(map(torch.equal, layer.buffers(), layers[0].buffers()))


@pytest.mark.parametrize("trained", [each for each in itertools.product([0, 1], repeat=3) if any(each)], ids=str)
@every_option
def test_only_what_requires_a_gradient_gets_one(options, trained):
    def gradients(trained):
        layer, x = BatchNorm2d(3, **options), random(*SHAPE)
        leaves = [x, layer.weight, layer.bias]
        for each, required in zip(leaves, trained, strict=True):
            each.requires_grad_(bool(required))
        layer(x).pow(3).sum().backward()
        return [each.grad for each in leaves]

    for found, expected, required in zip(gradients(trained), gradients((1, 1, 1)), trained, strict=True):
        assert (found is not None) == bool(required)
        if required:
            torch.testing.assert_close(found, expected)


@every_option
def test_files_of_before_the_batches_were_counted(options):
    theirs = nn.BatchNorm2d(3)
    theirs(random(*SHAPE))
    old = dict(theirs.state_dict())  # without metadata, and so without a version, as such files are
    del old["num_batches_tracked"]
    ours, other = BatchNorm2d(3, **options), nn.BatchNorm2d(3)

    for each in (ours, other):
        each(random(*SHAPE))
        each.load_state_dict(old, strict=True)

    assert torch.equal(ours.running_var, theirs.running_var)
    assert ours.num_batches_tracked == other.num_batches_tracked


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
@every_option
def test_what_does_not_fit_is_said_as_by_torchs_own_layer(options, change):
    state = nn.BatchNorm2d(3).state_dict()
    if change == "missing":
        del state["running_var"]
    else:
        state["bias" if change == "shape" else "more"] = torch.zeros(4)

    messages = []
    for each in (BatchNorm2d(3, **options), nn.BatchNorm2d(3)):
        with pytest.raises(RuntimeError) as error:
            each.load_state_dict(state)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@every_option
def test_copies_by_every_way_go_on_alike(options):
    layer = BatchNorm2d(3, domain_statistics=2, **options)
    layer(random(*SHAPE), domain=1)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    copies = [copy.deepcopy(layer), torch.load(file, weights_only=False)]
    expected = layer(random(*SHAPE, seed=1))

    for each in copies:
        assert torch.equal(each(random(*SHAPE, seed=1)), expected)
        assert all(map(torch.equal, each.buffers(), layer.buffers()))


class Squared(nn.Module):
    def forward(self, weight):
        return weight.square()


@every_option
def test_a_parametrized_weight_is_used_and_frozen(options):
    layer, other = (BatchNorm2d(3, **options) for _ in range(2))
    nn.init.constant_(layer.weight, 3.0)
    nn.init.constant_(other.weight, 9.0)
    parametrize.register_parametrization(layer, "weight", Squared())

    y = layer(random(*SHAPE))
    y.pow(3).sum().backward()
    torch.testing.assert_close(y, other(random(*SHAPE)))
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    before = layer.weight.clone()

    layer.frozen()
    optimizer.step()
    assert not any(each.requires_grad for each in layer.parameters())
    assert torch.equal(layer.weight, before)
    assert all(each.requires_grad for each in layer.unfreeze().parameters())


@every_option
def test_averaged_weights_take_the_statistics_along(options):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), BatchNorm2d(3, domain_statistics=2, **options))
    averaged, seen = AveragedModel(model, use_buffers=True), []
    for seed in range(3):
        model(random(*SHAPE, seed=seed))
        averaged.update_parameters(model)
        seen.append([each.clone() for each in model.buffers()])

    for found, *each in zip(averaged.module.buffers(), *seen, strict=True):
        if found.is_floating_point():  # PyTorch averages whole numbers with rounding
            torch.testing.assert_close(found, torch.stack(each).mean(0))
    assert averaged.module[1].domains == 2


class TwoDomains(nn.Module):
    """A layer that sees both domains in one step, and one whose second part is not always used."""

    def __init__(self, layer, skip):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(3, 3), layer, nn.Linear(3, 3)
        self.skip = skip

    def forward(self, x):
        y = self.norm(self.first(x), domain=0) + self.norm(self.first(x - 1), domain=1)
        return y if self.skip else self.second(y)


def trained(rank, options, wrapping):
    torch.manual_seed(0)
    layer = BatchNorm1d(3, domain_statistics=2, synchronized=True, dtype=torch.float64, **options)
    model = TwoDomains(layer, skip=wrapping.get("find_unused_parameters", False)).double()
    if rank is None:
        wrapped, parts = model, slice(None)
    else:
        wrapped = DistributedDataParallel(model, **wrapping)
        parts = slice(3) if rank == 0 else slice(3, None)
    for seed in range(3):
        model.zero_grad()
        wrapped(random(8, 3, seed=seed).double()[parts]).pow(3).sum().backward()
    return [each.grad for each in model.parameters()], list(model.buffers())


@pytest.mark.parametrize(
    "wrapping", [{}, {"static_graph": True}, {"find_unused_parameters": True}], ids=lambda given: "".join(given) or "-"
)
@pytest.mark.parametrize("options", [{}, {"renorm": True}], ids=["plain", "renorm"])
def test_several_domains_in_distributed_training(ranks, options, wrapping):
    expected, statistics = trained(None, options, wrapping)

    for gradients, buffers in ranks(trained, options, wrapping):
        for found, whole in zip(gradients, expected, strict=True):
            if whole is None:
                assert found is None or not found.any()
            else:
                torch.testing.assert_close(2 * found, whole)  # DistributedDataParallel's mean over processes
        for found, whole in zip(buffers, statistics, strict=True):
            torch.testing.assert_close(found, whole)
