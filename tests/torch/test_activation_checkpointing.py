"""Layers in a checkpointed part of a model, whose forward pass runs again in the backward pass."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from steadynorm.torch import BatchNorm1d, convert, revert

OPTIONS = [
    {},
    {"renorm": True, "renorm_momentum": 0.5},
    {"virtual_batch_size": 4},
    {"virtual_batch_size": 4, "renorm": True},
    {"debias": True},
    {"momentum": None},
    {"skip_nonfinite": True},
    {"track_running_stats": False},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "plain")
every_kind = pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "saved"])
torchs_own_warnings = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning",
    "ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning",
)
every_weight = pytest.mark.parametrize("weight", [None, torch.tensor([0.0] * 4 + [1.0, 2.0, 0.5, 1.0])])


class Part(nn.Module):
    """A layer that is called twice in the part that is run again."""

    def __init__(self, options):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(3, 3), nn.Linear(3, 3), BatchNorm1d(3, **options)

    def forward(self, x, weight=None):
        given = () if weight is None else (weight,)  # torch.nn's layer takes none
        return self.norm(self.second(self.norm(self.first(x), *given).relu()), *given)


def step(part, inputs, weight, run):
    part.zero_grad()
    inputs = [x.clone().requires_grad_() for x in inputs]
    sum(run(part, x, weight).pow(3).sum() for x in inputs).backward()
    return [x.grad for x in inputs] + [each.grad for each in part.parameters()]


@every_option
@every_kind
@every_weight
def test_it_is_as_without_a_checkpoint(options, reentrant, weight):
    torch.manual_seed(0)
    one = Part(options)
    other = copy.deepcopy(one)

    for _ in range(3):
        inputs = [torch.randn(8, 3) + 1 for _ in range(2)]  # both forward passes come before both backward passes
        expected = step(one, inputs, weight, lambda part, *x: part(*x))
        found = step(other, inputs, weight, lambda part, *x: checkpoint(part, *x, use_reentrant=reentrant))
        for first, second in zip(found, expected, strict=True):
            torch.testing.assert_close(first, second)

    for (name, first), (_, second) in zip(other.named_buffers(), one.named_buffers(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0, msg=name)
    if other.norm.running_mean is not None:
        assert other.norm.num_batches_tracked == 12


@every_kind
def test_torchs_own_layer_moves_twice(reentrant):
    part = revert(Part({}))

    step(part, [torch.randn(8, 3)], None, lambda part, x, _: checkpoint(part, x, use_reentrant=reentrant))

    assert part.norm.num_batches_tracked == 4
    step(convert(part), [torch.randn(8, 3)], None, lambda part, x, _: checkpoint(part, x, use_reentrant=reentrant))
    assert part.norm.num_batches_tracked == 6


@every_kind
def test_a_graph_that_is_kept_may_be_gone_through_twice(reentrant):
    part, x = Part({"renorm": True}), torch.randn(8, 3, requires_grad=True)
    y = checkpoint(part, x, use_reentrant=reentrant).pow(2).sum()

    y.backward(retain_graph=True)
    first, x.grad = x.grad, None
    y.backward()

    torch.testing.assert_close(x.grad, first)
    assert part.norm.num_batches_tracked == 2


def test_a_pass_that_is_none_again_is_refused():
    layer, x = BatchNorm1d(3, renorm=True), torch.randn(8, 3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda gradient: gradient + layer(torch.randn(8, 3)).detach())
    before = [each.clone() for each in layer.buffers()]

    with pytest.raises(RuntimeError, match="a batch that it has not seen"):
        y.sum().backward()
    assert all(torch.equal(one, other) for one, other in zip(layer.buffers(), before, strict=True))


def test_what_was_remembered_stays_out_of_copies_and_goes_with_the_options():
    part, x = Part({"renorm": True}), torch.randn(8, 3, requires_grad=True)
    checkpoint(part, x, use_reentrant=False)

    assert part.norm._passes
    assert not copy.deepcopy(part).norm._passes
    assert vars(revert(part).norm).keys() == vars(nn.BatchNorm1d(3)).keys()


def test_without_a_checkpoint_nothing_is_remembered():
    part = Part({"renorm": True})

    part(torch.randn(8, 3)).sum().backward()

    assert part.norm._passes is None


def gradients(part, run, x, *weight):
    part.zero_grad()
    for _ in range(2):
        run(x, *weight).pow(3).sum().backward()
    return [each.grad for each in part.parameters()]


@torchs_own_warnings
@pytest.mark.parametrize(
    ("options", "weight"), [({"renorm": True}, []), ({}, [torch.ones(8)])], ids=["renorm", "weights"]
)
@every_kind
def test_compiled_what_would_read_moved_averages_is_refused(options, weight, reentrant):
    torch.compiler.reset()
    part, x = Part(options), torch.randn(8, 3, requires_grad=True)
    other, before = copy.deepcopy(part), [each.clone() for each in part.buffers()]

    def run(x, *weight):
        return checkpoint(part, x, *weight, use_reentrant=reentrant)

    with pytest.raises(Exception, match=r"leave it out of the checkpoint, or .*torch\.compiler\.disable"):
        torch.compile(run, backend="aot_eager")(x, *weight)
    assert all(torch.equal(one, old) for one, old in zip(part.buffers(), before, strict=True))

    torch.compiler.reset()
    part.norm.forward = torch.compiler.disable(part.norm.forward)
    found = gradients(part, torch.compile(run, backend="aot_eager"), x, *weight)
    for one, expected in zip(found, gradients(other, other, x, *weight), strict=True):
        torch.testing.assert_close(one, expected)


@torchs_own_warnings
@pytest.mark.parametrize("options", [{}, {"debias": True}, {"virtual_batch_size": 4}, {"momentum": None}], ids=str)
def test_compiled_what_reads_no_averages_is_as_without_a_checkpoint(options):
    torch.compiler.reset()
    # In float64: compiled or not, it is other operations, and the gradient of a bias before the layer is rounding.
    part, x = Part(options).double(), torch.randn(8, 3, requires_grad=True, dtype=torch.float64)
    other = copy.deepcopy(part)

    compiled = torch.compile(lambda x: checkpoint(part, x, use_reentrant=False), backend="aot_eager")
    for one, expected in zip(gradients(part, compiled, x), gradients(other, other, x), strict=True):
        torch.testing.assert_close(one, expected)
    for one, expected in zip(part.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(one, expected)
