"""Moments from sums against NumPy in float64, where the squares alone would lose the variance and where not."""

import numpy as np
import pytest
import torch

from steadynorm.torch import blocks
from steadynorm.torch.summed_moments import summed_moments
from steadynorm.torch.weighted_moments import weighted_moments

SOME = slice(None, None, 16)


def drawn(case):
    """Values (64, 3, 5) with a large mean in the second channel, and weights (64, 1, 5)."""
    random = np.random.default_rng(0)
    x = random.normal([[0.0], [1e4], [-3.0]], [[1.0], [1.0], [0.1]], (64, 3, 5))
    weights = random.uniform(0.5, 1.5, (64, 1, 5))
    if case == "far away":
        x[SOME] += 1e3
        weights[SOME] *= 1e-6
    if case == "without weight":
        weights[SOME] = 0
    if case == "garbage without weight":
        x[SOME], weights[SOME] = 1e30, 0
    if case == "constant":
        x[:] = np.asarray([0.0, 1e4, -3.0])[:, None]
    if case == "squares overflow":
        x[:, 1] = random.normal(1e19, 1e17, (64, 5))
    if case == "one outlier":
        x[17, 0, 2] = 1e6
    return x.astype(np.float32), weights.astype(np.float32)


def population(x, weights):
    """Weighted mean and variance per channel in float64."""
    x, weights = x.astype(np.float64), np.broadcast_to(weights, x.shape).astype(np.float64)
    mean = np.average(x, (0, 2), weights)
    return mean, np.average((x - mean[:, None]) ** 2, (0, 2), weights)


@pytest.mark.parametrize("channels_last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("block_bytes", [blocks.BLOCK_BYTES, 1000], ids=["one block", "several blocks"])
@pytest.mark.parametrize(
    "case",
    ["ordinary", "far away", "without weight", "garbage without weight", "constant", "squares overflow", "one outlier"],
)
def test_weighted_moments(case, block_bytes, channels_last, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    x, weights = drawn(case)
    mean, variance = population(x, weights)

    given = torch.from_numpy(x)[None]
    if channels_last:
        given = given.movedim(2, -1).contiguous().movedim(-1, 2)
    found = weighted_moments(given, torch.from_numpy(weights)[None])

    np.testing.assert_allclose(found[0][0], mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[1][0], variance, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(float(found[2]), weights.sum(dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("block_bytes", [blocks.BLOCK_BYTES, 1000], ids=["one block", "several blocks"])
@pytest.mark.parametrize("case", ["ordinary", "far away", "constant", "squares overflow", "one outlier"])
def test_moments_without_weights(case, block_bytes, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    x, _ = drawn(case)
    mean, variance = population(x, np.ones((64, 1, 5)))

    found = summed_moments(torch.from_numpy(x), None)

    np.testing.assert_allclose(found[0], mean, rtol=2e-6, atol=1e-6)  # the rounding of an origin 1e3 away
    np.testing.assert_allclose(found[1], variance, rtol=2e-5, atol=1e-6)
    assert found[2] == 320
