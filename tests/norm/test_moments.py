"""Moments against NumPy's own mean and variance, and against exact sums where float32 cancels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steadynorm.norm.moments import Moments

VALUES = st.floats(-1e3, 1e3, allow_nan=False, width=32)


def assert_same(a: Moments, b: Moments, scale: float = 1.0) -> None:
    np.testing.assert_allclose(a.count, b.count, rtol=1e-12)
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(a.m2, b.m2, rtol=1e-9, atol=1e-9 * scale * scale)


@pytest.mark.parametrize(
    ("shape", "axis", "reduced"),
    [
        ((32, 5), -1, (0,)),
        ((8, 6, 7, 5), -1, (0, 1, 2)),
        ((8, 5, 6, 7), 1, (0, 2, 3)),
        ((8, 4, 6, 5), (1, 3), (0, 2)),
        ((8, 4, 6, 5), (3, 1), (0, 2)),
        ((4, 3, 4, 5, 6), (-1,), (0, 1, 2, 3)),
    ],
)
def test_moments_of_a_batch_equal_numpy(shape, axis, reduced):
    x = np.random.default_rng(0).normal(3, 2, shape)
    moments = Moments.from_batch(x, axis)
    count = np.prod([shape[a] for a in reduced])
    assert moments.count == count
    np.testing.assert_allclose(moments.mean, x.mean(reduced))
    np.testing.assert_allclose(moments.variance, x.var(reduced))
    np.testing.assert_allclose(moments.unbiased_variance, x.var(reduced, ddof=1))


@pytest.mark.parametrize(("mean", "deviation"), [(1e4, 1.0), (1e3, 0.01), (-1e5, 1.0)])
def test_accurate_where_the_difference_of_squares_cancels(mean, deviation):
    x = np.random.default_rng(1).normal(mean, deviation, (512, 16)).astype(np.float32)
    exact = x.astype(np.longdouble).var(axis=0)
    batches = [Moments.from_batch(part) for part in np.split(x, 16)]
    merged = sum(batches[1:], batches[0])
    np.testing.assert_allclose(Moments.from_batch(x).variance, exact.astype(float), rtol=1e-9)
    np.testing.assert_allclose(merged.variance, exact.astype(float), rtol=1e-9)
    # The formula that this avoids is off by far more than a thousandth on the same data.
    naive = np.square(x).mean(axis=0) - np.square(x.mean(axis=0))
    assert np.max(np.abs(naive / exact - 1)) > 1e-3


def test_a_batch_per_worker_equals_the_whole():
    x = np.random.default_rng(2).normal(5, 3, (30, 4))
    parts = [Moments.from_batch(part) for part in (x[:1], x[1:8], x[8:8], x[8:])]
    assert_same(parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3]), Moments.from_batch(x))


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=VALUES),
    st.randoms(use_true_random=False),
)
def test_merging_in_any_order_and_grouping_gives_the_same(x, random):
    whole = Moments.from_batch(x)
    parts = [Moments.from_batch(row[None]) for row in x]
    random.shuffle(parts)
    while len(parts) > 1:  # merge random neighbours: every binary tree over every order can occur
        i = random.randrange(len(parts) - 1)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    assert_same(parts[0], whole, scale=1e3)


@given(hnp.arrays(np.float64, (12, 2), elements=VALUES), hnp.arrays(bool, 12))
def test_weight_zero_equals_leaving_out(x, keep):
    assert_same(Moments.from_batch(x, weights=keep), Moments.from_batch(x[keep]), scale=1e3)


@given(
    hnp.arrays(np.float64, (6, 3, 2), elements=VALUES),
    hnp.arrays(np.int64, (6, 3), elements=st.integers(0, 3)),
)
def test_a_whole_weight_equals_repeating_the_position(x, times):
    repeated = np.repeat(x.reshape(18, 2), times.ravel(), axis=0)
    assert_same(Moments.from_batch(x, weights=times), Moments.from_batch(repeated), scale=1e3)


@settings(max_examples=25)
@given(hnp.arrays(np.float64, 5, elements=st.floats(0, 10)))
def test_weighted_moments_equal_numpy_average(weights):
    if weights.sum() < 1e-3:
        return
    x = np.random.default_rng(3).normal(2, 1, (5, 4, 3))
    moments = Moments.from_batch(x, axis=1, weights=weights)
    spread = np.broadcast_to(weights[:, None, None], x.shape)
    mean = np.average(x, axis=(0, 2), weights=spread)
    variance = np.average(np.square(x - mean[:, None]), axis=(0, 2), weights=spread)
    np.testing.assert_allclose(moments.count, weights.sum() * 3)
    np.testing.assert_allclose(moments.mean, mean)
    np.testing.assert_allclose(moments.variance, variance)


@pytest.mark.parametrize("shape", [(8,), (8, 6, 7), (1, 6, 7), (8, 5, 6, 7), (8, 1, 1, 1), (1, 5, 6, 1)])
def test_every_shape_of_weights_means_the_full_weights_it_stands_for(shape):
    rng = np.random.default_rng(4)
    x, weights = rng.normal(size=(8, 5, 6, 7)), rng.random(shape)
    index = {1: np.s_[:, None, None, None], 3: np.s_[:, None], 4: np.s_[:]}[weights.ndim]
    full = np.broadcast_to(weights[index], x.shape)
    moments = Moments.from_batch(x, 1, weights)
    np.testing.assert_allclose(np.broadcast_to(moments.count, 5), full.sum((0, 2, 3)))
    np.testing.assert_allclose(moments.mean, np.average(x, axis=(0, 2, 3), weights=full))


def test_what_has_no_weight_may_be_nan_and_what_has_makes_nan():
    x = np.ones((3, 2))
    x[1, 0] = np.nan
    assert np.isfinite(Moments.from_batch(x, weights=[1, 0, 1]).mean).all()
    assert np.isnan(Moments.from_batch(x, weights=[1, 1, 1]).mean).tolist() == [True, False]


def test_non_finite_values_reach_their_own_channel_without_a_warning():
    x = np.ones((4, 3), np.float32)
    x[0, 0], x[1, 2] = np.inf, np.nan
    moments = Moments.from_batch(x) + Moments.from_batch(np.ones((2, 3)))
    assert np.isinf(Moments.from_batch(x).mean[0])
    assert not np.isfinite(moments.mean[0])
    assert np.isnan(moments.mean[2])
    assert np.isnan(moments.variance[[0, 2]]).all()
    assert moments.variance[1] == 0


def test_empty_moments_change_nothing_and_have_no_variance():
    some = Moments.from_batch(np.random.default_rng(5).normal(size=(9, 3)))
    for merged in (some + Moments.empty(3), Moments.empty(3) + some):
        assert_same(merged, some)
    nothing = Moments.empty(3) + Moments.from_batch(np.ones((4, 3)), weights=np.zeros(4))
    assert nothing.count == 0
    assert np.isnan(nothing.variance).all()
    assert np.isnan(Moments.from_batch(np.ones((1, 3))).unbiased_variance).all()


def test_moments_keep_no_link_to_the_arrays_they_were_made_from():
    mean, m2 = np.zeros(2), np.ones(2)
    moments = Moments(1.0, mean, m2)
    mean[:] = 7
    assert (moments.mean == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        moments.mean[0] = 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Moments(1.0, np.zeros(2), np.zeros(3)), "unequal shapes"),
        (lambda: Moments(np.ones(3), np.zeros(2), np.zeros(2)), "unequal shapes"),
        (lambda: Moments(1.0, np.zeros(2), -np.ones(2)), "cannot be negative"),
        (lambda: Moments(-1.0, np.zeros(2), np.ones(2)), "cannot be negative"),
        (lambda: Moments.empty(2) + Moments.empty(3), "cannot merge"),
        (lambda: Moments.from_batch(np.ones((2, 3)), axis=2), "out of range"),
        (lambda: Moments.from_batch(np.ones((2, 3)), axis=(1, -1)), "different axes"),
        (lambda: Moments.from_batch(np.ones((2, 3)), axis=()), "different axes"),
        (lambda: Moments.from_batch(np.ones((2, 3)), weights=np.ones(3)), "do not fit"),
        (lambda: Moments.from_batch(np.ones((2, 4, 3)), weights=np.ones((2, 3))), "do not fit"),
        (lambda: Moments.from_batch(np.ones((2, 3)), weights=[1, -1]), "not negative"),
        (lambda: Moments.from_batch(np.ones((2, 3)), weights=[1, np.nan]), "finite"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
