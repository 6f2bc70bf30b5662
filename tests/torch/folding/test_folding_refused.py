"""Which normalization layers stay where they are when a model is folded, and what is said of them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.torch import BatchNorm2d, fold


class Calls(nn.Module):
    """A few layers and a function that calls them."""

    def __init__(self, calls, norm=None):
        super().__init__()
        self.conv, self.other = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.bn, self.calls = nn.BatchNorm2d(3) if norm is None else norm, calls

    def forward(self, x):
        return self.calls(self, x)


def by_function(m, x):
    return functional.batch_norm(m.conv(x), m.bn.running_mean, m.bn.running_var)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (lambda m, x: m.bn(y := m.conv(x)) + y, "its input, the output of 'conv', also goes to add"),
        (lambda m, x: (m.bn(y := m.conv(x)), y), "its input, the output of 'conv', also goes to the model's output"),
        (lambda m, x: m.bn(m.other(m.conv(x)).relu()), "its input comes from relu; its output goes to the model's out"),
        (lambda m, x: m.bn(m.conv(x)) + m.other(m.conv(x)), "'conv' is called several times, and not always with it"),
        (lambda m, x: m.bn(m.conv(m.conv(x))), "'conv' is called several times, and not always with it"),
        (lambda m, x: m.bn(m.conv(x)) + m.bn(x), "its input comes from the model's input"),
        (lambda m, x: m.bn(m.conv(x)) * m.conv.weight.sum(), "the weight or bias of 'conv' is also read by sum"),
        (lambda m, x: m.bn(m.conv(x)) * m.bn.weight.sum(), "its own tensors are also read by sum"),
        (lambda m, x: m.bn(functional.conv2d(x, m.other.weight)), "its input comes from conv2d"),
        (lambda m, x: m.conv(x), "the example does not reach it"),
        (lambda m, x: m.conv(m.bn(x)) + m.conv(x), "'conv' is called several times, and not always with it"),
        (lambda m, x: m.conv(y := m.bn(x)) + m.other(y), "its output goes to 'conv' and 'other'"),
    ],
)
@pytest.mark.parametrize("symbolic", [True, False])
def test_what_is_used_elsewhere_too_stays_and_is_said(calls, words, symbolic, trained):
    def asking(m, x):
        return calls(m, x) if symbolic or len(x) else x

    model = trained(Calls(asking), 4, 3, 6, 6).eval()
    x = torch.randn(4, 3, 6, 6)

    folding = fold(model, x)

    assert words in folding.left["bn"]
    assert folding.followed == ("symbolically" if symbolic else "for inputs like the example")
    torch.testing.assert_close(folding.model(x), model(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("calls", "folded"),
    [
        (lambda m, x: m.bn(m.conv(x)), "conv"),
        (lambda m, x: m.bn(m.conv(m.bn(m.conv(x)).relu())), "conv"),
        (lambda m, x: m.conv(m.bn(x)) + x, "conv"),
        (lambda m, x: m.bn(m.conv(x)) + m.bn(m.other(x)), "conv other"),
        (lambda m, x: m.conv(m.bn(x)) + m.other(m.bn(x)), "conv other"),
        (lambda m, x: m.other(m.bn(y := m.conv(x))) + y, "other"),
        (lambda m, x: m.bn(m.conv(x)) + m.other(x) if x.shape[0] == 4 else x, "conv"),
    ],
)
def test_what_belongs_together_in_every_call_is_folded(calls, folded, trained):
    model = trained(Calls(calls), 4, 3, 6, 6).double().eval()
    x = torch.randn(4, 3, 6, 6).double()

    folding = fold(model, x)

    assert folding.folded == {"bn": tuple(folded.split())}
    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)


def test_what_is_called_as_a_function_stays_and_is_said(trained):
    folding = fold(trained(Calls(by_function), 4, 3, 6, 6), torch.randn(4, 3, 6, 6))

    assert folding.left == {"bn": "the example does not reach it", "batch_norm": "it is called as a function"}


class Special(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x).relu()


class Stubborn(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(True)


def hooked(layer):
    layer.register_forward_hook(lambda module, args, output: output + 1)
    return layer


def own_forward(layer):
    layer.forward = lambda x: x + 1
    return layer


@pytest.mark.parametrize(
    ("norm", "words"),
    [
        (nn.BatchNorm2d(3, track_running_stats=False), "no running statistics and normalizes by the batch"),
        (Special(3), "is a Special, whose own code would be lost"),
        (Stubborn(3), "Stubborn, whose own code"),
        (nn.InstanceNorm2d(3, track_running_stats=True), "is a InstanceNorm2d, whose"),
        (BatchNorm2d(3, domain_statistics=2), "statistics of 2 domains"),
        (hooked(nn.BatchNorm2d(3)), "it has a hook"),
        (own_forward(nn.BatchNorm2d(3)), "it has a forward of its own"),
        (parametrizations.weight_norm(nn.BatchNorm2d(3), dim=None), "it is parametrized"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_layer_that_is_no_fixed_map_stays_and_is_said(norm, words):
    model = Calls(lambda m, x: m.bn(m.conv(x)), norm)
    x = torch.randn(4, 3, 6, 6)

    folding = fold(model, x)

    assert words in folding.left["bn"]
    torch.testing.assert_close(folding.model(x), copy.deepcopy(model).eval()(x), rtol=0, atol=0)


class Standardized(nn.Conv2d):
    def forward(self, x):
        return functional.conv2d(x, self.weight - self.weight.mean(), self.bias)


@pytest.mark.parametrize(
    ("conv", "words"),
    [
        (Standardized(3, 3, 1), "'0' is a Standardized, whose own code would be lost"),
        (hooked(nn.Conv2d(3, 3, 1)), "'0' has a hook"),
        (own_forward(nn.Conv2d(3, 3, 1)), "'0' has a forward of its own"),
        (parametrizations.weight_norm(nn.Conv2d(3, 3, 1)), "'0' is parametrized: remove_parametrizations"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_convolution_that_does_more_takes_nothing_up(conv, words, norms):
    model = nn.Sequential(conv, nn.BatchNorm2d(3))

    folding = fold(model, torch.randn(4, 3, 6, 6))

    assert words in folding.left["1"]
    assert norms(folding.model)


def test_a_layer_in_a_plain_list_stays_and_is_said():
    held = [nn.BatchNorm2d(3).eval()]
    model = Calls(lambda m, x: m.bn(m.other(x)))
    model.held = held

    folding = fold(model, torch.randn(4, 3, 6, 6))

    assert folding.folded == {"bn": ("other",)}
    assert folding.left == {"held[0]": "it stands in no attribute of a module"}


def test_a_model_that_looks_at_its_layer_keeps_it(trained):
    def looking(m, x):
        return m.bn(m.conv(x)) * m.bn.num_features

    folding = fold(trained(Calls(looking), 4, 3, 6, 6), torch.randn(4, 3, 6, 6))

    assert "with it in 'conv' the model refuses an example" in folding.left["bn"]
    assert "num_features" in folding.left["bn"]


def test_noise_in_inference_is_the_same_for_both(trained):
    model = Calls(lambda m, x: functional.dropout(m.bn(m.conv(x)), 0.5, True))

    folding = fold(trained(model, 4, 3, 6, 6), torch.randn(4, 3, 6, 6))

    assert folding.folded == {"bn": ("conv",)}


def contents(model):
    tensors = [(each, each.detach().clone()) for each in (*model.parameters(), *model.buffers())]
    plain = [
        {name: value for name, value in vars(m).items() if name[0] != "_" or "hooks" in name} for m in model.modules()
    ]
    return [type(m) for m in model.modules()], tensors, copy.copy(plain)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_the_example_and_the_random_state_stay(fails):
    def calls(m, x):
        x.add_(torch.rand(()))
        if fails:
            raise KeyError
        return m.bn(m.conv(x))

    model, x = Calls(calls), torch.randn(4, 3, 6, 6)
    before, expected, state = contents(model), x.clone(), torch.get_rng_state()

    if fails:
        with pytest.raises(UnusableInputError, match=r"the model refuses an example of .* KeyError"):
            fold(model, x)
    else:
        fold(model, x)

    types, tensors, plain = contents(model)
    assert types == before[0]
    assert plain == before[2]
    assert all(
        one is other and torch.equal(one, old) for (one, _), (other, old) in zip(tensors, before[1], strict=True)
    )
    assert torch.equal(x, expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(each.training for each in model.modules())


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (nn.Linear(3, 3), NoNormalizationLayersError, "Linear.*nothing to fold"),
        (nn.Sequential(nn.LazyLinear(3), nn.BatchNorm1d(3)), UnusableInputError, "'0.weight'.* run a batch first"),
        (nn.Sequential(nn.Linear(3, 3, device="meta"), nn.BatchNorm1d(3)), UnusableInputError, "'0.weight'.* meta"),
        (
            nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)),
            UnusableInputError,
            r"refuses an example of \(5, 3\) float",
        ),
    ],
    ids=["none", "lazy", "meta", "refused"],
)
def test_what_cannot_be_folded_is_refused(model, error, words):
    with pytest.raises(error, match=words):
        fold(model, torch.randn(5, 3))


def test_a_model_that_nobody_can_follow_is_refused():
    def asking(m, x):
        return m.bn(m.conv(x)) if float(x.sum()) > 0 else m.bn(x)

    with pytest.raises(UnusableInputError, match=r"neither torch.fx nor torch.export can follow .*\(Calls\)"):
        fold(Calls(asking), torch.randn(4, 3, 6, 6))
