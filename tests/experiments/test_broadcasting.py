"""Shapes that broadcasting spreads over all pairs of samples, and losses that couple samples so or on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steadynorm.experiments.broadcasting import is_broadcast, pairs_samples

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ((32, 1), (32,), True),
        ((32,), (32, 1), True),
        ((32, 1, 10), (32, 10), True),
        ((32, 1, 8, 8), (32, 8, 8), True),
        ((32, 1), (32, 1), False),
        ((32, 3), (32, 1), False),  # three quantiles of one target
        ((32, 16), (32, 24), False),
        ((32, 10), (32,), False),  # logits and class numbers
        ((1, 32), (32,), False),  # nothing grows
    ],
)
def test_shapes(output: tuple[int, ...], target: tuple[int, ...], expected: bool) -> None:
    assert pairs_samples(output, target) is expected


def squared(output: Any, target: Any) -> Any:
    """The gradient of mean((output - target)²), with respect to an output (N, 1), by hand."""
    difference = output - target
    if difference.shape == output.shape:
        return 2 * difference / difference.size
    return 2 * difference.sum(1, keepdims=True) / difference.size


def ranking(output: Any, target: Any) -> Any:
    """The gradient of the sum of output times rank of the target, which is the rank: among all, on purpose."""
    return np.argsort(np.argsort(target.reshape(-1))).reshape(output.shape).astype(float)[::-1]


def refused(output: Any, target: Any) -> Any:
    raise ValueError("(N,) alone")


@pytest.mark.parametrize(
    ("gradient", "target", "expected"),
    [
        (squared, DRAW.normal(size=8), True),
        (squared, np.arange(8), True),  # counts
        (ranking, DRAW.normal(size=8), False),
        (refused, DRAW.normal(size=8), None),
        (squared, np.ones(8), None),
        (squared, DRAW.normal(size=(8, 1)), None),
    ],
    ids=["broadcast", "whole numbers", "on purpose", "refused", "one value", "one shape"],
)
def test_losses(gradient: Any, target: Any, expected: bool | None) -> None:
    assert is_broadcast(DRAW.normal(size=(8, 1)), target, gradient) is expected
