"""The layers under torch.func, forward-mode derivatives and torch.export, whose programs may be trained on."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from steadynorm.torch import BatchNorm1d, BatchNorm2d

# What PyTorch's own transformations do that PyTorch calls deprecated, and what it does one batch after the other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning"),
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
SAMPLES = torch.tensor([0.0, 0.0, 1.0, 2.0, 0.5, 1.0], dtype=torch.float64)
every_option = pytest.mark.parametrize("name", OPTIONS)
every_weight = pytest.mark.parametrize("weights", [(), (SAMPLES,)], ids=["equal", "weighted"])


def layer(name, **more):
    return BatchNorm1d(3, dtype=torch.float64, **OPTIONS[name], **more)


def batch(seed=0, *before):
    return torch.randn(*before, 6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1


def moved(each):
    """A layer after a step, so that what renorm measures against differs from the batch."""
    each(batch(9))
    return each


def called(each, parameters, buffers, *inputs):
    """The layer as a function, with copies of its statistics, which it may move."""
    own = {name: buffer.clone() for name, buffer in buffers.items()}
    return torch.func.functional_call(each, (parameters, own), inputs)


@every_option
@every_weight
def test_functional_gradients_are_those_of_a_backward_pass(name, weights):
    ours = moved(layer(name))
    parameters, buffers = dict(ours.named_parameters()), dict(ours.named_buffers())
    before = {key: each.clone() for key, each in buffers.items()}

    def loss(parameters, x):
        return called(ours, parameters, buffers, x, *weights).pow(3).sum()

    found, dx = torch.func.grad(loss, argnums=(0, 1))(parameters, batch())

    for key, each in ours.named_buffers():
        assert torch.equal(each, before[key])
    x = batch().requires_grad_()
    ours(x, *weights).pow(3).sum().backward()
    torch.testing.assert_close(dx, x.grad)
    torch.testing.assert_close(found["weight"], ours.weight.grad)
    torch.testing.assert_close(found["bias"], ours.bias.grad)


@every_option
@every_weight
def test_forward_mode_is_the_transpose_of_backward_mode(name, weights):
    ours, x = moved(layer(name)), batch().requires_grad_()
    other = copy.deepcopy(ours)
    direction, dy = batch(1), batch(2)

    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(ours(forward_ad.make_dual(x.detach(), direction), *weights)).tangent
    other(x, *weights).backward(dy)

    torch.testing.assert_close((tangent * dy).sum(), (direction * x.grad).sum())
    for one, two in zip(ours.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(one, two)


@every_option
def test_jacobians_are_those_of_torchs_own_layer_where_it_has_one(name):
    def jacobian(each):
        parameters, buffers = dict(each.named_parameters()), dict(each.named_buffers())
        return torch.func.jacrev(lambda x: called(each, parameters, buffers, x))(batch())

    ours = moved(layer(name))
    found = jacobian(ours)
    if name in ("plain", "debias", "cumulative", "skip"):
        torch.testing.assert_close(found, jacobian(nn.BatchNorm1d(3, dtype=torch.float64)))
    torch.testing.assert_close(found, torch.autograd.functional.jacobian(ours, batch()))


@every_option
@every_weight
def test_an_ensemble_is_as_its_members(name, weights):
    members, x = [moved(layer(name)) for _ in range(2)], batch(3, 2)
    parameters, buffers = torch.func.stack_module_state(members)
    base = copy.deepcopy(members[0]).to("meta")

    def call(parameters, buffers, x):
        return torch.func.functional_call(base, (parameters, buffers), (x, *weights))

    found = torch.func.vmap(call)(parameters, buffers, x)

    for index, member in enumerate(members):
        torch.testing.assert_close(found[index], member(x[index], *weights))
        for key, buffer in member.named_buffers():
            torch.testing.assert_close(buffers[key][index], buffer, msg=key)


@every_option
def test_batches_of_which_each_would_move_the_same_statistics_are_refused(name):
    ours, x = layer(name), batch(3, 2)
    before = [each.clone() for each in ours.buffers()]

    with pytest.raises(ValueError, match=r"would move the same running statistics; expected .*stack_module_state"):
        torch.func.vmap(ours)(x)

    assert all(map(torch.equal, ours.buffers(), before))
    torch.testing.assert_close(torch.func.vmap(ours.eval())(x), torch.stack([ours(each) for each in x]))


class Called(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.norm = BatchNorm2d(3, **options)

    def forward(self, x, weight=None):
        return self.norm(x, weight)


@pytest.mark.parametrize("weight", [None, (), (4, 5)], ids=["equal", "samples", "positions"])
@every_option
def test_an_exported_program_is_trained_as_the_layer(name, weight):
    rng = torch.Generator().manual_seed(0)

    def inputs(samples):
        x = torch.randn(samples, 3, 4, 5, generator=rng) + 1
        return (x,) if weight is None else (x, torch.rand(samples, *weight, generator=rng))

    model = Called(OPTIONS[name])
    own = copy.deepcopy(model)  # the program shares its statistics, whatever they are
    before = [each.clone() for each in own.buffers()]
    samples = 2 * torch.export.Dim("half", min=2) if "virtual" in name else torch.export.Dim("samples", min=2)
    given = inputs(8)
    shapes = [{0: samples} for _ in given] + [None] * (2 - len(given))
    program = torch.export.export(own, (*given, None)[:2], dynamic_shapes=tuple(shapes), strict=False)
    assert all(map(torch.equal, own.buffers(), before))
    assert not [node for node in program.graph.nodes if "steadynorm" in str(node.target)]  # it runs without us
    exported = program.module()

    for samples in (8, 6):
        given = inputs(samples)
        found, expected = (step(each, given) for each in (exported, model))
        for one, two in zip(found, expected, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
    trained = dict(exported.named_buffers())
    for key, buffer in model.named_buffers():
        torch.testing.assert_close(trained[key], buffer, msg=key)


def step(module, given):
    """Output, and the gradients of the input and the parameters."""
    x, *weight = given
    x = x.clone().requires_grad_()
    y = module(x, *(weight or [None]))
    parameters = dict(module.named_parameters())
    return y, *torch.autograd.grad(y.pow(3).sum(), [x, parameters["norm.weight"], parameters["norm.bias"]])
