"""The smallest loss of free outputs, against losses whose minimum is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from steadynorm.experiments.free_outputs import lowest, uninformed

DRAW = np.random.default_rng(0)
LABELS = DRAW.integers(0, 3, 16)
ONE_HOT = np.eye(3)[LABELS]
ZEROS = np.zeros((16, 3))
THIRDS = np.full((16, 3), 1 / 3)
PRICES = DRAW.normal(2e5, 5e4, (16, 1))


def squared(target: Any) -> Any:
    return lambda free: (float(np.mean((free[0] - target) ** 2)), [2 * (free[0] - target) / target.size])


def absolute(target: Any) -> Any:
    return lambda free: (float(np.mean(np.abs(free[0] - target))), [np.sign(free[0] - target) / target.size])


def quantiles(free: Any) -> Any:
    """Of targets (16, 1) three predictions: those of 10, 50 and 90 %, whose loss is zero at the target itself."""
    q, error = np.array([0.1, 0.5, 0.9]), PRICES - free[0]
    return float(np.maximum(q * error, (q - 1) * error).mean()), [np.where(error > 0, -q, 1 - q) / error.size]


def entropy_of_logits(shares: Any) -> Any:
    def differentiate(free: Any) -> Any:
        exponents = np.exp(free[0] - free[0].max(1, keepdims=True))
        given = exponents / exponents.sum(1, keepdims=True)
        return float(-np.mean(np.sum(shares * np.log(given + 1e-30), 1))), [(given - shares) / len(shares)]

    return differentiate


def likelihood(free: Any) -> Any:
    """Of logarithms of probabilities, as they are given: without an end for numbers that are none."""
    return float(-np.mean(np.sum(ONE_HOT * free[0], 1))), [-ONE_HOT / len(ONE_HOT)]


def likelihood_of_shares(free: Any) -> Any:
    """Likewise of the probabilities themselves."""
    loss = -np.mean(np.sum(ONE_HOT * np.log(np.maximum(free[0], 1e-30)), 1))
    return float(loss), [-ONE_HOT / np.maximum(free[0], 1e-30) / len(ONE_HOT)]


def binary_entropy(free: Any) -> Any:
    given = free[0].astype(np.float64)
    if given.min() < 0 or given.max() > 1:
        raise ValueError("probabilities only")
    inside = np.clip(given, 1e-12, 1 - 1e-12)
    loss = -np.mean(ONE_HOT * np.log(inside) + (1 - ONE_HOT) * np.log(1 - inside))
    return float(loss), [(inside - ONE_HOT) / (inside * (1 - inside)) / ONE_HOT.size]


def cosine(free: Any) -> Any:
    length = np.linalg.norm(free[0], axis=1, keepdims=True)
    unit = free[0] / length
    along = unit * np.sum(unit * ONE_HOT, 1, keepdims=True)
    return float(-np.mean(np.sum(unit * ONE_HOT, 1))), [-(ONE_HOT - along) / length / len(unit)]


SMOOTHED = 0.9 * ONE_HOT + 0.1 / 3
ENTROPY = -(0.9 + 0.1 / 3) * math.log(0.9 + 0.1 / 3) - 2 * 0.1 / 3 * math.log(0.1 / 3)


@pytest.mark.parametrize(
    ("outputs", "differentiate", "target", "expected", "off"),
    [
        (np.zeros((16, 1)), squared(PRICES), PRICES, 0.0, 1.0),
        (np.zeros((16, 1)), squared(PRICES), None, 0.0, 1e6),  # 1e-5 of the targets' variance
        (np.zeros((16, 1)), absolute(PRICES), None, 0.0, 500.0),
        (DRAW.normal(size=(16, 3)), quantiles, None, 0.0, 500.0),
        (ZEROS, entropy_of_logits(ONE_HOT), None, 0.0, 1e-2),
        (ZEROS, entropy_of_logits(SMOOTHED), None, ENTROPY, 1e-2),
        (THIRDS, entropy_of_logits(ONE_HOT), None, 0.0, 1e-2),  # a softmax too much, which keeps a model above 0.55
        (THIRDS, likelihood_of_shares, None, 0.0, 1e-2),
        (np.log(THIRDS), likelihood, None, 0.0, 1e-2),
        (ZEROS + 0.5, binary_entropy, None, 0.0, 1e-2),
        (DRAW.normal(size=(16, 3)), cosine, None, -1.0, 1e-2),
        (ZEROS, likelihood, None, -math.inf, 0.0),
        (ZEROS, lambda free: (1.0, [None]), None, math.nan, 0.0),
    ],
    ids=[
        "prices",
        "from afar",
        "L1",
        "quantiles",
        "logits",
        "smoothed",
        "twice",
        "shares",
        "logarithms",
        "0 to 1",
        "cosine",
        "no end",
        "-",
    ],
)
def test_lowest(outputs: Any, differentiate: Any, target: Any, expected: float, off: float) -> None:
    assert lowest([outputs], differentiate, target) == pytest.approx(expected, abs=off, nan_ok=True)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [(ZEROS - 1, 0.0), (ONE_HOT, 1 / 3), (np.log(THIRDS), -math.log(3)), (np.zeros((4, 3, 2)) + 1 / 3, 1 / 3)],
    ids=["logits", "probabilities", "logarithms", "classes second"],
)
def test_uninformed(outputs: Any, expected: float) -> None:
    np.testing.assert_allclose(uninformed(outputs), expected)
