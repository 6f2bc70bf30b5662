"""What all tests share: real data, small enough to train on in a second, and that none depends on another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
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


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
"""What lets Chromium run as root in a container, and keeps it from calling home."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, driven by playwright; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        missing = "needs Chromium, which is not installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET.split())
        yield browser
        browser.close()
