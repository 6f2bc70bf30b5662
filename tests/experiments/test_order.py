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

    assert [each.what for each in found] == ["targets", "inputs"]  # the targets are no labels
    assert all(map(stands_out, found))


def as_floats(labels: Any) -> Any:
    return labels.astype(np.float32)[:, None]


def one_hot(labels: Any) -> Any:
    return np.eye(10, dtype=np.float32)[labels]


def measured(labels: Any) -> Any:
    """A target that grows with the label, about which it spreads."""
    return labels + np.random.default_rng(1).normal(0, 1, len(labels))


def mostly_zero(labels: Any) -> Any:
    """An amount that is zero in nine of ten cases."""
    return np.where(labels == 9, 0.5 + labels, 0.0)


@pytest.mark.parametrize(
    ("form", "what"),
    [
        (as_floats, "labels"),
        (lambda labels: (labels > 4).astype(np.float32), "labels"),
        (lambda labels: labels > 4, "labels"),
        (one_hot, "labels"),
        (measured, "targets"),
        (mostly_zero, "targets"),
    ],
    ids=["numbers", "binary", "booleans", "one-hot", "measured", "mostly zero"],
)
@pytest.mark.parametrize("in_order", [True, False], ids=["sorted", "mixed"])
def test_targets_in_every_form(form: Any, what: str, in_order: bool) -> None:
    order = np.argsort(LABELS, kind="stable") if in_order else np.random.default_rng(0).permutation(len(LABELS))
    targets = form(LABELS[order])

    found = resemblances([(None, targets[at : at + 64]) for at in range(0, len(targets), 64)])

    assert [each.what for each in found] == [what]
    assert stands_out(found[0]) == in_order


def test_what_says_nothing_is_left_out() -> None:
    few = [(np.ones((8, 4), np.float32), np.arange(8))]

    assert resemblances(few) == ()
    assert resemblances([(None, None)] * 100) == ()
    assert resemblances([(np.ones((100, 4), np.float32), np.zeros(100, int))])[0].what == "inputs"
