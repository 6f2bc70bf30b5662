"""The layer of steadynorm.keras, synchronized over two replicas of TensorFlow, against one with the whole batch.

The replicas are two logical devices, which a process has from its start or never: a process of its own runs all.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from steadynorm.keras import BatchNormalization

SECONDS = 240
"""How long one step may take before the replicas are taken to wait for each other forever."""
RNG = np.random.default_rng(0)
X = RNG.normal(2.0, 3.0, (8, 5, 3)).astype("float32")
DY = RNG.normal(size=X.shape).astype("float32")
WEIGHTS = RNG.uniform(0.5, 2.0, 8).astype("float32")
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "renorm": {"renorm": True, "renorm_clipping": {"rmin": 0.9, "rmax": 1.1, "dmax": 0.5}},
    "averages": {"debias": True, "skip_nonfinite": True},
}
PARTS = {"equal": 4, "uneven": 3, "one without any": 8}

strategy: Any = None
layer: Any = None
"""In the process with two devices."""


def adapted(case):
    """As without replicas; virtual batches are those of one process, and are refused."""
    if case.config.decay is None or not case.config.track_statistics or case.config.virtual_batch_size is not None:
        return None
    if case.dtype == "float64" and case.weights != "positions":
        return None  # how samples are weighed has nothing to do with the type, and is tried with float32
    return replace(case, options={**case.options, "bessel_correction": False})


def two_devices():
    global strategy
    tf = importlib.import_module("tensorflow")
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def make(kind, shape, options):
    global layer
    with strategy.scope():
        layer = kind(synchronized=True, **options)
        layer.build(shape)


def set_affine(gamma, beta):
    for variable, value in ((layer.gamma, gamma), (layer.beta, beta)):
        if variable is not None:
            variable.assign(value)


def split(values, at):
    tf = importlib.import_module("tensorflow")
    parts = [tf.constant(values[:at]), tf.constant(values[at:])]
    return strategy.experimental_distribute_values_from_function(lambda it: parts[it.replica_id_in_sync_group])


def train(x, dy, weights, at):
    """Output and dx of the parts, one after the other; gradients for the variables, summed."""
    tf = importlib.import_module("tensorflow")

    def step(x, dy, *weights):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True, **dict(zip(["sample_weight"], weights, strict=False)))
        return y, *tape.gradient(y, [x, *(each.value for each in layer.trainable_variables)], dy)

    given = [split(each, at) for each in (x, dy, weights) if each is not None]
    found = [[each.numpy() for each in strategy.experimental_local_results(one)] for one in strategy.run(step, given)]
    of = {id(one): sum(parts) for one, parts in zip(layer.trainable_variables, found[2:], strict=True)}
    return *(np.concatenate(each) for each in found[:2]), of.get(id(layer.gamma)), of.get(id(layer.beta))


def infer(x):
    return layer(x, training=False).numpy()


def averages():
    """Every variable that is not trained, on each replica."""
    return {
        each.name: [one.numpy() for one in strategy.experimental_local_results(each.value)]
        for each in layer.non_trainable_variables
    }


def fitted(x, y, options, replicas):
    """The weights after `fit` at the rate zero on batches of 8, of which the last may be smaller."""
    inputs = keras.Input(x.shape[1:])
    strategies = importlib.import_module("tensorflow").distribute
    with (strategy if replicas else strategies.get_strategy()).scope():
        keras.utils.set_random_seed(1)
        normalized = BatchNormalization(momentum=0.5, synchronized=replicas, **options)(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(normalized)))
        # Keras' loss of a batch in uneven parts is not that of the whole, so that nothing else may move.
        model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.fixture(scope="module")
def replicas():
    """Runs functions of this file in a process with two devices."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, two_devices) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result(SECONDS)


class Replicated:
    """One layer on two replicas, of which one gets the first three samples and the other the rest."""

    def __init__(self, case, run):
        self.run = run
        config, renorm = case.config, case.config.renorm
        clipping = {} if renorm is None else {n: getattr(renorm, n) for n in ("rmin", "rmax", "dmax")}
        options = {
            "axis": 1,
            "momentum": config.decay,
            "epsilon": config.epsilon,
            "center": config.center,
            "scale": config.scale,
            "renorm": renorm is not None,
            "renorm_clipping": {n: bound for n, bound in clipping.items() if bound is not None} or None,
            "renorm_momentum": 0.99 if renorm is None else renorm.decay,
            "debias": config.debias == "full",
            "dtype": {"float16": "mixed_float16"}.get(case.dtype, case.dtype),
        }
        run(make, BatchNormalization, case.shape, options)

    def set(self, gamma, beta):
        self.run(set_affine, gamma, beta)

    def train(self, x, dy, weights):
        return self.run(train, x, dy, weights, 3)

    def infer(self, x):
        return self.run(infer, x)

    def statistics(self):
        found = self.run(averages)
        for one, other in found.values():
            np.testing.assert_array_equal(one, other)
        return found["moving_mean"][0], found["moving_variance"][0]


def test_as_the_reference_with_the_whole_batch(case, conforms, replicas):
    conforms(case, Replicated(case, replicas))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("at", PARTS.values(), ids=list(PARTS))
def test_as_one_process_with_the_whole_batch(at, options, weights, replicas):
    whole = BatchNormalization(momentum=0.8, **options)
    whole.build(X.shape)
    tf = importlib.import_module("tensorflow")
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = whole(x, training=True, sample_weight=weights)
    expected = [y, *tape.gradient(y, [x, whole.gamma.value, whole.beta.value], tf.constant(DY))]

    replicas(make, BatchNormalization, X.shape, {"momentum": 0.8, **options})
    found = replicas(train, X, DY, weights, at)

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    kept = replicas(averages)
    assert kept.keys() == {each.name for each in whole.non_trainable_variables}
    for each in whole.non_trainable_variables:
        for one in kept[each.name]:
            np.testing.assert_allclose(one, each.numpy(), rtol=1e-5, atol=1e-6)


def test_as_the_layer_of_keras(replicas):
    results = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        replicas(make, kind, X.shape, {})
        results.append([*replicas(train, X, DY, None, 3), *np.concatenate([*replicas(averages).values()])])

    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_replicas_that_are_not_synchronized_differ(replicas):
    """What the comparisons above would see."""
    replicas(make, BatchNormalization, X.shape, {"momentum": 0.8})
    together = replicas(train, X, DY, None, 3)[0]
    alone = [BatchNormalization()(part, training=True).numpy() for part in (X[:3], X[3:])]

    assert np.abs(together - np.concatenate(alone)).max() > 0.1


def test_samples_of_other_sizes_on_each_replica(replicas):
    """A replica's weight is that of its positions, not that of its samples."""
    replicas(make, BatchNormalization, (None, None, 3), {"momentum": 0.0})
    small, large = X[:4, :1], X[4:]

    replicas(train_sizes, small, large)

    flat = np.concatenate([small.reshape(-1, 3), large.reshape(-1, 3)]).astype("float64")
    weights = np.concatenate([WEIGHTS[:4], np.repeat(WEIGHTS[4:], 5)])
    mean = np.average(flat, axis=0, weights=weights)
    kept = replicas(averages)
    np.testing.assert_allclose(kept["moving_mean"][1], mean, rtol=1e-5)
    variance = np.average((flat - mean) ** 2, axis=0, weights=weights)
    np.testing.assert_allclose(kept["moving_variance"][1], variance, rtol=1e-5)


def train_sizes(small, large):
    parts = [(small, WEIGHTS[:4]), (large, WEIGHTS[4:])]
    given = strategy.experimental_distribute_values_from_function(lambda it: parts[it.replica_id_in_sync_group])
    strategy.run(lambda each: layer(each[0], training=True, sample_weight=each[1]), (given,))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_fit_with_a_last_batch_of_one_sample(options, replicas):
    """The second replica gets nothing of it; both end with the averages of all samples."""
    x = RNG.normal(2.0, 3.0, (17, 5, 3)).astype("float32")
    y = x.mean((1, 2))

    together, alone = (replicas(fitted, x, y, options, each) for each in (True, False))

    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
