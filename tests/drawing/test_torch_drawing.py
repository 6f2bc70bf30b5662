"""A live PyTorch model drawn: the calls that were made, shapes, health, and what is not used; nothing of it changed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import steadynorm
from steadynorm.drawing.drawing import SHARED, Drawing, Item


class Block(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    """A stem, two blocks and a head; the mistakes are made one by one."""

    def __init__(self, shared: bool = False, unused: bool = False, dead: bool = False, cut: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3)
        norms = [nn.BatchNorm2d(4) for _ in range(2)]
        self.blocks = nn.Sequential(Block(norms[0]), Block(norms[0] if shared else norms[1]))
        self.head = nn.Linear(4, 10)
        self.dead, self.cut = dead, cut
        if unused:
            self.scale = nn.Parameter(torch.ones(4))
            self.auxiliary = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.cut:
            x = x.detach()
        x = self.blocks(x)
        if self.dead:
            x.sigmoid()
        return self.head(x.mean((2, 3)))


def batches(count: int = 3) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(16, 1, 8, 8, generator=generator), torch.randint(10, (16,), generator=generator))
        for _ in range(count)
    ]


def fitted(model: nn.Module) -> nn.Module:
    """With statistics that fit the data."""
    model.train()
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = None
        for x, _ in batches():
            model(x)
    return model.eval()


def drawn(model: nn.Module, **given: Any) -> Drawing:
    return steadynorm.draw(model, batches(), progress=False, **given).drawing


def by_name(drawing: Drawing) -> dict[str, Item]:
    return {item.name: item for item in drawing.items}


def made(**mistakes: bool) -> Drawing:
    torch.manual_seed(0)
    return drawn(fitted(Net(**mistakes)))


def test_calls_are_drawn_in_their_modules_with_shapes() -> None:
    drawing = made()
    items = drawing.items
    edges = {(items[one].name, items[other].name): shape for one, other, shape, _ in drawing.edges}

    assert edges == {
        ("input input", "stem"): "16×1×8×8",
        ("stem", "blocks/0/conv"): "16×4×6×6",
        ("blocks/0/conv", "blocks/0/norm"): "16×4×6×6",
        ("blocks/0/norm", "blocks/0/relu"): "16×4×6×6",
        ("stem", "blocks/0/add"): "16×4×6×6",
        ("blocks/0/relu", "blocks/0/add"): "16×4×6×6",
        ("blocks/0/add", "blocks/1/conv"): "16×4×6×6",
        ("blocks/1/conv", "blocks/1/norm"): "16×4×6×6",
        ("blocks/1/norm", "blocks/1/relu"): "16×4×6×6",
        ("blocks/0/add", "blocks/1/add"): "16×4×6×6",
        ("blocks/1/relu", "blocks/1/add"): "16×4×6×6",
        ("blocks/1/add", "mean"): "16×4×6×6",
        ("mean", "head"): "16×4",
        ("head", "output"): "16×10",
    }
    assert by_name(drawing)["blocks/0/conv"].op == "Conv2d"
    assert [(items[at].layer, items[at].health) for at in drawing.sites] == [
        ("blocks.0.norm", "healthy"),
        ("blocks.1.norm", "healthy"),
    ]
    assert {item.note for item in items} == {""}


def test_uses_of_the_same_statistics_are_joined() -> None:
    drawing = made(shared=True)
    joined = [
        (drawing.items[one].name, drawing.items[other].name) for one, other, _, kind in drawing.edges if kind & SHARED
    ]

    assert joined == [("blocks/0/norm", "blocks/1/norm")]
    assert not any(kind & SHARED for *_, kind in made().edges)


def test_calls_of_one_module_are_numbered() -> None:
    """A picture names nodes by what they are called, and two of one name cannot be told apart."""

    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.other = nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.BatchNorm2d(1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.norm(self.conv(torch.relu(self.norm(self.conv(self.other(x)))))))

    found = steadynorm.draw(fitted(Repeated()), batches(), progress=False)

    assert [(item.label, item.call) for item in found.drawing.items if item.op != "relu"] == [
        ("input", 0),
        ("other", 0),
        ("conv", 0),
        ("norm", 0),
        ("conv, call 2", 0),
        ("norm, call 2", 2),
        ("output", 0),
    ]
    assert [item.label for item in found.drawing.items if item.op == "relu"] == ["relu", "relu"]  # operations
    assert {name: found.to_svg().count(f">{name}</text>") for name in ("norm", "norm, call 2", "other")} == {
        "norm": 1,
        "norm, call 2": 1,
        "other": 1,
    }


@pytest.mark.parametrize("broken", [False, True])
def test_layer_with_a_damaged_statistic_is_an_error(broken: bool) -> None:
    torch.manual_seed(0)
    model = fitted(Net())
    if broken:
        model.blocks[1].norm.running_var[2] = torch.nan
    found = steadynorm.draw(model, batches(), progress=False)
    items = by_name(found.drawing)

    assert items["blocks/0/norm"].health == "healthy"
    assert items["blocks/1/norm"].health == ("error" if broken else "healthy")
    assert ("SN701" in items["blocks/1/norm"].codes) is broken


def test_what_is_not_used_is_marked() -> None:
    items = by_name(made(unused=True, dead=True))

    assert {name: item.note for name, item in items.items() if item.note} == {
        "scale": "no gradient: nothing reads it",
        "auxiliary/0": "never called",
        "auxiliary/1": "never called",
        "sigmoid": "nothing reads it",
    }
    assert (items["auxiliary/1"].layer, items["auxiliary/1"].health) == ("auxiliary.1", "unknown")
    assert items["scale"].shape == "4"


def test_weights_behind_a_cut_have_no_gradient() -> None:
    items = by_name(made(cut=True))

    assert {name: item.note for name, item in items.items() if item.note} == {"stem": "no gradient to weight and bias"}


def test_a_model_that_is_drawn_is_not_said_to_have_no_graph() -> None:
    found = steadynorm.draw(fitted(Net()), batches(), progress=False)

    (reason,) = {each.reason for each in found.report.not_assessed if each.code in ("SN207", "SN209", "SN504")}
    assert reason.startswith("an export tells it (MetaGraph, SavedModel, ONNX, .pt2)")


def test_pass_without_gradients_says_nothing_about_them() -> None:
    torch.manual_seed(0)

    @torch.no_grad()
    def forward(model: nn.Module, batch: Any) -> Tensor:
        return model(batch[0])

    assert {item.note for item in drawn(fitted(Net()), forward=forward).items} == {""}


def test_names_of_a_mapping_are_those_of_the_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.norm(left) + right

    data = [{"left": torch.rand(8, 3), "right": torch.rand(8, 3), "labels": torch.zeros(8)}]
    items = steadynorm.draw(Two(), data, progress=False).drawing.items

    assert [item.label for item in items if item.kind == "input"] == ["left", "right"]


def test_model_without_layers_is_drawn_all_the_same() -> None:
    found = steadynorm.draw(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), batches(), progress=False)

    assert [item.name for item in found.drawing.items] == ["input input", "0", "1", "output"]
    assert "nothing to check" in found.verdict


def refusing(model: nn.Module, batch: Any) -> Tensor:
    model(batch[0])
    torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    if torch.is_grad_enabled():
        raise RuntimeError("stop")
    return model(batch[0])


@pytest.mark.parametrize("forward", [None, refusing], ids=["drawn", "raised"])
def test_nothing_of_the_users_is_changed(forward: Callable[..., Any] | None) -> None:
    torch.manual_seed(0)
    model = Net(unused=True).train()
    model.head(torch.rand(2, 4)).sum().backward()
    data = batches()
    before = copy.deepcopy(model.state_dict())
    gradients = {name: None if each.grad is None else each.grad.clone() for name, each in model.named_parameters()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    inputs = copy.deepcopy(data)

    if forward is None:
        steadynorm.draw(model, data, progress=False)
    else:
        with pytest.raises(steadynorm.UnusableInputError, match=r"while its operations are recorded.*stop"):
            steadynorm.draw(model, data, forward=forward, progress=False)

    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    for name, each in model.named_parameters():
        kept = gradients[name]
        assert (each.grad is None) == (kept is None)
        assert kept is None or torch.equal(each.grad, kept)
    assert all(
        module.training and not module._forward_hooks and not module._forward_pre_hooks for module in model.modules()
    )
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # noqa: NPY002
    assert all(torch.equal(one[0], other[0]) for one, other in zip(data, inputs, strict=True))
