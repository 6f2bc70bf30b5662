"""Moments of batches from what they did to moving statistics, by hand and against the moments themselves."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from steadynorm.checks.distance import between
from steadynorm.evidence import Layer, Statistics
from steadynorm.monitoring.series import Passages, Table, distance, distances, gather, passages, updates_per_step
from steadynorm.monitoring.watched import Snapshots
from steadynorm.norm.config import NormConfig

RNG = np.random.default_rng(0)


def layer(name: str, channels: int, momentum: float | None) -> Layer:
    config = NormConfig.from_torch(eps=1e-3, momentum=momentum)
    return Layer(name, "BatchNorm2d", channels, config, Statistics(np.zeros(channels), np.ones(channels)))


def table(*momenta: float | None, channels: int = 3) -> Table:
    return Table([layer(f"norm{index}", channels, momentum) for index, momentum in enumerate(momenta)])


def snapshots(mean: np.ndarray, variance: np.ndarray, counts: np.ndarray) -> Snapshots:
    return Snapshots(mean, variance, counts, np.zeros(len(counts)))


def averaged(decays: list[float | None], steps: int, uses: int = 1) -> tuple[Table, Passages, np.ndarray, np.ndarray]:
    """Layers with three channels each that average random moments: the steps and, per step, mean and variance."""
    found = table(*(None if decay is None else 1 - decay for decay in decays))
    size = 3 * len(decays)
    mean, variance = np.zeros((1, size)), np.ones((1, size))
    batch_means, batch_variances = RNG.normal(2, 1, (steps, size)), RNG.uniform(1, 4, (steps, size))
    for step in range(steps):
        rows = mean[-1].copy(), variance[-1].copy()
        for use in range(uses):
            n = step * uses + use
            kept = np.repeat([n / (n + 1) if decay is None else decay for decay in decays], 3)
            rows = kept * rows[0] + (1 - kept) * batch_means[step], kept * rows[1] + (1 - kept) * batch_variances[step]
        mean, variance = np.vstack([mean, rows[0]]), np.vstack([variance, rows[1]])
    counts = np.arange(steps + 1)[:, None].repeat(len(decays), 1) * uses
    shots = snapshots(mean, variance, counts)
    return found, passages(shots[:-1], shots[1:], found), batch_means, batch_variances


@pytest.mark.parametrize("uses", [1, 2])
def test_moments_of_the_batches_come_back(uses: int) -> None:
    found, single, means, variances = averaged([0.9, 0.999, None, 0.1], 6, uses)
    gathered = gather(single, found, 1)
    np.testing.assert_allclose(gathered.mean, means, rtol=1e-9)
    np.testing.assert_allclose(gathered.variance, variances, rtol=1e-9)
    assert np.isinf(gathered.mean_error).all()


def test_groups_are_means_with_standard_errors() -> None:
    found, single, means, variances = averaged([0.9, 0.99], 8)
    gathered = gather(single, found, 4)
    difference = (means - single.before.mean).reshape(2, 4, 6)
    np.testing.assert_allclose(gathered.mean - gathered.moving_mean, difference.mean(1), rtol=1e-9)
    np.testing.assert_allclose(gathered.mean_error, difference.std(1, ddof=1) / 2, rtol=1e-9)
    spread = variances.reshape(2, 4, 6)
    relative = spread.std(1, ddof=1) / 2 / (spread.mean(1) + 1e-3)
    np.testing.assert_allclose(gathered.log_variance_error, relative, rtol=1e-9)


def test_distances_are_those_of_a_diagnosis() -> None:
    found, single, _, _ = averaged([0.9, 0.99, 0.5], 5)
    gathered = gather(single, found, 5)
    measures = distances(gathered, found)
    for index in range(3):
        part = found.part(index)
        expected = between(
            gathered.moments(part), gathered.moving_mean[0, part], gathered.moving_variance[0, part], 1e-3
        )
        seen = distance(measures, 0, index)
        for each in fields(expected):
            assert getattr(seen, each.name) == pytest.approx(getattr(expected, each.name), rel=1e-12)


def test_a_layer_that_stands_still_has_no_moments() -> None:
    found = table(0.1, 0.1)
    shots = snapshots(np.zeros((2, 6)), np.ones((2, 6)), np.array([[4, 4], [4, 5]]))
    gathered = gather(passages(shots[:1], shots[1:], found), found, 1)
    assert gathered.count.tolist() == [[0, 1]]
    assert np.isnan(gathered.mean[0, :3]).all()
    np.testing.assert_array_equal(gathered.mean[0, 3:], 0)


def test_layers_that_do_not_count_were_updated_where_they_moved() -> None:
    found = table(0.1, 0.1)
    mean = np.zeros((3, 6))
    mean[1:, 4] = 1
    shots = snapshots(mean, np.ones((3, 6)), np.full((3, 2), -1))
    single = passages(shots[:-1], shots[1:], found)
    assert single.times.tolist() == [[0, 1], [0, 0]]
    assert updates_per_step(shots[:1], shots[-1:], 2, single).tolist() == [0, 0.5]


def test_a_counter_that_was_set_back_is_not_believed() -> None:
    found = table(0.1)
    shots = snapshots(np.zeros((3, 3)), np.ones((3, 3)), np.array([[9], [10], [11]]))
    single = passages(shots[:-1], shots[1:], found)
    later = snapshots(np.zeros((1, 3)), np.ones((1, 3)), np.array([[3]]))
    assert updates_per_step(shots[:1], later, 50, single).tolist() == [1]
    assert updates_per_step(shots[:1], shots[2:], 2, single).tolist() == [1]


def test_a_decay_that_is_not_known_gives_no_moments() -> None:
    found = table(None)
    shots = snapshots(np.arange(6.0).reshape(2, 3), np.ones((2, 3)), np.full((2, 1), -1))
    gathered = gather(passages(shots[:1], shots[1:], found), found, 1)
    assert gathered.count.tolist() == [[0]]
    assert np.isnan(gathered.mean).all()
