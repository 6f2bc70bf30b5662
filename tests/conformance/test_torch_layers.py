"""The layers of steadynorm.torch against the reference, in every memory format and by every path through a batch."""

from __future__ import annotations

import pytest
import torch

from steadynorm.torch import BatchNorm1d, BatchNorm2d, BatchNorm3d, blocks

CLASSES = {2: BatchNorm1d, 3: BatchNorm1d, 4: BatchNorm2d, 5: BatchNorm3d}


class TorchLayer:
    def __init__(self, case, arrange):
        dtype = torch.float64 if case.dtype == "float64" else torch.float32
        self.layer = CLASSES[len(case.shape)](case.shape[1], dtype=dtype, **case.torch_options)
        self.arrange = arrange

    def set(self, gamma, beta):
        for parameter, value in ((self.layer.weight, gamma), (self.layer.bias, beta)):
            if parameter is not None:
                parameter.data.copy_(torch.tensor(value))

    def train(self, x, dy, weights):
        self.layer.train().zero_grad()
        x = self.arrange(torch.tensor(x)).requires_grad_()
        y = self.layer(x, None if weights is None else torch.tensor(weights))
        assert y.dtype == x.dtype
        y.backward(self.arrange(torch.tensor(dy)))
        gradients = (None if each is None else each.grad.numpy() for each in (self.layer.weight, self.layer.bias))
        return y.detach().numpy(), x.grad.numpy(), *gradients

    def infer(self, x):
        return self.layer.eval()(self.arrange(torch.tensor(x))).detach().numpy()

    def statistics(self):
        return self.layer.running_mean.numpy(), self.layer.running_var.numpy()


def channels_innermost(x):
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def with_gaps(x):
    if x.dtype == torch.float16:
        return x  # near overflow PyTorch's own kernel gives an infinite gradient where values are not dense
    around = x.new_full((2 * len(x), x.shape[1] + 1, *x.shape[2:]), 7.0)
    around[::2, 1:] = x
    return around[::2, 1:]


PATHS = {
    "channels first": (torch.clone, blocks.BLOCK_BYTES),
    "channels first in blocks": (torch.clone, 128),
    "channels last": (channels_innermost, blocks.BLOCK_BYTES),
    "channels last in blocks": (channels_innermost, 128),
    "with gaps": (with_gaps, blocks.BLOCK_BYTES),
}


@pytest.mark.parametrize("path", PATHS)
def test_as_the_reference(case, conforms, path, monkeypatch):
    arrange, block_bytes = PATHS[path]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)

    conforms(case, TorchLayer(case, arrange), derived_stddev=True)


@pytest.mark.parametrize("weights", [None, "samples", "positions"])
@pytest.mark.parametrize(
    "options", [{}, {"renorm": True}, {"virtual_batch_size": 2}], ids=["whole", "renorm", "virtual"]
)
@pytest.mark.parametrize(
    ("block_bytes", "small_group"),
    [(blocks.BLOCK_BYTES, blocks.SMALL_GROUP), (64, blocks.SMALL_GROUP), (64, 0)],
    ids=["one block", "many blocks", "many blocks of small groups"],
)
def test_first_and_second_derivatives_by_finite_differences(options, weights, block_bytes, small_group, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(blocks, "SMALL_GROUP", small_group)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(4, 2, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    shape = {None: None, "samples": (4,), "positions": (4, 3)}[weights]
    given = None if shape is None else torch.rand(shape, generator=rng, dtype=torch.float64)
    # Bounds of zero width: r and d are the same whatever the batch, as the gradient takes them to be.
    clipping = {"renorm_clipping": {"rmin": 1.3, "rmax": 1.3, "dmax": 0.0}} if "renorm" in options else {}
    layer = BatchNorm1d(2, dtype=torch.float64, **options, **clipping)
    gamma, beta = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in ([0.7, 1.6], [0.2, -0.4]))

    def output(x, gamma, beta):
        return torch.func.functional_call(layer, {"weight": gamma, "bias": beta}, (x, given))

    assert torch.autograd.gradcheck(output, (x, gamma, beta))
    assert torch.autograd.gradgradcheck(output, (x, gamma, beta))


class WithoutBessel(TorchLayer):
    def statistics(self):
        mean, variance = super().statistics()
        return mean, 0.8 + (variance - 0.8) * (159 / 160)  # of 8·4·5 values per channel


def test_the_comparison_sees_a_forgotten_correction(plain_case, conforms):
    with pytest.raises(AssertionError, match="variance after step 0"):
        conforms(plain_case, WithoutBessel(plain_case, torch.clone))
