"""The layers of steadynorm.torch, synchronized over two processes, against the reference with the whole batch."""

from __future__ import annotations

import numpy as np
import torch

from steadynorm.torch import SyncBatchNorm

layer = None
"""In a rank, its layer."""


def adapted(case):
    return case if case.config.virtual_batch_size is None else None


def make(rank, case):
    global layer
    dtype = torch.float64 if case.dtype == "float64" else torch.float32
    layer = SyncBatchNorm(case.shape[1], dtype=dtype, **case.torch_options)


def set_affine(rank, gamma, beta):
    for parameter, value in ((layer.weight, gamma), (layer.bias, beta)):
        if parameter is not None:
            parameter.data.copy_(torch.tensor(value))


def train(rank, x, dy, weights):
    layer.train().zero_grad()
    own = slice(3) if rank == 0 else slice(3, None)
    x = torch.tensor(x[own]).requires_grad_()
    y = layer(x, None if weights is None else torch.tensor(weights[own]))
    assert y.dtype == x.dtype
    y.backward(torch.tensor(dy[own]))
    gradients = [None if each is None else each.grad.numpy() for each in (layer.weight, layer.bias)]
    return y.detach().numpy(), x.grad.numpy(), *gradients


def infer(rank, x):
    return layer.eval()(torch.tensor(x)).detach().numpy()


def statistics(rank):
    return layer.running_mean.numpy(), layer.running_var.numpy()


class Split:
    """One layer in two processes, of which one gets the first three samples and the other the rest."""

    def __init__(self, case, ranks):
        self.ranks = ranks
        ranks(make, case)

    def set(self, gamma, beta):
        self.ranks(set_affine, gamma, beta)

    def train(self, x, dy, weights):
        (y, dx, *sums), (more_y, more_dx, *more_sums) = self.ranks(train, x, dy, weights)
        gradients = (None if one is None else one + two for one, two in zip(sums, more_sums, strict=True))
        return np.concatenate([y, more_y]), np.concatenate([dx, more_dx]), *gradients

    def infer(self, x):
        return self.ranks(infer, x)[0]

    def statistics(self):
        one, two = self.ranks(statistics)
        assert all(map(np.array_equal, one, two))
        return one


def test_as_the_reference_with_the_whole_batch(case, conforms, ranks):
    conforms(case, Split(case, ranks), derived_stddev=True)
