"""Normalization layers merged into their neighbours: the numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from steadynorm.torch import BatchNorm2d, fold

CONVOLUTIONS = [
    (nn.Conv1d, nn.BatchNorm1d, (4, 6, 9)),
    (nn.Conv2d, nn.BatchNorm2d, (4, 6, 9, 8)),
    (nn.Conv3d, nn.BatchNorm3d, (4, 6, 5, 6, 7)),
    (nn.ConvTranspose1d, nn.BatchNorm1d, (4, 6, 9)),
    (nn.ConvTranspose2d, nn.BatchNorm2d, (4, 6, 9, 8)),
    (nn.ConvTranspose3d, nn.BatchNorm3d, (4, 6, 5, 6, 7)),
]
every_convolution = pytest.mark.parametrize(
    ("conv", "norm", "shape"), CONVOLUTIONS, ids=lambda each: getattr(each, "__name__", "")
)


@every_convolution
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_convolution_takes_up_what_follows(conv, norm, shape, groups, bias, affine, trained, norms):
    layers = conv(6, 12, 3, stride=2, padding=1, groups=groups, bias=bias), norm(12, eps=0.1, affine=affine)
    model = trained(nn.Sequential(*layers), *shape).double().eval()
    x, before = torch.randn(shape).double(), copy.deepcopy(model.state_dict())

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)
    assert folding.folded == {"1": ("0",)}
    assert not folding.left
    assert not norms(folding.model)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((nn.BatchNorm1d(6), nn.Conv1d(6, 4, 3, groups=2, stride=2)), (4, 6, 9)),
        ((nn.BatchNorm2d(6), nn.Conv2d(6, 12, 3, groups=6, bias=False)), (4, 6, 9, 8)),
        ((nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, padding=2, padding_mode="reflect")), (4, 6, 9, 8)),
        ((nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, padding="same", padding_mode="circular")), (4, 6, 9, 8)),
        ((nn.BatchNorm2d(6), nn.Conv2d(6, 4, 1, padding="same")), (4, 6, 9, 8)),
        ((nn.BatchNorm3d(6), nn.Conv3d(6, 3, 2, groups=3)), (4, 6, 5, 6, 7)),
        ((nn.BatchNorm2d(6), nn.ConvTranspose2d(6, 12, 1, groups=3)), (4, 6, 9, 8)),
        ((nn.BatchNorm2d(6), nn.ConvTranspose2d(6, 12, 1, padding=1)), (4, 6, 9, 8)),
        ((nn.BatchNorm1d(6), nn.Linear(6, 5)), (8, 6)),
    ],
    ids=str,
)
def test_what_precedes_goes_into_the_layer_after_it(layers, shape, trained):
    model = trained(nn.Sequential(*layers), *shape).double().eval()
    x = torch.randn(shape).double()

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)
    assert folding.folded == {"0": ("1",)}


@pytest.mark.parametrize(
    ("conv", "words"),
    [
        (nn.Conv2d(6, 4, 3, padding=1), "before the zero-padded '1'"),
        (nn.Conv2d(6, 4, 3, padding="same"), "before the zero-padded '1'"),
        (nn.ConvTranspose2d(6, 4, 3), "before the transposed '1'"),
        (nn.ConvTranspose2d(6, 4, 1, stride=2), "before the transposed '1'"),
        (nn.ConvTranspose2d(6, 4, 1, dilation=2, output_padding=1), "before the transposed '1'"),
    ],
    ids=str,
)
def test_what_precedes_zeros_stays(conv, words, trained, norms):
    folding = fold(trained(nn.Sequential(nn.BatchNorm2d(6), conv), 4, 6, 9, 8), torch.randn(4, 6, 9, 8))

    assert words in folding.left["0"]
    assert len(norms(folding.model)) == 1


CHAINS = [
    ([nn.Linear(6, 6), nn.BatchNorm1d(6)], {"1": ("0",)}),
    ([nn.BatchNorm1d(6), nn.Linear(6, 6), nn.BatchNorm1d(6)], {"0": ("1",), "2": ("1",)}),
    ([nn.Linear(6, 6), nn.BatchNorm1d(6), nn.BatchNorm1d(6), nn.ReLU()], {"1": ("0",), "2": ("0",)}),
    ([nn.ReLU(), nn.BatchNorm1d(6), nn.BatchNorm1d(6), nn.Linear(6, 6)], {"1": ("3",), "2": ("3",)}),
    ([nn.Linear(6, 6), nn.Dropout(), nn.Identity(), nn.BatchNorm1d(6)], {"3": ("0",)}),
    ([nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 6)], {"1": ("0",)}),
]


@pytest.mark.parametrize(("layers", "folded"), CHAINS, ids=lambda each: str(each) if isinstance(each, dict) else "")
def test_chains_are_folded_from_the_inside(layers, folded, trained, norms):
    model = trained(nn.Sequential(*layers), 8, 6).double().eval()
    x = torch.randn(8, 6).double()

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)
    assert folding.folded == folded
    assert not norms(folding.model)


@pytest.mark.parametrize(
    "options",
    [
        {"renorm": True},
        {"debias": True},
        {"virtual_batch_size": 2},
        {"momentum": None},
        {"skip_nonfinite": True},
        {"bias": False},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.parametrize("frozen", [False, True])
def test_layers_of_steadynorm_are_folded_whatever_their_options(options, frozen, trained):
    model = trained(nn.Sequential(nn.Conv2d(3, 4, 3), BatchNorm2d(4, **options)), 4, 3, 6, 6)
    if frozen:
        model[1].frozen()
    x = torch.randn(4, 3, 6, 6)

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), copy.deepcopy(model).eval()(x), rtol=1e-5, atol=1e-5)
    assert folding.folded == {"1": ("0",)}
    assert model.training
    assert model[1].is_frozen is frozen


@pytest.mark.parametrize(
    ("layers", "shape"),
    [((nn.Linear(5, 6), nn.BatchNorm1d(6)), (4, 6, 5)), ((nn.Conv1d(3, 6, 1), nn.BatchNorm1d(6)), (3, 6))],
    ids=["linear", "unbatched"],
)
def test_another_axis_than_the_channels_is_not_mistaken_for_them(layers, shape, trained):
    model = trained(nn.Sequential(*layers), *shape)

    folding = fold(model, torch.randn(shape))

    assert "another axis than the channels of '0'" in folding.left["1"]


def test_two_names_of_one_layer_are_both_replaced(trained, norms):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
    model.append(model[0]).append(model[1])
    trained(model, 4, 3, 6, 6).double().eval()
    x = torch.randn(4, 3, 6, 6).double()

    folding = fold(model, x)

    assert folding.folded == {"1": ("0",)}
    assert not norms(folding.model)
    assert folding.model[0] is folding.model[3]
    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)


def test_a_shared_weight_is_folded_in_one_layer_only(trained):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    model[2].weight = model[0].weight
    trained(model, 4, 3, 6, 6).double().eval()
    x = torch.randn(4, 3, 6, 6).double()

    folding = fold(model, x)

    torch.testing.assert_close(folding.model(x), model(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(folding.model[2].weight, model[2].weight)
    assert not torch.equal(folding.model[0].weight, model[0].weight)


def test_what_overflows_is_not_folded():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, eps=1e-14), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    model[0].bias = None
    model[1].running_var.fill_(0)  # a scale of 1e7, for which half precision has no number
    model = model.half().eval()
    x = (torch.randn(4, 3, 6, 6) * 1e-5).half()

    folding = fold(model, x)

    assert set(folding.left) == {"1"}
    assert "with it in '0' the outputs differ by inf" in folding.left["1"]
    assert folding.folded == {"3": ("2",)}
    torch.testing.assert_close(folding.model(x), model(x), rtol=0.02, atol=0.02)
