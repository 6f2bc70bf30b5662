"""Every option of a layer: what is refused, and what each framework's own names mean."""

import dataclasses

import numpy as np
import pytest

from steadynorm.norm.config import NormConfig
from steadynorm.norm.fused import FUSED_MINIMUM_EPSILON
from steadynorm.norm.renorm import Renorm

NAN = float("nan")
INF = float("inf")


def test_a_configuration_cannot_be_changed_and_can_be_compared():
    config = NormConfig(renorm=Renorm(rmax=3.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.decay = 0.5
    assert config == NormConfig(renorm=Renorm(rmax=3.0))
    assert hash(config) == hash(NormConfig(renorm=Renorm(rmax=3.0)))


@pytest.mark.parametrize(
    ("options", "wrong", "advice"),
    [
        ({"axis": ()}, r"axis is \(\)", "name the channel axes"),
        ({"axis": 1.0}, "axis is 1.0", "name the channel axes"),
        ({"axis": True}, "axis is True", "name the channel axes"),
        ({"axis": (1, 1)}, "names an axis twice", "name each once"),
        ({"decay": -0.1}, "decay is -0.1", "None for a cumulative average"),
        ({"decay": 1.5}, "decay is 1.5", "PyTorch's momentum is 1 − decay"),
        ({"decay": NAN}, "decay is nan", "from 0 to 1"),
        ({"decay": "0.9"}, "decay is '0.9'", "from 0 to 1"),
        ({"epsilon": -1e-3}, "epsilon is -0.001", "a typical value is 0.001"),
        ({"epsilon": INF}, "epsilon is inf", "at least 0"),
        ({"epsilon": NAN}, "epsilon is nan", "at least 0"),
        ({"debias": "both"}, "debias is 'both'", "none, mean, full"),
        ({"debias": "mean", "decay": None}, "has no bias", "choose one of them"),
        ({"debias": "full", "decay": 1}, "divides by 1 − decay", "lower it"),
        ({"virtual_batch_layout": "random"}, "layout is 'random'", "contiguous, strided"),
        ({"virtual_batch_variance": "sum"}, "variance is 'sum'", "within, pooled"),
        ({"virtual_batch_size": 0}, "virtual_batch_size is 0", "divides the batch size"),
        ({"virtual_batch_size": 2.0}, "virtual_batch_size is 2.0", "positive integer"),
        ({"virtual_batch_size": True}, "virtual_batch_size is True", "positive integer"),
        ({"virtual_batch_size": 8, "axis": 0}, "channel axis 0", "move the channels"),
        ({"virtual_batch_size": 8, "axis": (0, 2)}, "channel axis 0", "move the channels"),
        ({"virtual_batch_size": 8, "synchronized": True}, "joins the batches", "drop the other"),
        ({"track_statistics": False, "frozen": True}, "frozen with", "track_statistics=True"),
        ({"track_statistics": False, "renorm": Renorm()}, "renorm with", "track_statistics=True"),
        ({"track_statistics": False, "debias": "mean"}, "debias 'mean' with", "track_statistics=True"),
    ],
)
def test_an_invalid_configuration_says_what_is_wrong_and_what_to_do(options, wrong, advice):
    with pytest.raises(ValueError, match=wrong) as error:
        NormConfig(**options)
    assert advice in " ".join(str(error.value).split())
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: Renorm(rmin=3.0, rmax=2.0), "rmin 3.0 above rmax 2.0"),
        (lambda: Renorm(rmin=-1.0), "rmin is -1.0"),
        (lambda: Renorm(rmax=NAN), "rmax is nan"),
        (lambda: Renorm(dmax=-0.5), "dmax is -0.5"),
        (lambda: Renorm(decay=1.1), "renorm decay is 1.1"),
        (lambda: Renorm.from_clipping({"rmax": 3, "dmin": 1, "x": 0}, 0.9), r"has \['dmin', 'x'\]"),
    ],
)
def test_invalid_clipping_says_what_is_wrong(make, wrong):
    with pytest.raises(ValueError, match=wrong) as error:
        make()
    assert "expected" in str(error.value)


def test_missing_bounds_of_renorm_do_not_bound():
    assert Renorm.from_clipping(None, 0.9) == Renorm(None, None, None, 0.9)
    assert Renorm.from_clipping({"rmax": INF}, 0.9).rmax == INF
    r, d = Renorm().correction(np.array([1e6]), np.array([1e6]), np.array([0.0]), np.array([1.0]), 0.001)
    assert (r, d) == (1e6, 1e6)


def test_pytorch_names():
    assert NormConfig.from_torch() == NormConfig(axis=1, decay=0.9, epsilon=1e-5, bessel_correction=True)
    assert NormConfig.from_torch(momentum=None).decay is None
    layer = NormConfig.from_torch(eps=0.1, momentum=0.25, affine=False, track_running_stats=False)
    assert (layer.epsilon, layer.decay, layer.scale, layer.center) == (0.1, 0.75, False, False)
    assert not layer.track_statistics
    assert NormConfig.from_torch(bias=False).scale
    assert not NormConfig.from_torch(bias=False).center
    assert NormConfig.from_torch(frozen=True, synchronized=True).frozen
    assert NormConfig.from_torch(synchronized=True).synchronized
    with pytest.raises(ValueError, match="decay is -1"):
        NormConfig.from_torch(momentum=2)


def test_keras_3_stores_the_biased_variance_and_freezes_by_trainable():
    assert NormConfig.from_keras() == NormConfig(axis=-1, decay=0.99, epsilon=1e-3)
    layer = NormConfig.from_keras(axis=[1], momentum=0.9, trainable=False, synchronized=True, masked=True)
    assert layer == NormConfig(axis=(1,), decay=0.9, frozen=True, synchronized=True, weighted=True)
    renorm = NormConfig.from_keras(renorm=True, renorm_clipping={"dmax": 5.0}, renorm_momentum=0.8)
    assert renorm.renorm == Renorm(dmax=5.0, decay=0.8)


@pytest.mark.parametrize("options", [{"fused": True}, {"virtual_batch_size": 4}, {"adjustment": "some"}])
def test_keras_3_has_no_options_of_keras_2(options):
    with pytest.raises(ValueError, match="version=2"):
        NormConfig.from_keras(**options)


def test_keras_2_corrects_the_variance_where_it_is_fused():
    assert NormConfig.from_keras(version=2, rank=4).bessel_correction
    assert not NormConfig.from_keras(version=2, rank=2).bessel_correction
    assert not NormConfig.from_keras(version=2, rank=4, fused=False).bessel_correction
    assert not NormConfig.from_keras(version=2, rank=4, renorm=True).bessel_correction
    assert not NormConfig.from_keras(version=2, rank=4, synchronized=True).bessel_correction
    # The fused kernel ignores a mask, so that the layer takes no weights there.
    assert not NormConfig.from_keras(version=2, rank=4, masked=True).weighted
    assert NormConfig.from_keras(version=2, rank=3, masked=True).weighted
    assert NormConfig.from_keras(version=2, rank=4, virtual_batch_size=2).virtual_batch_layout == "strided"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, "rank is None"),
        ({"rank": 4, "fused": True, "renorm": True}, "fused=True is not possible"),
        ({"rank": 4, "fused": True, "adjustment": "some"}, "fused=True is not possible"),
        ({"rank": 4, "fused": True, "virtual_batch_size": 2}, "fused=True is not possible"),
        ({"rank": 4, "fused": True, "dtype": "float64"}, "fused=True is not possible"),
        ({"rank": 2, "fused": True}, "fused=True is not possible"),
        ({"rank": 4, "axis": 5}, "out of range"),
        ({"rank": 4, "virtual_batch_size": 2, "adjustment": "some"}, "adjustment together with virtual_batch_size"),
    ],
)
def test_keras_2_refuses_what_it_cannot_do(options, wrong):
    with pytest.raises(ValueError, match=wrong):
        NormConfig.from_keras(version=2, **options)


@pytest.mark.parametrize(
    ("options", "fused"),
    [
        ({"rank": 2}, False),
        ({"rank": 3}, False),
        ({"rank": 4}, True),
        ({"rank": 5}, True),
        ({"rank": 6}, False),
        ({"rank": 4, "axis": 1}, True),
        ({"rank": 4, "axis": -3}, True),
        ({"rank": 4, "axis": 2}, False),
        ({"rank": 5, "axis": 3}, False),
        ({"rank": 4, "axis": [1, 3]}, False),
        ({"rank": 4, "axis": [3]}, True),
        ({"rank": 4, "dtype": "float16"}, True),
        ({"rank": 4, "dtype": "float64"}, False),
        ({"rank": 4, "fused": False}, False),
        ({"rank": 4, "fused": True, "renorm": True}, False),
        ({"rank": 4, "fused": True, "adjustment": "some"}, False),
        ({"rank": 4, "fused": True, "virtual_batch_size": 2}, False),
    ],
)
def test_tf_layers_correct_the_variance_where_they_are_fused(options, fused):
    layer = NormConfig.from_tf_layers(epsilon=1e-8, **options)
    assert layer.bessel_correction == fused
    assert layer.epsilon == (FUSED_MINIMUM_EPSILON if fused else 1e-8)


def test_tf_layers_names():
    layer = NormConfig.from_tf_layers(rank=2, momentum=0.9, center=False, scale=False, trainable=False)
    assert layer == NormConfig(decay=0.9, center=False, scale=False, update_statistics=False)
    with pytest.raises(ValueError, match="adjustment together with virtual_batch_size"):
        NormConfig.from_tf_layers(rank=2, virtual_batch_size=4, adjustment="some")
    with pytest.raises(ValueError, match="rmin 2 above rmax 1"):
        NormConfig.from_tf_layers(rank=2, renorm=True, renorm_clipping={"rmin": 2, "rmax": 1})


@pytest.mark.parametrize(
    ("options", "corrected", "updates_when_not_trainable"),
    [
        ({"rank": 2}, True, True),
        ({"rank": 3}, False, False),
        ({"rank": 4}, True, False),
        ({"rank": 5}, True, False),
        ({"rank": 2, "fused": False}, False, False),
        ({"rank": 4, "fused": False}, False, False),
        ({"rank": 2, "renorm": True}, False, False),
        ({"rank": 2, "adjustment": "some"}, False, False),
        ({"rank": 4, "updates_collections": None}, True, True),
        ({"rank": 3, "updates_collections": None}, False, True),
        ({"rank": 4, "zero_debias_moving_mean": True}, True, True),
        ({"rank": 4, "zero_debias_moving_mean": True, "fused": False}, False, True),
        ({"rank": 4, "batch_weights": np.ones(3)}, False, True),
        ({"rank": 4, "data_format": "NCHW"}, True, False),
    ],
)
def test_slim_takes_one_of_three_paths(options, corrected, updates_when_not_trainable):
    assert NormConfig.from_slim(**options).bessel_correction == corrected
    assert NormConfig.from_slim(trainable=False, **options).update_statistics == updates_when_not_trainable


def test_slim_names():
    assert NormConfig.from_slim(rank=4, fused=False) == NormConfig(decay=0.999, scale=False)
    layer = NormConfig.from_slim(rank=3, data_format="NCHW", zero_debias_moving_mean=True, batch_weights=True)
    assert (layer.axis, layer.debias, layer.weighted) == (1, "mean", True)
    assert not NormConfig.from_slim(rank=2, batch_weights=False).weighted
    renorm = NormConfig.from_slim(rank=2, renorm=True, renorm_decay=0.7, renorm_clipping={"dmax": 1.0})
    assert renorm.renorm == Renorm(dmax=1.0, decay=0.7)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"data_format": "CHWN"}, "data_format is 'CHWN'"),
        ({"renorm": True, "batch_weights": True}, "renorm and adjustment are not possible"),
        ({"renorm": True, "zero_debias_moving_mean": True}, "renorm and adjustment are not possible"),
        ({"adjustment": "some", "updates_collections": None}, "renorm and adjustment are not possible"),
        ({"decay": 2}, "decay is 2"),
    ],
)
def test_slim_refuses_what_it_cannot_do(options, wrong):
    with pytest.raises(ValueError, match=wrong):
        NormConfig.from_slim(rank=4, **options)
