"""The layers on a CUDA device against themselves in double precision on the CPU, and that nothing waits for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from steadynorm.torch import BatchNorm2d

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

OPTIONS = {
    "plain": {},
    "renorm": {"renorm": True},
    "virtual": {"virtual_batch_size": 2},
    "virtual renorm": {"virtual_batch_size": 2, "renorm": True},
    "debias": {"debias": True},
    "cumulative": {"momentum": None},
    "skip": {"skip_nonfinite": True},
}
WEIGHTS = {
    "equal": None,
    "samples": torch.tensor([0.0, 0.0, 1.0, 2.0, 0.5, 1.0]),
    "positions": torch.rand(6, 7, 5, generator=torch.Generator().manual_seed(1)).round(),
}
TOLERANCE = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Relative to the largest value: a few roundings of the type."""

every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
every_weight = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)


def batch(seed, dtype):
    """Input and gradient of the output, with values that the type has."""
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(6, 4, 7, 5, generator=rng) * 2 + 1).to(dtype) for _ in range(2)]


def step(layer, x, dy, *weights):
    x = x.detach().requires_grad_()
    layer.zero_grad()
    y = layer(x, *weights)
    y.backward(dy)
    return [y.detach(), x.grad, layer.weight.grad, layer.bias.grad]


def assert_close(found, exact, tolerance):
    assert found.device.type == "cuda"
    scale = exact.abs().max().clamp_min(1.0)
    torch.testing.assert_close(found.cpu().double() / scale, exact / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@every_weight
@every_option
def test_it_is_as_in_double_precision_on_the_cpu(options, weights, dtype, memory_format):
    ours, exact = BatchNorm2d(4, **options).cuda(), BatchNorm2d(4, **options).double()
    given = [] if weights is None else [weights]

    for seed in range(3):
        x, dy = batch(seed, dtype)
        on_gpu = [each.cuda().contiguous(memory_format=memory_format) for each in (x, dy)]
        found = step(ours, *on_gpu, *(each.cuda() for each in given))
        expected = step(exact, x.double(), dy.double(), *given)
        assert found[0].dtype == found[1].dtype == dtype
        assert found[0].is_contiguous(memory_format=memory_format)
        for one, two in zip(found, expected, strict=True):
            assert_close(one, two, TOLERANCE[dtype])

    for one, two in zip(ours.buffers(), exact.buffers(), strict=True):
        assert_close(one, two.double(), 1e-5)
    x, _ = batch(9, dtype)
    assert_close(ours.eval()(x.cuda()), exact.eval()(x.double()), TOLERANCE[dtype])


@every_weight
@every_option
def test_nothing_waits_for_the_device(options, weights):
    layer = BatchNorm2d(4, **options).cuda()
    given = [] if weights is None else [weights.cuda()]
    x, dy = (each.cuda() for each in batch(0, torch.float32))
    step(layer, x, dy, *given)  # the first time libraries are loaded, which may wait

    torch.cuda.set_sync_debug_mode("error")
    try:
        step(layer, x, dy, *given)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@every_option
def test_a_checkpoint_moves_the_statistics_once(options):
    layer, other = (BatchNorm2d(4, **options).cuda() for _ in range(2))
    x, dy = (each.cuda() for each in batch(0, torch.float32))

    found = step(layer, x, dy)
    again = x.detach().requires_grad_()
    checkpoint(other, again, use_reentrant=False).backward(dy)

    torch.testing.assert_close(again.grad, found[1], rtol=1e-4, atol=1e-5)
    for one, two in zip(other.buffers(), layer.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_a_model_that_is_moved_keeps_what_it_has():
    model = nn.Sequential(BatchNorm2d(4, renorm=True, domain_statistics=2))
    model(batch(0, torch.float32)[0])
    before = [each.clone() for each in model.buffers()]

    model.cuda()

    assert {each.device.type for each in model.buffers()} == {"cuda"}
    model.cpu()
    assert all(map(torch.equal, model.buffers(), before))
