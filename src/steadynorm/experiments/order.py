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

ORDERS = 50
"""Random orders that the order of the data is compared with."""


def resemblances(batches: Sequence[tuple[Any, Any]]) -> tuple[Resemblance, ...]:
    """How much neighbours resemble each other, in labels and in inputs.

    Arguments:
        batches: inputs (N, ...) and targets (N, ...) as arrays, in the order in which they are trained on; `None`
            for what is no array.

    Returns:
        one for labels that are whole numbers, one for inputs; none of what is missing or has too few samples.
    """
    return tuple(_labels(batches)) + tuple(_inputs(batches))


def _labels(batches: Sequence[tuple[Any, Any]]) -> Iterator[Resemblance]:
    found = [target.reshape(len(target)) for _, target in batches if _is_labels(target)]
    if len(found) < len(batches):
        return
    labels = np.concatenate(found)[:MOST_SAMPLES] if found else np.empty(0)
    if len(labels) < LEAST_SAMPLES or len(np.unique(labels)) < 2:
        return

    def same(order: Any) -> float:
        return float(np.mean(labels[order][1:] == labels[order][:-1]))

    yield _compared("labels", same, len(labels))


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

    def correlation(order: Any) -> float:
        return float(np.mean(np.sum(rows[order][1:] * rows[order][:-1], axis=1)))

    yield _compared("inputs", correlation, len(rows))


def _is_labels(target: Any) -> bool:
    return target is not None and np.issubdtype(target.dtype, np.integer) and target.size == len(target)


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
