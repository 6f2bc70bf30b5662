"""Whole networks without their normalization layers, for inference."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from steadynorm.torch import fold


class Residual(nn.Module):
    """A block of a residual network: the shortcut is another convolution where the shape changes."""

    def __init__(self, width, out, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu_()
        return (self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x))).relu_()


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(Residual(8, 8), Residual(8, 8))
        self.layer2 = nn.Sequential(Residual(8, 16, 2))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())).mean((2, 3)))


def test_a_residual_network_loses_all_of_them_and_keeps_its_names(trained, norms):
    model = trained(ResNet(), 4, 3, 12, 12)
    expected, x = copy.deepcopy(model).eval(), torch.randn(2, 3, 12, 12)

    folding = fold(model, torch.randn(4, 3, 12, 12))

    torch.testing.assert_close(folding.model(x), expected(x), rtol=1e-5, atol=1e-5)
    assert folding.folded["layer2.0.downsample.1"] == ("layer2.0.downsample.0",)
    assert folding.folded["layer1.1.bn2"] == ("layer1.1.conv2",)
    assert len(folding.folded) == 8
    assert not norms(folding.model)
    assert folding.followed == "symbolically"
    assert 0 <= folding.difference <= 1e-5
    assert type(folding.model) is ResNet
    assert set(folding.model.state_dict()) == {
        name.replace("weight", part)
        for name in model.state_dict()
        for part in ("weight", "bias")
        if ("conv" in name or "downsample.0" in name or "fc" in name) and name.endswith("weight")
    }
    assert "Folded 8 of 8 normalization layers, followed symbolically" in str(folding)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_the_result_can_be_copied(copied, trained):
    x = torch.randn(4, 3, 12, 12)
    model = fold(trained(ResNet(), 4, 3, 12, 12), x).model

    assert torch.equal(copied(model)(x), model(x))


def test_the_result_can_be_exported_and_trained(trained):
    x = torch.randn(4, 3, 12, 12)
    model = fold(trained(ResNet(), 4, 3, 12, 12), x).model

    exported = torch.export.export(model, (x,)).module()

    torch.testing.assert_close(exported(x), model(x))
    model(x).sum().backward()
    assert all(each.grad is not None for each in model.parameters())


class Dense(nn.Module):
    """A block of DenseNet: normalized and activated before each convolution."""

    def __init__(self):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3, padding=1)
        self.norm3, self.relu = nn.BatchNorm2d(5), nn.ReLU()

    def forward(self, x):
        new = self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())
        return self.relu(self.norm3(torch.cat([x, new], 1)))


def test_of_a_dense_block_what_stands_apart_is_said(trained):
    model = trained(nn.Sequential(Dense()), 4, 3, 6, 6).eval()
    x = torch.randn(4, 3, 6, 6)

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-5, atol=1e-5)
    assert folding.folded == {"0.norm2": ("0.conv1",)}
    assert folding.left == {
        "0.norm1": "its input comes from the model's input; its output goes to relu in '0'",
        "0.norm3": "its input comes from cat in '0'; its output goes to '0.relu' (ReLU)",
    }
    assert "left 0.norm3: its input comes from cat" in str(folding)


@pytest.mark.parametrize(("kind", "bound"), [(torch.float16, 0.02), (torch.bfloat16, 0.15)])
def test_half_precision_is_folded_in_full(kind, bound, trained):
    exact = trained(ResNet(), 4, 3, 12, 12).eval()
    model, x = copy.deepcopy(exact).to(kind), torch.randn(4, 3, 12, 12)

    folding = fold(model, x.to(kind))

    assert len(folding.folded) == 8
    assert {each.dtype for each in folding.model.parameters()} == {kind}
    y = exact(x)
    assert (folding.model(x.to(kind)) - y).abs().max() <= bound * y.abs().max()


def test_a_tolerance_that_nothing_meets_leaves_all(trained):
    model, x = trained(ResNet(), 4, 3, 12, 12).eval(), torch.randn(4, 3, 12, 12)

    folding = fold(model, x, tolerance=0.0)

    assert len(folding.left) > 0
    assert folding.difference == 0.0
    torch.testing.assert_close(folding.model(x), model(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    "example",
    [
        (torch.randn(4, 3, 6, 6), torch.randn(4, 3, 6, 6)),
        {"x": torch.randn(4, 3, 6, 6), "z": torch.randn(4, 3, 6, 6), "fine": True},
        {"x": torch.randn(4, 3, 6, 6), "z": None},
        (torch.randn(4, 3, 6, 6),),
    ],
    ids=["tuple", "dict", "none", "one"],
)
def test_examples_of_several_arguments(example):
    class Several(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x, z=None, fine=False):
            y = self.bn(self.conv(x))
            y = y if z is None else y + z
            return {"y": y * 2 if fine else y}

    folding = fold(Several(), example)

    assert folding.folded == {"bn": ("conv",)}
    assert folding.followed == "symbolically"


def test_wrappers_are_left_off(trained):
    model = trained(ResNet(), 4, 3, 12, 12)

    folding = fold(torch.compile(nn.DataParallel(model), backend="eager"), torch.randn(4, 3, 12, 12))

    assert type(folding.model) is ResNet
    assert len(folding.folded) == 8


def test_layers_inside_of_torchs_own_modules_are_theirs(trained):
    inner = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = trained(nn.Sequential(inner, nn.Flatten(), nn.Linear(24, 4), nn.BatchNorm1d(4)), 5, 3, 8)

    folding = fold(model, torch.randn(5, 3, 8))

    assert folding.folded == {"3": ("2",)}
    assert folding.followed == "symbolically"
