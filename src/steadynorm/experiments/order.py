"""Whether training data come in an order: neighbours against the same samples in random order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from steadynorm.evidence import Array
from steadynorm.experiments.records import Resemblance

LEAST_SAMPLES = 64
"""Fewer say nothing about an order."""

MOST_SAMPLES = 4096
MOST_FEATURES = 512
"""Inputs are thinned out to that many numbers a sample."""

MOST_CLASSES = 16
"""Labels with a decimal point: more of them are counts or ratings."""

ORDERS = 50
"""Random orders that the order of the data is compared with."""


def resemblances(batches: Sequence[tuple[Any, Any]]) -> tuple[Resemblance, ...]:
    """How much neighbours resemble each other, in labels and in inputs.

    Arguments:
        batches: inputs (N, ...) and targets (N, ...) as arrays, in the order in which they are trained on; `None`
            for what is no array.

    Returns:
        one for the targets, where each is a class or a number, one for inputs; none of what is missing or has too few
        samples.
    """
    return tuple(_targets(batches)) + tuple(_inputs(batches))


def _targets(batches: Sequence[tuple[Any, Any]]) -> Iterator[Resemblance]:
    given = [target for _, target in batches]
    if any(each is None for each in given) or len({each.shape[1:] for each in given}) != 1:
        return
    targets = np.concatenate(given)[:MOST_SAMPLES]
    numbers = _classes(targets) if _is_one_hot(targets) else targets.reshape(len(targets), -1)
    if len(targets) < LEAST_SAMPLES or numbers.shape[1] != 1:
        return
    column = numbers[:, 0]
    if len(np.unique(column)) < 2 or not np.isfinite(column.astype(np.float64)).all():
        return
    if _is_labels(column):
        yield _compared("labels", lambda order: _share_of_pairs(column[order]), len(column))
    else:
        ranks = np.unique(column, return_inverse=True)[1].astype(np.float64).reshape(-1, 1)
        rows = (ranks - ranks.mean()) / ranks.std()  # of ranks, so that no single large target decides
        yield _compared("targets", lambda order: _correlation(rows[order]), len(column))


def _is_one_hot(targets: Array) -> bool:
    if targets.ndim != 2 or targets.shape[1] < 2:
        return False
    return bool(np.isin(targets, (0, 1)).all()) and bool((targets.sum(axis=1) == 1).all())


def _classes(one_hot: Array) -> Any:
    return one_hot.argmax(axis=1)[:, None]


def _is_labels(column: Any) -> bool:
    """Whether numbers are those of classes: whole ones, and with a decimal point no more than a few."""
    if np.issubdtype(column.dtype, np.integer) or column.dtype == bool:
        return True
    return bool(np.all(column == np.round(column))) and len(np.unique(column)) <= MOST_CLASSES


def _share_of_pairs(labels: Any) -> float:
    return float(np.mean(labels[1:] == labels[:-1]))


def _correlation(rows: Array) -> float:
    return float(np.mean(np.sum(rows[1:] * rows[:-1], axis=1)))


def _inputs(batches: Sequence[tuple[Any, Any]]) -> Iterator[Resemblance]:
    found = [inputs for inputs, _ in batches if inputs is not None and np.issubdtype(inputs.dtype, np.floating)]
    if not found or len(found) < len(batches) or len({each.shape[1:] for each in found}) > 1:
        return
    rows = np.concatenate(found)[:MOST_SAMPLES].astype(np.float64)
    rows = rows.reshape(len(rows), -1)
    rows = rows[:, :: max(1, rows.shape[1] // MOST_FEATURES)]
    if len(rows) < LEAST_SAMPLES or rows.shape[1] < 2:
        return
    rows = _standardized(rows)

    yield _compared("inputs", lambda order: _correlation(rows[order]), len(rows))


def _standardized(rows: Array) -> Array:
    """Rows of length 1 about the mean of all samples, so that a product of two is how alike they are."""
    rows = rows - rows.mean(axis=0)
    length = np.sqrt(np.sum(np.square(rows), axis=1, keepdims=True))
    result: Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return result


def _compared(what: str, likeness: Any, samples: int) -> Resemblance:
    draw = np.random.default_rng(0)
    shuffled = [likeness(draw.permutation(samples)) for _ in range(ORDERS)]
    return Resemblance(
        what, likeness(np.arange(samples)), float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)), samples
    )
