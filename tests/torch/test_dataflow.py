"""The operations around a normalization layer, as the recorder sees them in one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn

import steadynorm
from steadynorm.evidence import CallSite
from steadynorm.torch.dataflow import Recorder
from steadynorm.torch.layers import normalization_layers

LOSS = nn.CrossEntropyLoss()


class Net(nn.Module):
    """Modules by name, and a forward function that uses them."""

    def __init__(self, forward: Callable[..., Any], **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.bias = nn.Parameter(torch.zeros(4))
        self.function = forward

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def chains(model: nn.Module, x: Tensor) -> dict[Any, CallSite]:
    layers = normalization_layers(model.eval())
    recorder = Recorder(model, layers)
    with torch.no_grad():
        recorder.record(lambda: model(x), layers.items())
    return recorder.chains()


def kinds(operations: Any) -> list[str]:
    return [operation.kind for operation in operations]


X = torch.rand(2, 3, 6, 6)


def conv(bias: bool = False, channels: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, 4, 3, padding=1, bias=bias)


def test_a_chain_of_modules() -> None:
    model = nn.Sequential(
        conv(bias=True), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(144, 10), nn.Sigmoid()
    )
    site = chains(model, X)["1", 0]
    assert kinds(site.before) == ["convolution"]
    assert (site.before[0].name, site.before[0].bias, site.before[0].consumers) == ("0", True, 1)
    assert kinds(site.after) == ["activation", "dropout", "reshape", "linear"]
    assert [operation.name for operation in site.after] == ["2", "3", "4", "5"]


def test_a_convolution_without_bias_has_none() -> None:
    site = chains(nn.Sequential(conv(), nn.BatchNorm2d(4)), X)["1", 0]
    assert not site.before[0].bias
    assert kinds(site.after) == ["output"]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (torch.relu, "activation"),
        (lambda x: nn.functional.relu(x, inplace=True), "activation"),
        (torch.relu_, "activation"),
        (torch.sigmoid, "sigmoid"),
        (lambda x: x.sigmoid_(), "sigmoid"),
        (torch.tanh, "tanh"),
        (lambda x: nn.functional.dropout(x, 0.5, False), "dropout"),
        (lambda x: nn.functional.dropout2d(x, 0.5, False), "dropout"),
        (lambda x: x.softmax(1), "softmax"),
        (lambda x: x.flatten(1), "reshape"),
        (lambda x: x * 2, "other"),
        (lambda x: x.abs(), "other"),
    ],
)
def test_functions_between_two_layers(function: Callable[[Tensor], Tensor], kind: str) -> None:
    norm = nn.BatchNorm1d(144) if kind == "reshape" else nn.BatchNorm2d(4)
    model = Net(
        lambda self, x: self.second(function(self.first(self.conv(x)))),
        conv=conv(),
        first=nn.BatchNorm2d(4),
        second=norm,
    )
    found = chains(model, X)
    assert kinds(found["first", 0].after) == [kind, "normalization"]
    assert kinds(found["second", 0].before) == [kind, "normalization"]
    assert found["second", 0].before[1].name == "first"


def test_an_activation_in_place_does_not_hide_the_convolution() -> None:
    site = chains(nn.Sequential(conv(), nn.ReLU(inplace=True), nn.BatchNorm2d(4)), X)["2", 0]
    assert kinds(site.before) == ["activation", "convolution"]


def test_a_residual_block() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        shortcut = self.stem(x)
        return torch.relu(self.norm(self.conv(shortcut)) + shortcut)

    site = chains(Net(forward, stem=conv(), conv=conv(channels=4), norm=nn.BatchNorm2d(4)), X)["norm", 0]
    assert kinds(site.before) == ["convolution", "convolution"]
    assert [operation.consumers for operation in site.before] == [1, 2]  # the stem also feeds the shortcut
    assert kinds(site.after) == ["add", "activation", "output"]


def test_a_convolution_that_is_read_twice() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x) + x

    site = chains(Net(forward, conv=conv(bias=True), norm=nn.BatchNorm2d(4)), X)["norm", 0]
    assert site.before[0].consumers == 2


def test_a_sum_ends_the_chain_before() -> None:
    model = Net(lambda self, x: self.norm(self.one(x) + self.two(x)), one=conv(), two=conv(), norm=nn.BatchNorm2d(4))
    assert kinds(chains(model, X)["norm", 0].before) == ["add"]


def test_a_concatenation() -> None:
    model = Net(
        lambda self, x: self.norm(torch.cat([self.one(x), self.two(x)], 1)),
        one=conv(),
        two=conv(),
        norm=nn.BatchNorm2d(8),
    )
    assert kinds(chains(model, X)["norm", 0].before) == ["add"]


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1)])
def test_a_bias_added_by_hand(shape: tuple[int, ...]) -> None:
    model = Net(lambda self, x: self.norm(self.conv(x) + self.bias), conv=conv(), norm=nn.BatchNorm2d(4))
    model.bias = nn.Parameter(torch.zeros(shape))
    before = chains(model, X)["norm", 0].before
    assert (before[0].kind, before[0].bias) == ("add", True)


@pytest.mark.parametrize("shape", [(4, 1), (1,), (), (6,), (1, 1, 6, 6)])
def test_what_is_added_is_not_always_a_bias(shape: tuple[int, ...]) -> None:
    model = Net(lambda self, x: self.norm(self.conv(x)), conv=conv(), norm=nn.BatchNorm2d(4))
    model.bias = nn.Parameter(torch.zeros(shape))
    if shape == (4, 1):  # four values over the rows of a 4×4 image are no bias of the four channels
        model.function = lambda self, x: self.norm(self.conv(x)[..., :4, :4] + self.bias)
    else:
        model.function = lambda self, x: self.norm(self.conv(x) + self.bias)
    assert not chains(model, X)["norm", 0].before[0].bias


def test_a_bias_after_a_linear_layer() -> None:
    model = Net(
        lambda self, x: self.norm(self.linear(x.mean((2, 3))) + self.bias),
        linear=nn.Linear(3, 4, bias=False),
        norm=nn.BatchNorm1d(4),
    )
    assert chains(model, X)["norm", 0].before[0].bias


def test_call_sites_are_numbered() -> None:
    model = Net(lambda self, x: self.norm(torch.relu(self.norm(self.conv(x)))), conv=conv(), norm=nn.BatchNorm2d(4))
    found = chains(model, X)
    assert set(found) == {("norm", 0), ("norm", 1)}
    assert kinds(found["norm", 1].before) == ["activation", "normalization"]


def test_a_layer_that_is_called_by_keyword() -> None:
    model = Net(lambda self, x: self.norm(input=self.conv(x)), conv=conv(), norm=nn.BatchNorm2d(4))
    assert kinds(chains(model, X)["norm", 0].before) == ["convolution"]


def test_hooks_are_removed() -> None:
    model = nn.Sequential(conv(), nn.BatchNorm2d(4))
    chains(model, X)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


class Double(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient * 2


def custom_function(self: Any, x: Tensor) -> Tensor:
    return self.head(Double.apply(self.norm(self.conv(x))).flatten(1))


def checkpointed(self: Any, x: Tensor) -> Tensor:
    x = torch.utils.checkpoint.checkpoint(self.norm, self.conv(x), use_reentrant=False)
    return self.head(x.flatten(1))


def scripted(self: Any, x: Tensor) -> Tensor:
    return self.head(self.script(self.norm(self.conv(x))).flatten(1))


def attention(self: Any, x: Tensor) -> Tensor:
    x = self.norm(self.conv(x)).flatten(2).transpose(1, 2)
    x, _ = self.attend(x, x, x)
    return self.head(self.encoder(x).transpose(1, 2).flatten(1))


def mapped(self: Any, x: Tensor) -> Tensor:
    return self.head(torch.vmap(torch.relu)(self.norm(self.conv(x))).flatten(1))


def without_torch(self: Any, x: Tensor) -> Tensor:
    x = self.norm(self.conv(x))
    return self.head(torch.from_numpy(x.detach().numpy().copy()).flatten(1))


def caught(self: Any, x: Tensor) -> Tensor:
    try:
        self.head(x)  # of the wrong shape
    except RuntimeError:
        x = self.norm(self.conv(x))
    return self.head(x.flatten(1))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*enable_nested_tensor.*:UserWarning")
@pytest.mark.parametrize("forward", [custom_function, checkpointed, scripted, attention, mapped, without_torch, caught])
def test_what_the_recorder_cannot_see_does_not_fail(forward: Callable[..., Any], digits: Any) -> None:
    modules: dict[str, nn.Module] = {
        "conv": nn.Conv2d(1, 4, 3),
        "norm": nn.BatchNorm2d(4),
        "head": nn.Linear(144, 10),
    }
    if forward is scripted:
        modules["script"] = torch.jit.script(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()))
    if forward is attention:
        modules["attend"] = nn.MultiheadAttention(4, 2, batch_first=True)
        modules["encoder"] = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2)
    report = steadynorm.diagnose(Net(forward, **modules), digits.train, batches=2, loss=LOSS)
    (site,) = report.evidence.calls or ()
    assert site.layer == "norm"
    assert kinds(site.before) == ["convolution"]


def test_code_that_breaks_under_a_recorder_has_no_chains(digits: Any) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        if torch.overrides.has_torch_function((x,)):
            raise RuntimeError("no modes here")
        return self.head(self.norm(self.conv(x)).flatten(1))

    model = Net(forward, conv=nn.Conv2d(1, 4, 3), norm=nn.BatchNorm2d(4), head=nn.Linear(144, 10))
    report = steadynorm.diagnose(model, digits.train, batches=2, loss=LOSS)
    (site,) = report.evidence.calls or ()
    assert (site.before, site.after) == ((), ())
    assert site.moments
