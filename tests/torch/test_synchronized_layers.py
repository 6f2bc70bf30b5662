"""Layers that take the batches of two processes as one: what one process with the whole batch computes."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

import steadynorm
from steadynorm.torch import BatchNorm1d, BatchNorm2d, SyncBatchNorm, convert

SHAPE = (8, 3, 4, 5)
SPLITS = {"uneven": 3, "one empty": 0, "the other empty": 8, "one sample": 1}


def whole_batch(dtype=torch.float32):
    """Input and gradient of the output."""
    rng = torch.Generator().manual_seed(0)
    x, dy = (torch.randn(SHAPE, generator=rng, dtype=torch.float64) for _ in range(2))
    return (x * 2 + 1).to(dtype), dy.to(dtype)


def part(rank, split):
    return slice(split) if rank == 0 else slice(split, None)


def network(kind, dtype=torch.float32, **options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 3, 1), kind(3, **options), nn.Tanh(), kind(3, **options)).to(dtype)


def steps(model, pieces):
    """Outputs, input gradients, parameter gradients and buffers after three steps."""
    for _ in range(3):
        x, dy = (each.clone() for each in pieces)
        x.requires_grad_()
        model.zero_grad()
        y = model(x)
        y.backward(dy)
    return y.detach(), x.grad, [each.grad for each in model.parameters()], list(model.buffers())


def distributed_steps(rank, dtype, split):
    model = DistributedDataParallel(network(BatchNorm2d, dtype, synchronized=True))
    return steps(model, [each[part(rank, split)] for each in whole_batch(dtype)])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["double", "float"]
)
def test_in_distributed_training_as_one_process(ranks, split, dtype, tolerance):
    expected = steps(network(nn.BatchNorm2d, dtype), whole_batch(dtype))

    (y, dx, one_gradients, one_buffers), (more_y, more_dx, gradients, buffers) = ranks(
        distributed_steps, dtype, SPLITS[split]
    )

    def close(actual, expected):
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)

    close(torch.cat([y, more_y]), expected[0])
    close(torch.cat([dx, more_dx]), expected[1])
    for one, two, summed in zip(one_gradients, gradients, expected[2], strict=True):
        assert torch.equal(one, two)  # DistributedDataParallel's mean over processes
        close(2 * one, summed)
    for one, two, stored in zip(one_buffers, buffers, expected[3], strict=True):
        assert torch.equal(one, two)
        close(one, stored)


def halves(rank, *tensors):
    return [each[part(rank, 3)] for each in tensors]


def second_derivatives(rank, split):
    x, dy = (each[part(rank, split)] for each in whole_batch(torch.float64))
    weight = torch.linspace(0, 2, 8)[part(rank, split)]
    return penalty(BatchNorm2d(3, dtype=torch.float64, synchronized=True), x, dy, weight)


def penalty(layer, x, dy, weight):
    """Gradients of a gradient's square: by the input and the layer's weight."""
    x = x.clone().requires_grad_()
    (dx,) = torch.autograd.grad((layer(x, weight).tanh() * dy).sum(), x, create_graph=True)
    return torch.autograd.grad(dx.square().sum(), [x, layer.weight])


@pytest.mark.parametrize("split", SPLITS)
def test_second_derivatives_as_one_process(ranks, split):
    x, dy = whole_batch(torch.float64)
    expected = penalty(BatchNorm2d(3, dtype=torch.float64), x, dy, torch.linspace(0, 2, 8))

    one, two = ranks(second_derivatives, SPLITS[split])

    torch.testing.assert_close(torch.cat([one[0], two[0]]), expected[0])
    torch.testing.assert_close(one[1] + two[1], expected[1])


def in_inference(rank):
    layer = BatchNorm2d(3, synchronized=True)
    if rank == 0:  # it would wait for the other forever
        layer.eval()(whole_batch()[0])
        layer.train().frozen()(whole_batch()[0])
        BatchNorm2d(3, synchronized=True, track_running_stats=False).eval()(whole_batch()[0])
    return layer.num_batches_tracked


def test_in_inference_no_process_waits(ranks):
    assert ranks(in_inference) == [0, 0]


def alone(rank):
    groups = [dist.new_group([each]) for each in range(2)]
    layer = BatchNorm2d(3, synchronized=True, process_group=groups[rank])
    copied = copy.deepcopy(layer)
    results = [each(whole_batch()[0] + rank) for each in (layer, copied, SyncBatchNorm(3, process_group=groups[rank]))]
    with pytest.raises(pickle.PicklingError, match=r"set layer\.process_group = None"):
        pickle.dumps(layer)
    layer.process_group = None
    return results, copied.process_group is groups[rank], pickle.loads(pickle.dumps(layer)).synchronized


def test_a_process_group_says_who_is_one(ranks):
    for rank, (results, shared, synchronized) in enumerate(ranks(alone)):
        expected = nn.BatchNorm2d(3)(whole_batch()[0] + rank)
        assert all(torch.equal(each, expected) for each in results)
        assert shared
        assert synchronized


@pytest.mark.parametrize("options", [{}, {"renorm": True}, {"debias": True}], ids=str)
def test_without_processes_as_without_the_option(options):
    layer, plain = BatchNorm2d(3, synchronized=True, **options), BatchNorm2d(3, **options)

    for one, two in zip(steps(layer, whole_batch()), steps(plain, whole_batch()), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def with_nan(rank, skip_nonfinite):
    layer = BatchNorm2d(3, synchronized=True, skip_nonfinite=skip_nonfinite, renorm=True)
    x, _ = halves(rank, *whole_batch())
    layer(x)
    before = [each.clone() for each in layer.buffers()]
    layer(x * (1 if rank == 0 else torch.nan))
    return before, list(layer.buffers())


def test_not_finite_in_one_process_counts_for_all(ranks):
    for before, after in ranks(with_nan, True):
        assert all(map(torch.equal, before, after))
    for _, after in ranks(with_nan, False):
        assert after[0].isnan().all()


def one_value(rank):
    layer = BatchNorm1d(2, synchronized=True)
    two = layer(torch.tensor([[1.0, 2.0 * rank]]))
    with pytest.raises(ValueError, match="one value per channel in all processes together"):
        layer(torch.ones(rank, 2))
    return two


def test_one_value_in_each_process_is_a_batch(ranks):
    results = torch.cat(ranks(one_value))

    torch.testing.assert_close(results, nn.BatchNorm1d(2)(torch.tensor([[1.0, 0.0], [1.0, 2.0]])))


def nothing(rank, weighted):
    layer = BatchNorm2d(3, synchronized=True, renorm=True)
    x = halves(rank, *whole_batch())[0]
    layer(x)
    before = [each.clone() for each in layer.buffers()]
    x = (x if weighted else x[:0]).requires_grad_()
    y = layer(x, torch.zeros(len(x)) if weighted else None)
    y.sum().backward()
    return y, layer.eval()(x), before, list(layer.buffers()), x.grad


@pytest.mark.parametrize("weighted", [False, True], ids=["empty", "without weight"])
def test_a_batch_without_anything_in_all_processes_moves_nothing(ranks, weighted):
    for y, expected, before, after, gradient in ranks(nothing, weighted):
        torch.testing.assert_close(y, expected)
        assert all(map(torch.equal, before, after))
        assert gradient.shape == y.shape


class Again(nn.Module):
    """Runs the layer a second time in the backward pass."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return checkpoint(self.layer, x, use_reentrant=False)


class Half(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            y = self.layer(x.bfloat16())
        assert y.dtype == torch.bfloat16
        return y.float()


MODES = {
    "compiled": lambda layer: torch.compile(layer, fullgraph=True, backend="aot_eager_decomp_partition"),
    "checkpoint": Again,
    "checkpoint around compiled": lambda layer: Again(MODES["compiled"](layer)),
    "autocast": Half,
}


def has_renorm(mode):
    return mode != "checkpoint around compiled"  # which is refused with it


def in_modes(rank):
    layers = {name: BatchNorm2d(3, synchronized=True, renorm=has_renorm(name)) for name in MODES}
    return {name: steps(MODES[name](layer), halves(rank, *whole_batch())) for name, layer in layers.items()}


def test_compiled_checkpointed_and_under_autocast(ranks):
    found = ranks(in_modes)

    for name in MODES:
        layer = BatchNorm2d(3, renorm=has_renorm(name))
        expected = steps(Half(layer) if name == "autocast" else layer, whole_batch())
        one, two = (each[name] for each in found)
        # bfloat16 has eight bits; statistics are taken in float32 and differ by what the output's rounding moves.
        tolerance = 1e-2 if name == "autocast" else 1e-5
        for joined, whole in ((torch.cat([one[0], two[0]]), expected[0]), (torch.cat([one[1], two[1]]), expected[1])):
            torch.testing.assert_close(joined, whole, rtol=tolerance, atol=tolerance, msg=name)
        for each, another, whole in zip(one[2], two[2], expected[2], strict=True):
            torch.testing.assert_close(each + another, whole, rtol=tolerance, atol=tolerance, msg=name)
        for each, another, whole in zip(one[3], two[3], expected[3], strict=True):
            assert torch.equal(each, another), name
            torch.testing.assert_close(each, whole, rtol=1e-5, atol=1e-5, msg=name)


def diagnosed(rank):
    """One process looks at the model while the other trains it no further."""
    groups = [None, dist.group.WORLD]
    layers = [convert(nn.SyncBatchNorm(3, process_group=each)) for each in groups]
    model = nn.Sequential(nn.Linear(4, 3), *layers, nn.SyncBatchNorm(3, process_group=groups[1]), nn.Linear(3, 2))
    data = [(torch.randn(16, 4), torch.randint(2, (16,))) for _ in range(3)]
    if rank == 0:
        subject = steadynorm.Subject(model, data, loss=nn.functional.cross_entropy)
        assert isinstance(steadynorm.diagnose(subject, progress=False), steadynorm.Report)
    return [each.synchronized for each in layers], [int(each.num_batches_tracked) for each in model[1:4]]


def test_a_diagnosis_in_one_process_waits_for_no_other(ranks):
    assert ranks(diagnosed) == [([True, True], [0, 0, 0])] * 2


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 5), SHAPE, (4, 3, 2, 2, 2), (4, 3, 2, 2, 2, 2)], ids=str)
def test_a_layer_for_any_number_of_axes(shape):
    layer, x = SyncBatchNorm(3, momentum=0.3), torch.randn(shape, generator=torch.Generator().manual_seed(0))
    other = nn.BatchNorm1d(3, momentum=0.3)

    torch.testing.assert_close(layer(x), other(x.flatten(2) if x.dim() > 2 else x).view(shape))
    torch.testing.assert_close(layer.running_var, other.running_var)
    with pytest.raises(ValueError, match=r"shape \(3,\); expected samples and channels"):
        layer(x[0].flatten()[:3])


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_over_nccl_as_one_process(ranks):
    expected = steps(nn.BatchNorm2d(3), whole_batch())

    found = ranks(over_nccl)

    for index in range(2):
        torch.testing.assert_close(torch.cat([each[index] for each in found]), expected[index], rtol=1e-5, atol=1e-5)
    for buffer, whole in zip(found[0][3], expected[3], strict=True):
        torch.testing.assert_close(buffer, whole, rtol=1e-5, atol=1e-5)


def over_nccl(rank):
    torch.cuda.set_device(rank)
    layer = BatchNorm2d(3, synchronized=True, process_group=dist.new_group(backend="nccl")).cuda()
    y, dx, gradients, buffers = steps(layer, [each.cuda() for each in halves(rank, *whole_batch())])
    return y.cpu(), dx.cpu(), [each.cpu() for each in gradients], [each.cpu() for each in buffers]
