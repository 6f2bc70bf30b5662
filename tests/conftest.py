"""What all tests share: real data, small enough to train on in a second, and that none depends on another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Digits:
    """Handwritten digits (scikit-learn's 1797 images of 8×8) as batches (x, y).

    x is float32 (N, 1, 8, 8) in [0, 1], y int64 (N,).
    """

    train: list[tuple[Any, Any]]
    validation: list[tuple[Any, Any]]


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The digits in a fixed random order: 1400 to train on and 397 to validate on, in batches of 64."""
    torch = pytest.importorskip("torch")
    datasets = pytest.importorskip("sklearn.datasets")

    images, labels = datasets.load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)[order]
    y = torch.tensor(labels, dtype=torch.int64)[order]
    train = list(zip(x[:1400].split(64), y[:1400].split(64), strict=True))
    validation = list(zip(x[1400:].split(64), y[1400:].split(64), strict=True))
    return Digits(train, validation)


@pytest.fixture(autouse=True, scope="module")
def _generators(request: pytest.FixtureRequest) -> list[tuple[np.random.Generator, Any]]:
    """The random generators of a test file, each with its state before the first test."""
    found = (each for each in vars(request.module).values() if isinstance(each, np.random.Generator))
    return [(each, each.bit_generator.state) for each in found]


@pytest.fixture(autouse=True)
def _same_numbers(_generators: list[tuple[np.random.Generator, Any]]) -> None:
    """Lets every test draw the same numbers, whichever tests ran before it."""
    for generator, state in _generators:
        generator.bit_generator.state = state


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker() -> None:
    """Keep parallel test workers from fighting over the cores."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
