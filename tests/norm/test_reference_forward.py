"""The forward pass and the updates against what each option means, and against PyTorch's own layers."""

from dataclasses import replace

import numpy as np
import pytest

from steadynorm.norm.config import NormConfig
from steadynorm.norm.moments import Moments
from steadynorm.norm.reference import backward, inference, training_forward
from steadynorm.norm.renorm import Renorm
from steadynorm.norm.state import State

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (12, 4))
EPS = NormConfig().epsilon


def normalized(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + EPS)


def run(config, batches, weights=None, **initial):
    state = State.initial(config, batches[0].shape[-1], **initial)
    for batch in batches:
        y, state, _ = training_forward(batch, state, config, weights)
    return y, state


def test_a_batch_with_a_huge_mean_is_normalized_accurately():
    x = RNG.normal(1e4, 1, (256, 4)).astype(np.float32)
    y, _ = run(NormConfig(epsilon=0), [x])
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(0), 1, rtol=1e-9)


def test_decay_is_the_share_of_the_old_value():
    _, state = run(NormConfig(decay=0.75), [X], moving_mean=4.0, moving_variance=8.0)
    np.testing.assert_allclose(state.moving_mean, 3 + X.mean(0) / 4)
    np.testing.assert_allclose(state.moving_variance, 6 + X.var(0) / 4)
    assert state.steps == 1


@pytest.mark.parametrize("bessel", [False, True])
def test_a_cumulative_average_weighs_all_batches_the_same(bessel):
    batches = np.split(X, 3)
    _, state = run(NormConfig(decay=None, bessel_correction=bessel), batches, moving_mean=9.0)
    np.testing.assert_allclose(state.moving_mean, np.mean([b.mean(0) for b in batches], 0))
    np.testing.assert_allclose(state.moving_variance, np.mean([b.var(0, ddof=int(bessel)) for b in batches], 0))


@pytest.mark.parametrize("debias", ["mean", "full"])
def test_a_debiased_average_is_the_weighted_mean_of_the_batches_alone(debias):
    batches, decay = np.split(X, 4), 0.6
    _, state = run(NormConfig(decay=decay, debias=debias), batches, moving_mean=100.0, moving_variance=50.0)
    ages = decay ** np.arange(3, -1, -1)  # Kingma & Ba (2015), section 3: the average without its initial value
    np.testing.assert_allclose(state.moving_mean, np.average([b.mean(0) for b in batches], 0, ages))
    variance = np.average([b.var(0) for b in batches], 0, ages)
    if debias == "mean":
        variance = decay**4 * 50 + (1 - decay**4) * variance
    np.testing.assert_allclose(state.moving_variance, variance)


def test_debiasing_renorm_debiases_the_standard_deviation_for_inference():
    batches, decay = np.split(X, 4), 0.6
    _, state = run(NormConfig(decay=decay, debias="full", renorm=Renorm()), batches, moving_variance=50.0)
    ages = decay ** np.arange(3, -1, -1)
    stddev = np.average([np.sqrt(b.var(0) + EPS) for b in batches], 0, ages)
    np.testing.assert_allclose(state.moving_stddev, stddev)
    np.testing.assert_allclose(state.moving_variance, stddev**2 - EPS)


def test_renorm_without_bounds_normalizes_by_its_averages():
    # Ioffe (2017), section 3: with exact r and d, training computes what inference would.
    config = NormConfig(renorm=Renorm(decay=0.5))
    state = State.initial(config, 4, moving_mean=1.0, moving_variance=4.0)
    for _ in range(3):
        mean, stddev = state.renorm_mean, state.renorm_stddev
        y, state, _ = training_forward(X, state, config)
        np.testing.assert_allclose(y, (X - mean) / stddev)
        np.testing.assert_allclose(state.renorm_mean, (mean + X.mean(0)) / 2)
        np.testing.assert_allclose(state.renorm_stddev, (stddev + np.sqrt(X.var(0) + EPS)) / 2)


def test_renorm_with_bessel_corrects_only_what_inference_uses():
    config = NormConfig(renorm=Renorm(decay=0.0), decay=0.0, bessel_correction=True)
    _, state = run(config, [X])
    np.testing.assert_allclose(state.moving_stddev, np.sqrt(X.var(0, ddof=1) + EPS))
    np.testing.assert_allclose(state.renorm_stddev, np.sqrt(X.var(0) + EPS))


def test_renorm_keeps_its_corrections_within_their_bounds():
    config = NormConfig(renorm=Renorm(rmin=0.9, rmax=1.1, dmax=0.25))
    for scale, r in ((100.0, 1.1), (1e-3, 0.9)):
        x = X * scale
        state = State.initial(config, 4, moving_mean=-1e6)
        y, _, _ = training_forward(x, state, config)
        np.testing.assert_allclose(y, normalized(x) * r + 0.25)


def test_renorm_never_divides_by_less_than_the_root_of_epsilon():
    config = NormConfig(renorm=Renorm())
    y, _, _ = training_forward(X, State.initial(config, 4, moving_variance=0.0), config)
    np.testing.assert_allclose(y, X / np.sqrt(EPS))


@pytest.mark.parametrize("layout", ["contiguous", "strided"])
def test_virtual_batches_are_normalized_each_on_its_own(layout):
    config = NormConfig(virtual_batch_size=4, virtual_batch_layout=layout, decay=0.0)
    y, state = run(config, [X])
    groups = [np.s_[0:4], np.s_[4:8], np.s_[8:12]] if layout == "contiguous" else [np.s_[g::3] for g in range(3)]
    for group in groups:
        np.testing.assert_allclose(y[group], normalized(X[group]))
    np.testing.assert_allclose(state.moving_mean, X.mean(0))
    np.testing.assert_allclose(state.moving_variance, np.mean([X[g].var(0) for g in groups], 0))


@pytest.mark.parametrize("bessel", [0, 1])
def test_virtual_batches_can_store_the_variance_of_the_whole(bessel):
    config = NormConfig(virtual_batch_size=4, virtual_batch_variance="pooled", decay=0.0)
    _, state = run(replace(config, bessel_correction=bool(bessel)), [X])
    np.testing.assert_allclose(state.moving_variance, X.var(0, ddof=bessel))
    _, within = run(replace(config, bessel_correction=bool(bessel), virtual_batch_variance="within"), [X])
    parts = [part.var(0, ddof=bessel) for part in np.split(X, 3)]
    np.testing.assert_allclose(within.moving_variance, np.mean(parts, 0))


@pytest.mark.parametrize("virtual", [{}, {"virtual_batch_size": 6}])
def test_weight_zero_leaves_a_sample_out_of_everything_but_its_own_output(virtual):
    keep = np.array([1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1], bool)  # four of each virtual batch
    config = NormConfig(weighted=True, renorm=Renorm(0.5, 2, 1), bessel_correction=True, **virtual)
    part = replace(config, virtual_batch_size=4 if virtual else None)
    y, state = run(config, [X, X], keep)
    expected_y, expected = run(part, [X[keep], X[keep]])
    np.testing.assert_allclose(y[keep], expected_y)
    for name in ("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"):
        np.testing.assert_allclose(getattr(state, name), getattr(expected, name))
    garbage = X.copy()
    garbage[~keep] = np.nan
    np.testing.assert_array_equal(training_forward(garbage, state, config, keep)[0][keep].shape, (8, 4))
    assert np.isfinite(run(config, [garbage], keep)[1].moving_mean).all()


def test_whole_weights_equal_repeated_samples():
    times = np.array([1, 2, 3, 1, 0, 2, 1, 1, 1, 2, 1, 3])
    config = NormConfig(weighted=True, bessel_correction=True)
    dy, repeated = RNG.normal(size=X.shape), np.repeat(X, times, axis=0)
    y, state, cache = training_forward(X, State.initial(config, 4), config, times)
    expected_y, expected, expected_cache = training_forward(repeated, State.initial(config, 4), config)
    np.testing.assert_allclose(np.repeat(y, times, axis=0), expected_y)
    np.testing.assert_allclose(state.moving_variance, expected.moving_variance)
    kept = times > 0
    dx = backward(np.where(kept[:, None], dy * times[:, None], 0), cache).dx
    first = np.cumsum(times)[kept] - times[kept]
    expected_dx = backward(np.repeat(dy, times, axis=0), expected_cache).dx
    np.testing.assert_allclose(dx[kept] / times[kept][:, None], expected_dx[first])


def test_weights_of_positions_are_those_of_the_flattened_batch():
    x, weights = RNG.normal(size=(4, 3, 5, 2)), RNG.random((4, 5, 2))
    config = NormConfig(axis=1, weighted=True)
    y, state, _ = training_forward(x, State.initial(config, 3), config, weights)
    flat = NormConfig(weighted=True)
    flat_y, flat_state, _ = training_forward(
        x.transpose(0, 2, 3, 1).reshape(-1, 3), State.initial(flat, 3), flat, weights.ravel()
    )
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1).reshape(-1, 3), flat_y)
    np.testing.assert_allclose(state.moving_variance, flat_state.moving_variance)


@pytest.mark.parametrize("renorm", [None, Renorm()])
@pytest.mark.parametrize("x", [X, X[:0]])
def test_a_batch_without_weight_is_normalized_by_the_averages_and_moves_none(renorm, x):
    config = NormConfig(weighted=True, renorm=renorm)
    state = State.initial(config, 4, moving_mean=1.0, moving_variance=3.0)
    y, after, _ = training_forward(x, state, config, np.zeros(len(x)))
    assert after is state
    np.testing.assert_allclose(y, inference(x, state, config))


def test_an_empty_virtual_batch_does_not_count():
    config = NormConfig(virtual_batch_size=4, weighted=True, decay=0.0)
    y, state, _ = training_forward(X, State.initial(config, 4), config, np.repeat([1, 0, 1], 4))
    np.testing.assert_allclose(state.moving_mean, (X[:4].mean(0) + X[8:].mean(0)) / 2)
    np.testing.assert_allclose(state.moving_variance, (X[:4].var(0) + X[8:].var(0)) / 2)
    np.testing.assert_allclose(y[4:8], X[4:8] / np.sqrt(1 + EPS))


def test_an_adjustment_acts_between_renorm_and_gamma_and_in_training_only():
    config = NormConfig(adjusted=True, renorm=Renorm(rmin=2, rmax=2, dmax=0), virtual_batch_size=6)
    state = State.initial(config, 4, gamma=3.0, beta=0.5)
    scale, bias = RNG.uniform(0.9, 1.1, 4), RNG.normal(size=(12, 1))
    y, state, _ = training_forward(X, state, config, adjustment=(scale, bias))
    x_hat = np.concatenate([normalized(part) for part in np.split(X, 2)])
    np.testing.assert_allclose(y, ((2 * x_hat) * scale + bias) * 3 + 0.5)
    moved = (X - state.moving_mean) / np.sqrt(state.moving_variance + EPS)
    np.testing.assert_allclose(inference(X, state, config), moved * 3 + 0.5)


@pytest.mark.parametrize("options", [{}, {"renorm": Renorm()}, {"virtual_batch_size": 4}, {"adjusted": True}])
def test_a_frozen_layer_trains_as_it_infers_and_changes_nothing(options):
    config = NormConfig(frozen=True, **options)
    state = State.initial(config, 4, gamma=2.0, beta=1.0, moving_mean=0.7, moving_variance=2.0)
    adjustment = (1.1, 0.1) if config.adjusted else None
    y, after, cache = training_forward(X, state, config, adjustment=adjustment)
    assert after is state
    np.testing.assert_allclose(y, inference(X, state, config))
    np.testing.assert_allclose(backward(np.ones_like(X), cache).dx, 2 / np.sqrt(2 + EPS))


def test_neither_a_frozen_layer_nor_inference_divides_the_batch():
    x = X[:11]
    for config in (NormConfig(virtual_batch_size=4), NormConfig(virtual_batch_size=4, frozen=True)):
        np.testing.assert_allclose(inference(x, State.initial(config, 4), config), x / np.sqrt(1 + EPS))
    np.testing.assert_allclose(training_forward(x, State.initial(config, 4), config)[0], x / np.sqrt(1 + EPS))


def test_a_layer_that_never_updates_still_normalizes_by_the_batch():
    config = NormConfig(update_statistics=False)
    state = State.initial(config, 4)
    y, after, _ = training_forward(X, state, config)
    assert after is state
    np.testing.assert_allclose(y, normalized(X))


def test_a_synchronized_layer_is_one_layer_over_the_joint_batch():
    config = NormConfig(synchronized=True, decay=0.0, bessel_correction=True)
    _, state = run(config, [X])
    replicas = [Moments.from_batch(part) for part in (X[:3], X[3:4], X[4:])]
    joint = replicas[0] + replicas[1] + replicas[2]
    np.testing.assert_allclose(state.moving_mean, joint.mean)
    np.testing.assert_allclose(state.moving_variance, joint.unbiased_variance)


def test_several_channel_axes_are_normalized_like_the_channels_they_flatten_to():
    x = RNG.normal(size=(6, 2, 5, 3))
    config = NormConfig(axis=(3, 1))
    state = State.initial(config, (2, 3), gamma=np.arange(6.0).reshape(2, 3))
    y, state, _ = training_forward(x, state, config)
    flat_x = x.transpose(0, 2, 1, 3).reshape(6, 5, 6)
    flat_state = State.initial(NormConfig(), 6, gamma=np.arange(6.0))
    flat_y, flat_state, _ = training_forward(flat_x, flat_state, NormConfig())
    np.testing.assert_allclose(y.transpose(0, 2, 1, 3).reshape(6, 5, 6), flat_y)
    np.testing.assert_allclose(state.moving_mean.ravel(), flat_state.moving_mean)
    np.testing.assert_allclose(
        inference(x, state, config)[0, 1, :, 2], inference(flat_x, flat_state, NormConfig())[0, :, 5]
    )


def test_the_correction_is_that_of_two_values_or_more():
    config = NormConfig(bessel_correction=True, decay=0.0)
    assert (run(config, [X[:1]])[1].moving_variance == 0).all()
    np.testing.assert_allclose(run(config, [X[:2]])[1].moving_variance, X[:2].var(0, ddof=1))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": None},
        {"momentum": 0.3, "eps": 1e-3},
        {"affine": False},
        {"track_running_stats": False},
        {"bias": False},
    ],
)
@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4), (6, 3, 4, 5), (2, 3, 2, 3, 2)])
def test_reference_equals_pytorch(options, shape):
    torch = pytest.importorskip("torch")
    kinds = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}
    layer = kinds[len(shape)](3, dtype=torch.float64, **options)
    config = NormConfig.from_torch(**options)
    gamma, beta = RNG.normal(size=3), RNG.normal(size=3)
    with torch.no_grad():
        if layer.weight is not None:
            layer.weight.copy_(torch.from_numpy(gamma))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(beta))
    state = State.initial(config, 3, gamma=gamma, beta=beta)
    for _ in range(3):
        x, dy = RNG.normal(5, 2, shape), RNG.normal(size=shape)
        tensor = torch.tensor(x, requires_grad=True)
        layer.zero_grad()
        expected = layer(tensor)
        expected.backward(torch.from_numpy(dy))
        y, state, cache = training_forward(x, state, config)
        gradients = backward(dy, cache)
        pairs = [
            (y, expected.detach()),
            (gradients.dx, tensor.grad),
            (gradients.dgamma, layer.weight.grad if layer.weight is not None else None),
            (gradients.dbeta, layer.bias.grad if layer.bias is not None else None),
            (state.moving_mean, layer.running_mean),
            (state.moving_variance, layer.running_var),
        ]
        for ours, theirs in pairs:
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-9)
    if layer.num_batches_tracked is not None:
        assert state.steps == int(layer.num_batches_tracked)
    layer.eval()
    x = RNG.normal(size=shape)
    with torch.no_grad():
        np.testing.assert_allclose(inference(x, state, config), layer(torch.from_numpy(x)).numpy())


def test_errors_say_what_does_not_fit():
    plain, virtual = NormConfig(), NormConfig(virtual_batch_size=5)
    weighted, adjusted = NormConfig(axis=1, weighted=True), NormConfig(adjusted=True)
    cases = [
        (lambda: training_forward(X, State.initial(virtual, 4), virtual), "does not divide the batch of 12"),
        (lambda: training_forward(X, State.initial(plain, 3), plain), r"has shape \(3,\)"),
        (lambda: inference(X, State.initial(plain, 3), plain), r"has shape \(3,\)"),
        (lambda: training_forward(X, State.initial(plain, 4), plain, np.ones(12)), "takes none"),
        (lambda: training_forward(X, State.initial(adjusted, 4), adjusted), "adjustment is None"),
        (lambda: training_forward(X, State.initial(plain, 4), plain, None, (1, 0)), "adjustment is given"),
        (lambda: training_forward(X, State.initial(weighted, 4), weighted, np.ones((12, 4))), "between channels"),
        (lambda: training_forward(X, State.initial(weighted, 4), weighted, np.ones(4)), "do not fit"),
        (lambda: training_forward(X, State(), plain), "State.initial"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
