"""Layers in a compiled part of a model around which activation checkpointing stands: compiled code runs again."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from steadynorm.torch import BatchNorm1d, revert

# What torch.compile itself does that PyTorch calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
every_kind = pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "saved"])

OPTIONS = {
    "plain": {},
    "virtual": {"virtual_batch_size": 4},
    "debias": {"debias": True},
    "cumulative": {"momentum": None},
    "skip": {"skip_nonfinite": True},
    "batch only": {"track_running_stats": False},
    "domains": {"domain_statistics": 2},
}


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


class Part(nn.Module):
    """A layer that is called twice."""

    def __init__(self, options):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(3, 3), nn.Linear(3, 3), BatchNorm1d(3, **options)
        self.double()

    def forward(self, x, *weight):
        return self.norm(self.second(self.norm(self.first(x), *weight).relu()), *weight)


def again(part, reentrant):
    compiled = torch.compile(part, fullgraph=True, backend="aot_eager_decomp_partition")
    return lambda *inputs: checkpoint(compiled, *inputs, use_reentrant=reentrant)


def step(part, run, batches):
    """Gradients of the inputs and the parameters; both forward passes come before both backward passes."""
    part.zero_grad()
    inputs = [x.clone().requires_grad_() for x in batches]
    sum(run(x).pow(3).sum() for x in inputs).backward()
    return [x.grad for x in inputs] + [each.grad for each in part.parameters()]


@pytest.mark.parametrize("name", OPTIONS)
@every_kind
def test_it_is_as_without_both(name, reentrant):
    torch.manual_seed(0)
    one = Part(OPTIONS[name])
    other = copy.deepcopy(one)
    run = again(other, reentrant)

    for _ in range(2):
        batches = [torch.randn(8, 3, dtype=torch.float64) + 1 for _ in range(2)]
        for found, expected in zip(step(other, run, batches), step(one, one, batches), strict=True):
            torch.testing.assert_close(found, expected)

    for (key, found), expected in zip(other.named_buffers(), one.buffers(), strict=True):
        torch.testing.assert_close(found, expected, msg=key)
    if other.norm.running_mean is not None:
        assert other.norm.num_batches_tracked == 8


def test_torchs_own_layer_moves_twice():
    part = revert(Part({}))

    step(part, again(part, reentrant=True), [torch.randn(8, 3, dtype=torch.float64)])

    assert part.norm.num_batches_tracked == 4


@pytest.mark.parametrize(
    ("options", "weight"), [({"renorm": True}, []), ({}, [torch.ones(8)])], ids=["renorm", "weights"]
)
@every_kind
def test_what_would_read_moved_averages_is_refused(options, weight, reentrant):
    torch.manual_seed(0)
    part, x = Part(options), torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    run, other, expected = again(part, reentrant), copy.deepcopy(part), copy.deepcopy(part)

    y = run(x, *weight)
    moved = [each.clone() for each in part.buffers()]
    with pytest.raises(RuntimeError, match=r"leave it out of the checkpoint, or .*torch\.compiler\.disable"):
        y.pow(3).sum().backward()
    assert all(map(torch.equal, part.buffers(), moved))

    torch.compiler.reset()
    other.norm.forward = torch.compiler.disable(other.norm.forward)
    compiled = torch.compile(other, backend="aot_eager")
    found = gradient(checkpoint(compiled, x, *weight, use_reentrant=reentrant), x)
    torch.testing.assert_close(found, gradient(expected(x, *weight), x))
    for one, two in zip(other.buffers(), expected.buffers(), strict=True):
        torch.testing.assert_close(one, two)


def gradient(y, x):
    x.grad = None
    y.pow(3).sum().backward()
    return x.grad


def test_without_a_gradient_each_pass_is_a_first_one():
    """As a user does who has a model see data once more, by hand."""
    part = Part({})
    compiled = torch.compile(part, fullgraph=True, backend="aot_eager_decomp_partition")

    with torch.no_grad():
        for _ in range(3):
            compiled(torch.randn(8, 3, dtype=torch.float64))

    assert part.norm.num_batches_tracked == 6


def test_a_statistic_that_overflows_is_infinite_as_in_torchs_own_layer():
    ours, theirs, x = BatchNorm1d(1, affine=False), nn.BatchNorm1d(1, affine=False), torch.tensor([[3e38], [-3e38]])

    torch.compile(ours, fullgraph=True, backend="aot_eager_decomp_partition")(x)
    theirs(x)

    for found, expected in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(found, expected, equal_nan=True)
