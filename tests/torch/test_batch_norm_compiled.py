"""The layers under torch.compile, in one graph, and under torch.export."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from steadynorm.torch import BatchNorm2d

# What torch.compile itself does that PyTorch calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning"),
]

OPTIONS = {
    "plain": {},
    "renorm": {"renorm": True},
    "virtual": {"virtual_batch_size": 3},
    "virtual renorm": {"virtual_batch_size": 3, "renorm": True, "renorm_momentum": 0.3},
    "debias": {"debias": True},
    "cumulative": {"momentum": None},
    "skip": {"skip_nonfinite": True},
}
SHAPE = (6, 3, 4, 5)


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


def step(model, x, dy, *weights):
    x = x.clone().requires_grad_()
    y = model(x, *weights)
    parameters = [each for each in model.parameters() if each.requires_grad]
    return y, *torch.autograd.grad(y, [x, *parameters], dy)


@pytest.mark.parametrize("weights", [(), (torch.tensor([0.0, 0.0, 0.0, 0.5, 1.0, 2.0]),)], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", OPTIONS)
def test_one_graph_computes_the_same(name, weights):
    layer, other = (BatchNorm2d(3, **OPTIONS[name]) for _ in range(2))
    # The partitioner of the default backend, without its code generation, which takes long.
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager_decomp_partition")
    rng = torch.Generator().manual_seed(0)

    for _ in range(3):
        x, dy = torch.randn(SHAPE, generator=rng) + 1, torch.randn(SHAPE, generator=rng)
        for one, two in zip(step(layer, x, dy, *weights), step(compiled, x, dy, *weights), strict=True):
            torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-5)

    assert layer.num_batches_tracked == other.num_batches_tracked == 3
    for one, two in zip(layer.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(two, one)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", OPTIONS)
def test_an_exported_layer_computes_the_same(name, training):
    torch.manual_seed(0)
    model = nn.Sequential(BatchNorm2d(3, **OPTIONS[name])).train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(SHAPE)
    expected = copy.deepcopy(model)(x)

    exported = torch.export.export(model, (x,)).module()

    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    torch.testing.assert_close(exported(x), expected)
