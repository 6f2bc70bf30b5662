"""Every error says what was wrong, in which layer, what was expected and what to do."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import (
    BatchNormalization,
    Saver,
    batch_norm,
    batch_normalization,
    create_train_op,
    minimize,
    statistics,
)

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def x(*shape):
    return v1.placeholder(tf.float32, shape or [12, 5], name="x")


VALUE_ERRORS = {
    "data_format": (lambda: batch_norm(x(), data_format="CHWN"), ["CHWN", "NHWC or NCHW", "'BatchNorm'"]),
    "channels of slim": (lambda: batch_norm(x(8, None)), ["channels", "unknown", "set_shape", "'BatchNorm'"]),
    "channels of tf.layers": (lambda: batch_normalization(x(8, None), name="bn"), ["unknown", "set_shape", "'bn'"]),
    "channels on axis 1": (lambda: batch_norm(x(8, None, 4, 4), data_format="NCHW"), ["axis 1", "set_shape"]),
    "a negative epsilon": (lambda: batch_norm(x(), epsilon=-1.0, scope="bn"), ["epsilon", "'bn'", "-1.0", "from 0 on"]),
    "epsilon of tf.layers": (lambda: batch_normalization(x(), epsilon=float("nan")), ["epsilon", "nan"]),
    "a single number": (lambda: batch_norm(tf.constant(1.0), scope="bn"), ["'bn'", "single number", "tf.reshape"]),
    "rank": (lambda: batch_norm(v1.placeholder(tf.float32)), ["number of axes", "set_shape"]),
    "axis": (lambda: batch_normalization(x(), axis=3), ["axis 3", "out of range", "(12, 5)"]),
    "axis twice": (lambda: batch_normalization(x(), axis=[1, -1]), ["once", "(12, 5)"]),
    "nothing to reduce": (lambda: batch_normalization(x(), axis=[0, 1]), ["moments over", "fewer"]),
    "adjustment with fused": (
        lambda: batch_normalization(x(), fused=True, adjustment=lambda s: (1.0, 0.0)),
        ["fused=True", "adjustment", "fused=None"],
    ),
    "slim's adjustment with fused": (
        lambda: batch_norm(x(), fused=True, adjustment=lambda s: (1.0, 0.0)),
        ["fused=None"],
    ),
    "adjustment's result": (
        lambda: batch_normalization(x(), training=True, adjustment=lambda s: 1.0),
        ["adjustment returned 1.0", "(scale, bias)"],
    ),
    "virtual batch": (
        lambda: batch_normalization(x(), training=True, virtual_batch_size=5, name="bn"),
        ["virtual_batch_size 5", "batch of 12", "'bn'", "multiple"],
    ),
    "virtual batch of 0": (
        lambda: batch_normalization(x(), virtual_batch_size=0),
        ["virtual_batch_size is 0", "positive"],
    ),
    "virtual batch and adjustment": (
        lambda: batch_normalization(x(), virtual_batch_size=4, adjustment=lambda s: (1.0, 0.0)),
        ["virtual_batch_size 4", "adjustment", "drop"],
    ),
    "virtual batch along the channels": (
        lambda: batch_normalization(x(12, 5, 2), axis=0, virtual_batch_size=4),
        ["axis 0", "virtual_batch_size"],
    ),
    "virtual batch along the channels from behind": (
        lambda: batch_normalization(x(12, 5, 2), axis=-3, virtual_batch_size=4),
        ["axis -3", "virtual_batch_size", "drop"],
    ),
    "clipping": (
        lambda: batch_norm(x(), renorm=True, renorm_clipping={"r_max": 3.0}, scope="bn"),
        ["'r_max'", "rmin, rmax, dmax", "'bn'"],
    ),
    "clipping of tf.layers": (
        lambda: batch_normalization(x(), renorm=True, renorm_clipping={"max": 3}),
        ["'max'", "rmin"],
    ),
    "clipping in the wrong order": (
        lambda: batch_normalization(x(), renorm=True, renorm_clipping={"rmin": 3.0, "rmax": 2.0}),
        ["rmin 3.0 above rmax 2.0", "swap"],
    ),
    "weights": (
        lambda: batch_norm(x(), batch_weights=np.ones(7, "f")),
        ["(7,)", "(12, 5)", "per sample", "'BatchNorm'"],
    ),
    "weights per value": (lambda: batch_norm(x(), batch_weights=np.ones([12, 1], "f")), ["(12, 1)", "reshape"]),
    "renorm with weights": (lambda: batch_norm(x(), renorm=True, batch_weights=np.ones(12, "f")), ["renorm", "drop"]),
    "decay": (lambda: batch_norm(x(), decay=1.5), ["1.5", "from 0 to 1", "'BatchNorm'"]),
    "decay as a string": (lambda: batch_norm(x(), decay="0.9"), ["decay of", "'0.9'", "from 0 to 1"]),
    "renorm_decay": (
        lambda: batch_norm(x(), renorm=True, renorm_decay=-0.1),
        ["renorm_decay of", "-0.1", "from 0 to 1", "1 − renorm_decay"],
    ),
    "momentum": (lambda: batch_normalization(x(), momentum=1.5), ["momentum of", "1.5", "from 0 to 1", "1 − momentum"]),
    "no momentum": (lambda: batch_normalization(x(), momentum=None), ["momentum of", "None"]),
    "renorm_momentum": (
        lambda: batch_normalization(x(), renorm=True, renorm_momentum=2),
        ["renorm_momentum of", "is 2", "from 0 to 1"],
    ),
    "reuse without variables": (
        lambda: (batch_norm(x(), scope="net/conv1/bn"), batch_norm(x(), scope="net/conv2/bn", reuse=True)),
        ["'net/conv2/bn'", "reuse=True", "'net/conv2/bn/beta' does not exist", "net/conv1/bn/beta", "AUTO_REUSE"],
    ),
    "reuse of tf.layers without variables": (
        lambda: batch_normalization(x(), name="bn", reuse=True),
        ["'bn/gamma' does not exist", "none with a similar name"],
    ),
    "reuse with other options": (
        lambda: (batch_norm(x(), scope="bn"), batch_norm(x(), scope="bn", scale=True, reuse=True)),
        ["'bn/gamma' does not exist", "has bn/beta, bn/moving_mean and bn/moving_variance", "scale"],
    ),
    "reuse with renorm": (
        lambda: (
            batch_normalization(x(), name="bn"),
            batch_normalization(x(), name="bn", renorm=True, renorm_momentum=0.5, reuse=True),
        ),
        ["'bn/moving_stddev' does not exist", "renorm"],
    ),
    "reuse with zero debiasing": (
        lambda: (batch_norm(x(), scope="bn"), batch_norm(x(), scope="bn", zero_debias_moving_mean=True, reuse=True)),
        ["'bn' is to reuse", "'bn/bn/moving_mean/biased' does not exist"],
    ),
    "epsilon": (lambda: batch_normalization(x(), epsilon=-1.0), ["epsilon is -1.0"]),
    "initializers": (lambda: batch_norm(x(), param_initializers={"mean": None}), ["'mean'", "moving_mean"]),
    "regularizers": (lambda: batch_norm(x(), param_regularizers={"weights": None}), ["'weights'", "beta, gamma"]),
    "statistics": (lambda: batch_norm(x(), statistics="a/b"), ["'a/b'", "without '/'"]),
    "variables before the first call": (lambda: BatchNormalization(name="bn").gamma, ["'bn'", "apply it"]),
}
TYPE_ERRORS = {
    "a string": (lambda: batch_normalization(x(), training="train"), ["training", "'train'", "mode == 'train'"]),
    "None": (lambda: batch_norm(x(), is_training=None, scope="bn"), ["is_training", "None", "'bn'"]),
    "2": (lambda: batch_norm(x(), is_training=2), ["is_training", "2", "True, False"]),
    "an int tensor": (lambda: batch_norm(x(), is_training=tf.constant(1)), ["tf.bool"]),
    "a vector": (lambda: batch_norm(x(), is_training=v1.placeholder(tf.bool, [2])), ["scalar", "(2,)"]),
    "no axis": (lambda: batch_normalization(x(), axis=None, name="bn"), ["axis", "'bn'", "None", "-1", "list"]),
    "an axis by name": (lambda: batch_normalization(x(), axis=[1, "c"]), ["axis", "[1, 'c']"]),
    "an axis that is a bool": (lambda: batch_normalization(x(), axis=True), ["axis", "True"]),
    "bessel_correction": (lambda: batch_norm(x(), bessel_correction=1), ["bessel_correction", "is 1", "None"]),
    "bessel_correction of tf.layers": (
        lambda: batch_normalization(x(), bessel_correction="no", name="bn"),
        ["bessel_correction of batch normalization 'bn' is 'no'"],
    ),
    "integer input": (lambda: batch_norm(tf.zeros([3, 4], tf.int32)), ["int32", "float32", "cast"]),
    "an initializer": (
        lambda: batch_normalization(x(), gamma_initializer=1.0),
        ["gamma", "1.0", "constant_initializer"],
    ),
}


@pytest.mark.parametrize("case", VALUE_ERRORS)
def test_a_wrong_value_is_explained(case):
    call, words = VALUE_ERRORS[case]
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are checked one by one
        call()
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize("case", TYPE_ERRORS)
def test_a_wrong_type_is_explained(case):
    call, words = TYPE_ERRORS[case]
    with pytest.raises(TypeError) as error:
        call()
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize("samples", [8, 9])
def test_a_virtual_batch_that_does_not_divide_is_explained_when_the_graph_runs(samples):
    y = batch_normalization(x(None, 5), training=True, virtual_batch_size=4, name="bn")
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        feed = {"x:0": np.ones([samples, 5])}
        if samples == 8:
            assert session.run(y, feed).shape == (8, 5)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match="virtual_batch_size 4 does not divide the batch"):
                session.run(y, feed)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("training", [False, "placeholder"])
def test_inference_takes_any_batch_whatever_the_virtual_batch(training, known):
    mode = v1.placeholder_with_default(False, []) if training else False
    inputs = x(3 if known else None, 5)
    y = batch_normalization(inputs, training=mode, virtual_batch_size=4, name="bn", epsilon=0.25)
    gradient = tf.gradients(y, inputs)[0]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        feed = {inputs: np.full([3, 5], 2.0)}
        np.testing.assert_allclose(session.run(y, feed), np.full([3, 5], 2 / 1.25**0.5), rtol=1e-6)
        np.testing.assert_allclose(session.run(gradient, feed), np.full([3, 5], 1.25**-0.5), rtol=1e-6)
        if training:
            with pytest.raises(tf.errors.InvalidArgumentError, match="virtual_batch_size 4 does not divide the batch"):
                session.run(y, {**feed, mode: True})


def test_weights_of_the_wrong_number_fail_when_the_graph_runs():
    weights = v1.placeholder(tf.float32, [None])
    y = batch_norm(x(), batch_weights=weights)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        feed = {"x:0": np.ones([12, 5])}
        assert session.run(y, {**feed, weights: np.ones(12)}).shape == (12, 5)
        with pytest.raises(tf.errors.InvalidArgumentError, match="7"):
            session.run(y, {**feed, weights: np.ones(7)})


@pytest.mark.usefixtures("eager")
def test_eager_mode_is_explained():
    with pytest.raises(RuntimeError, match=r"eager mode.*tf.Graph\(\).as_default"):
        batch_norm(np.zeros([3, 4], np.float32))


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: create_train_op(tf.constant(1.0), v1.train.AdamOptimizer()), "create_train_op"),
        (lambda: minimize(v1.train.AdamOptimizer(), tf.constant(1.0)), "minimize"),
        (statistics, "statistics"),
        (lambda: Saver([tf.Variable(1.0, name="gamma")]), "Saver"),
    ],
)
def test_eager_mode_is_explained_by_what_needs_a_graph(call, name):
    with pytest.raises(RuntimeError, match=rf"^{name} was called .* eager mode; expected a graph"):
        call()


@pytest.mark.usefixtures("eager")
def test_a_function_of_eager_mode_is_explained():
    def layer(value):
        return batch_norm(value, updates_collections=None, scope="bn")

    def listed(value):
        layer(value)
        return [tf.constant(each.name) for each in statistics()]

    with pytest.raises(RuntimeError, match=r"'bn' was called in a tf.function of eager mode"):
        tf.function(layer, autograph=False)(tf.zeros([3, 4]))
    with pytest.raises(RuntimeError, match=r"variable bn/.* belongs to eager mode, as those of tf.function and of"):
        v1.wrap_function(listed, [tf.TensorSpec([3, 4])])


def test_a_layer_called_in_another_graph_is_explained():
    layer = BatchNormalization(name="bn")
    layer(x())
    with tf.Graph().as_default(), pytest.raises(ValueError, match="'bn' has its variables in another graph"):
        layer(tf.zeros([12, 5]))
