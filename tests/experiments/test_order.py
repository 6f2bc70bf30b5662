"""Neighbours in the data against random orders, on the digits and on series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from steadynorm.experiments.order import resemblances
from steadynorm.experiments.records import Resemblance

IMAGES, LABELS = load_digits(return_X_y=True)


def batches(order: Any) -> list[tuple[Any, Any]]:
    x, y = (IMAGES[order] / 16).astype(np.float32), LABELS[order]
    return [(x[at : at + 64], y[at : at + 64]) for at in range(0, 1280, 64)]


def stands_out(seen: Resemblance) -> bool:
    return seen.neighbours - seen.shuffled > max(0.2, 6 * seen.error)


def test_shuffled_digits_have_no_order() -> None:
    found = resemblances(batches(np.random.default_rng(0).permutation(len(LABELS))))

    assert [each.what for each in found] == ["labels", "inputs"]
    assert not any(map(stands_out, found))
    # Ten classes of about one size: neighbours agree in one case of ten.
    assert found[0].shuffled == pytest.approx(0.1, abs=0.01)


def test_sorted_digits_show_in_labels_and_inputs() -> None:
    labels, inputs = resemblances(batches(np.argsort(LABELS, kind="stable")))

    # 1280 sorted samples change their label at most eight times.
    assert labels.neighbours >= 1 - 8 / 1279
    assert stands_out(labels)
    assert inputs.neighbours > inputs.shuffled + 6 * inputs.error


def test_frames_of_a_moving_picture_correlate() -> None:
    angles = np.linspace(0, 12, 256)[:, None] + np.arange(16)
    frames = np.sin(angles).astype(np.float32)

    found = resemblances([(frames, frames.mean(1))])

    assert [each.what for each in found] == ["inputs"]  # the targets are no labels
    assert stands_out(found[0])


def test_what_says_nothing_is_left_out() -> None:
    few = [(np.ones((8, 4), np.float32), np.arange(8))]

    assert resemblances(few) == ()
    assert resemblances([(None, None)] * 100) == ()
    assert resemblances([(np.ones((100, 4), np.float32), np.zeros(100, int))])[0].what == "inputs"
