"""Standard errors against brute force: the deviation of the estimate over many simulated data sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadynorm.norm.moments import Moments, PopulationMoments


def population_of(batches):
    population = PopulationMoments()
    for batch in batches:
        population.add(Moments.from_batch(batch))
    return population


def correlated_batches(rng, batches, data_sets):
    """Return batches of varying size (n, data_sets) whose values share an offset and a scale per batch."""
    for _ in range(batches):
        size = int(rng.integers(4, 40))
        offset, scale = rng.normal(0, 0.5, data_sets), rng.uniform(0.5, 1.5, data_sets)
        yield 2 + offset + scale * rng.normal(size=(size, data_sets))


@pytest.mark.parametrize("batches", [40, 300])
def test_standard_errors_equal_the_deviation_over_many_data_sets(batches):
    # Each channel is one data set of its own: 4000 repetitions of the experiment in one array.
    data_sets = 4000
    population = population_of(correlated_batches(np.random.default_rng(0), batches, data_sets))
    truth = 0.25 + (1 + 1 / 12)  # Var(offset) + E[scale²]
    for estimate, error, target in (
        (population.mean, population.standard_error_of_mean, 2.0),
        (np.log(population.variance), population.standard_error_of_log_variance, np.log(truth)),
    ):
        assert np.sqrt(np.mean(error**2)) == pytest.approx(estimate.std(), rel=0.08)
        covered = np.mean(np.abs(estimate - target) < 1.96 * error)
        assert 0.91 < covered < 0.97  # 0.95, less what the estimate of the error itself costs
    # The error that the number of values alone would suggest is far too small here.
    assert np.mean(np.sqrt(population.variance / population.total.count)) < 0.6 * population.mean.std()


def test_standard_errors_equal_the_formulas():
    rng = np.random.default_rng(1)
    batches = [rng.normal(rng.normal(), 1, (int(rng.integers(2, 9)), 3)) for _ in range(7)]
    x, n = np.concatenate(batches), len(batches)
    w = np.array([len(b) for b in batches])[:, None]
    mean, variance = x.mean(0), x.var(0)
    means = np.array([b.mean(0) for b in batches])
    spreads = np.array([np.square(b - mean).mean(0) for b in batches])
    se_mean = np.sqrt(n / (n - 1) * np.sum(w**2 * (means - mean) ** 2, 0)) / len(x)
    se_variance = np.sqrt(n / (n - 1) * np.sum(w**2 * (spreads - variance) ** 2, 0)) / len(x)
    population = population_of(batches)
    np.testing.assert_allclose(population.standard_error_of_mean, se_mean)
    np.testing.assert_allclose(population.standard_error_of_log_variance, se_variance / variance)


@given(st.lists(st.lists(st.integers(0, 40), max_size=5), min_size=1, max_size=4))
def test_workers_in_any_split_give_the_moments_of_all_batches(split):
    rng = np.random.default_rng(2)
    everything, seen = PopulationMoments(), []
    for worker_batches in split:
        worker = PopulationMoments()
        for repeats in worker_batches:
            for _ in range(repeats):
                seen.append(rng.normal(1000, 0.01, (3, 2)))
                worker.add(Moments.from_batch(seen[-1]))
        before = worker.batches
        everything.merge(worker)
        assert worker.batches == before
    assert everything.batches == len(seen)
    if seen:
        x = np.concatenate(seen)
        assert everything.total.count == len(x)
        np.testing.assert_allclose(everything.mean, x.mean(0), rtol=1e-13)
        np.testing.assert_allclose(everything.variance, x.var(0), rtol=1e-7)
        np.testing.assert_allclose(everything.unbiased_variance, x.var(0, ddof=1), rtol=1e-7)


def test_memory_is_bounded_and_groups_stay_equal():
    population = population_of(np.random.default_rng(3).normal(size=(1000, 2, 1)))
    sizes = [batches for batches, _ in population._groups]
    assert len(sizes) <= PopulationMoments.MAX_GROUPS
    assert set(sizes[:-1]) == {8}  # 1000 batches need groups of 8 to fit 128
    assert population.batches == 1000


@pytest.mark.parametrize(("mine", "theirs"), [(1000, 20), (20, 1000), (128, 128), (129, 128), (500, 60)])
def test_workers_that_saw_unequally_much_end_with_groups_of_the_same_size(mine, theirs):
    batches = np.random.default_rng(4).normal(size=(mine + theirs, 2, 1))
    population = population_of(batches[:mine])
    population.merge(population_of(batches[mine:]))
    sizes = [size for size, _ in population._groups]
    assert population.batches == mine + theirs
    assert len(sizes) <= PopulationMoments.MAX_GROUPS
    # One group where each worker stopped may be smaller; all others are full.
    assert sum(size < max(sizes) for size in sizes) <= 2
    for _ in range(5):
        population.add(Moments.from_batch(np.ones((2, 1))))
    assert sum(size < max(sizes) for size, _ in population._groups) <= 2


def test_grouping_sees_the_correlation_of_successive_batches():
    # An autoregression over batches: the single batches alone would put the error at about a third.
    rng, data_sets, population = np.random.default_rng(5), 500, PopulationMoments()
    level = np.zeros(data_sets)
    for _ in range(4096):
        level = 0.8 * level + rng.normal(size=data_sets)
        population.add(Moments.from_batch(level[None]))
    error = np.sqrt(np.mean(population.standard_error_of_mean**2))
    assert error == pytest.approx(population.mean.std(), rel=0.15)


def test_a_batch_without_weight_is_no_batch_for_the_error():
    rng = np.random.default_rng(6)
    with_gaps, without = PopulationMoments(), PopulationMoments()
    for _ in range(5):
        moments = Moments.from_batch(rng.normal(size=(4, 3)))
        for population in (with_gaps, without):
            population.add(moments)
        with_gaps.add(Moments.empty(3))
    for name in ("mean", "variance", "standard_error_of_mean", "standard_error_of_log_variance"):
        np.testing.assert_allclose(getattr(with_gaps, name), getattr(without, name))


def test_a_channel_that_one_batch_alone_has_seen_has_an_infinite_error():
    population = PopulationMoments()
    population.add(Moments(np.array([4.0, 4.0, 0.0]), np.zeros(3), np.array([4.0, 4.0, 0.0])))
    assert np.isinf(population.standard_error_of_mean).all()
    assert np.isinf(population.standard_error_of_log_variance).all()
    population.add(Moments(np.array([4.0, 0.0, 0.0]), np.array([1.0, 0, 0]), np.array([4.0, 0, 0])))
    assert np.isinf(population.standard_error_of_mean).tolist() == [False, True, True]
    assert population.variance[0] == 1.25
    assert np.isnan(population.variance[2])


def test_a_constant_channel_has_no_error():
    population = population_of(np.full((5, 4, 2), 3.0))
    assert (population.variance == 0).all()
    assert (population.standard_error_of_mean == 0).all()
    assert (population.standard_error_of_log_variance == 0).all()


def test_non_finite_batches_propagate_without_a_warning():
    batches = np.ones((4, 3, 2))
    batches[1, 0, 0] = np.inf
    population = population_of(batches)
    assert not np.isfinite(population.mean[0])
    assert np.isnan(population.standard_error_of_mean[0])
    assert np.isnan(population.standard_error_of_log_variance[0])
    assert population.mean[1] == 1


def test_without_batches_there_is_a_clear_error():
    with pytest.raises(ValueError, match="no batch has been added"):
        _ = PopulationMoments().total


def test_another_number_of_channels_is_refused_and_changes_nothing():
    population = population_of(np.ones((3, 4, 2)))
    with pytest.raises(ValueError, match="cannot merge"):
        population.add(Moments.empty(5))
    with pytest.raises(ValueError, match="cannot merge"):
        population.merge(population_of(np.ones((1, 4, 3))))
    assert population.batches == 3
