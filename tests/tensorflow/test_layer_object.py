"""The class as tf.layers.BatchNormalization was: built before it is called, and asked about itself."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import BatchNormalization, batch_normalization, layers

v1 = tf.compat.v1
Keys = v1.GraphKeys
X = np.random.default_rng(0).normal(2.0, 3.0, (6, 4)).astype(np.float32)
NAMES = ["gamma", "beta", "moving_mean", "moving_variance"]


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def x(*shape, dtype=tf.float32):
    return v1.placeholder(dtype, shape or [None, 4])


def names(variables):
    return [variable.op.name for variable in variables]


def run(fetches, feed=None):
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        return session.run(fetches, feed)


def test_nothing_is_there_before_the_layer_is_built(graph):
    layer = BatchNormalization()
    assert (layer.built, layer.name, layer.dtype, layer.graph) == (False, "batch_normalization", None, None)
    assert layer.weights == layer.variables == layer.trainable_weights == layer.non_trainable_weights == []
    assert layer.updates == layer.losses == layer.get_updates_for(None) == layer.get_losses_for(None) == []
    with pytest.raises(ValueError, match="'batch_normalization' has no variable scope yet"):
        _ = layer.scope_name
    with pytest.raises(ValueError, match="'batch_normalization' has no variables yet"):
        layer.count_params()
    assert not graph.get_operations()


def test_built_before_the_call_it_makes_the_variables_of_the_call():
    layer = BatchNormalization(name="bn", renorm=True)
    with v1.variable_scope("net"):
        layer.build([None, 4])
        made = v1.global_variables()
        layer.build([None, 4])
    assert (layer.built, layer.scope_name, layer.dtype, len(layers())) == (True, "net/bn", "float32", 0)
    layer(x(), training=True)
    assert v1.global_variables() == made == layer.weights
    with v1.variable_scope("called"):
        BatchNormalization(name="bn", renorm=True)(x())
    other = v1.global_variables("called/")
    assert names(other) == [name.replace("net/", "called/") for name in names(made)]
    assert [each.shape for each in other] == [each.shape for each in made]


def test_operations_of_a_layer_that_was_built_are_in_its_name_scope():
    layer = BatchNormalization(name="bn")
    layer.build([None, 4])
    assert layer(x()).op.name.startswith("bn/")


def test_a_built_layer_computes_what_a_called_one_does():
    built, called = BatchNormalization(momentum=0.5), BatchNormalization(momentum=0.5)
    built.build(tf.TensorShape([None, 4]))
    with v1.Session() as session:
        outputs = [layer(tf.constant(X), training=True) for layer in (built, called)]
        session.run(v1.global_variables_initializer())
        one, other = session.run(outputs)
        session.run([built.updates, called.updates])
        mean = session.run(built.moving_mean)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one, (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean, 0.5 * X.mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axis", "shapes"),
    [((None, 3, 5, 4), -1, [4]), ((None, 4, 7), 1, [4]), ((None, 3, 2, 4), [1, -1], [1, 3, 1, 4])],
)
def test_build_needs_the_channels_only(shape, axis, shapes):
    layer = BatchNormalization(axis=axis)
    layer.build(shape)
    assert layer.gamma.shape.as_list() == layer.moving_variance.shape.as_list() == shapes
    assert layer.compute_output_shape(shape) == shape


@pytest.mark.parametrize(
    ("shape", "words"),
    [(None, "number of axes"), ([3, None], r"given to build of batch normalization 'bn'.*channels .* unknown")],
)
def test_a_shape_that_cannot_be_built_for_is_explained(shape, words):
    with pytest.raises(ValueError, match=words):
        BatchNormalization(name="bn").build(shape)


def test_statistics_of_the_layer_s_own_domain_are_built():
    layer = BatchNormalization(name="bn", statistics="real")
    layer.build([None, 4])
    layer(x(), statistics="fake")
    ends = ["gamma", "beta", *(f"{domain}/{name}" for domain in ("real", "fake") for name in NAMES[2:])]
    assert names(layer.weights) == [f"bn/{end}" for end in ends]
    assert layer.moving_mean.op.name == "bn/real/moving_mean"


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_the_type_is_that_given_or_that_of_the_first_input(dtype):
    kept = tf.float64 if dtype == tf.float64 else tf.float32
    given, built, called = BatchNormalization(dtype=dtype), BatchNormalization(dtype=dtype.name), BatchNormalization()
    assert given.dtype == dtype.name == dtype
    built.build([None, 4])
    for layer in (given, built, called):
        assert layer(x(dtype=dtype)).dtype == dtype
        assert layer.dtype == dtype.name
        assert {each.dtype.base_dtype for each in layer.weights} == {kept}


def test_types_that_do_not_go_together_are_explained():
    for given, other in (("float64", tf.float32), ("float32", tf.float64), (None, tf.float64)):
        layer = BatchNormalization(name="bn", dtype=given)
        if given is None:
            layer(x())
        with pytest.raises(TypeError, match=rf"'bn' is {other.name}, and the layer {given or 'float32'}; expected"):
            layer(x(dtype=other))
    assert BatchNormalization(dtype=tf.float32)(x(dtype=tf.float16)).dtype == tf.float16
    with pytest.raises(TypeError, match="dtype of batch normalization 'bn' is 'int32'; expected one of float16"):
        BatchNormalization(name="bn", dtype="int32")
    with pytest.raises(TypeError, match="'single precision'"):
        BatchNormalization(dtype="single precision")


def test_arguments_for_keras_models_mean_nothing_and_unknown_ones_are_refused():
    layer = BatchNormalization(input_shape=(4,), batch_size=3, batch_input_shape=(3, 4), autocast=False)
    assert layer(x()).shape.as_list() == [None, 4]
    with pytest.raises(TypeError, match="unknown 'decay', 'is_training'; expected the arguments"):
        BatchNormalization(decay=0.9, is_training=True)


def test_an_explicit_name_stays_and_scopes_are_made_unique():
    first, second, third, fourth = (BatchNormalization(name=name) for name in ("bn", "bn", None, None))
    for layer in (first, second, third, fourth):
        layer(x())
    assert [each.name for each in (first, second)] == ["bn", "bn"]
    assert [each.scope_name for each in (first, second)] == ["bn", "bn_1"]
    assert [each.name for each in (third, fourth)] == ["batch_normalization", "batch_normalization_1"]


def test_the_graph_is_that_of_the_variables(graph):
    layer = BatchNormalization()
    tf.cond(v1.placeholder(tf.bool, []), lambda: layer(tf.zeros([3, 4])), lambda: tf.zeros([3, 4]))
    assert layer.graph is graph


def test_parameters_are_counted():
    layer, wide = BatchNormalization(), BatchNormalization(scale=False, renorm=True)
    layer.build([None, 4])
    wide.build([None, 3, 5, 7])
    assert layer.count_params() == 4 * 4
    assert wide.count_params() == 7 * (1 + 2 + 3)


def test_partitioned_parameters_are_listed_in_parts():
    layer = BatchNormalization(name="bn")
    with v1.variable_scope("net", partitioner=v1.fixed_size_partitioner(2)):
        layer(x())
    parts = [f"net/bn/{name}/part_{part}" for name in NAMES[:2] for part in (0, 1)]
    assert names(layer.trainable_weights) == parts
    assert layer.count_params() == 16


def test_trainable_can_be_changed_as_in_the_original():
    layer = BatchNormalization(name="bn")
    layer(x(), training=True)
    weights = layer.weights
    layer.trainable = False
    assert (layer.trainable_weights, layer.non_trainable_weights) == ([], weights)
    assert layer.updates == []
    layer(x(), training=True)
    assert len(v1.get_collection(Keys.UPDATE_OPS)) == 2  # of the first call
    layer.trainable = True
    assert layer.trainable_weights == weights[:2] == v1.trainable_variables()
    assert layer.updates == v1.get_collection(Keys.UPDATE_OPS)


@pytest.mark.parametrize("how", ["constructor", "attribute", "build"])
def test_variables_made_while_it_is_not_trainable_never_are(how):
    layer = BatchNormalization(trainable=how != "constructor")
    layer.trainable = False
    layer.build([None, 4]) if how == "build" else layer(x())
    assert v1.trainable_variables() == []
    layer.trainable = True
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 4


def test_a_custom_getter_may_make_variables_that_are_not_trainable():
    def frozen(getter, **options):
        return getter(**{**options, "trainable": False})

    layer = BatchNormalization()
    with v1.variable_scope("net", custom_getter=frozen):
        layer(x())
    assert layer.trainable
    assert layer.trainable_weights == []


def test_updates_are_asked_for_by_input():
    a, b, c = x(), x(), x()
    layer = BatchNormalization()
    v1.get_variable_scope().set_use_resource(True)  # the updates of references are not in one branch
    layer(tf.nn.relu(a + b), training=True)
    layer(b * 2.0, training=v1.placeholder(tf.bool, []))
    layer(c, training=False)
    first, second = layer.updates[:2], layer.updates[2:]
    assert (len(first), len(second)) == (2, 1)
    assert layer.get_updates_for(a) == first
    assert layer.get_updates_for([b]) == first + second
    assert layer.get_updates_for({"a": a, "c": [c]}) == first
    assert layer.get_updates_for(c) == layer.get_updates_for(None) == layer.get_updates_for([]) == []
    layer.trainable = False
    assert layer.get_updates_for(b) == []


def test_losses_are_asked_for_by_input():
    layer = BatchNormalization(
        gamma_regularizer=lambda gamma: 2.0 * tf.reduce_sum(gamma),
        beta_regularizer=lambda beta: 1.0 + tf.reduce_sum(beta),
        activity_regularizer=lambda output: tf.reduce_sum(tf.abs(output)),
    )
    a, b = tf.constant(X), tf.constant(X[:3])
    outputs = [layer(a), layer(b)]
    assert run(layer.get_losses_for(None)) == [8.0, 1.0]
    by_input = [layer.get_losses_for(each) for each in (a, b, [a, b])]
    assert [len(each) for each in by_input] == [1, 1, 2]
    assert layer.losses == by_input[2] + layer.get_losses_for(None)
    fetched = run([by_input[2], outputs])
    for loss, output in zip(*fetched, strict=True):
        np.testing.assert_allclose(loss, np.abs(output).sum() / len(output), rtol=1e-5)
    collected = [tf.convert_to_tensor(each) for each in v1.get_collection(Keys.REGULARIZATION_LOSSES)]
    np.testing.assert_allclose(sorted(run(collected)), sorted(run(layer.losses)), rtol=1e-6)


@pytest.mark.parametrize("functional", [True, False])
def test_losses_of_a_layer_in_a_branch_are_outside(functional):
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        layer = BatchNormalization(gamma_regularizer=lambda gamma: 2.0 * tf.reduce_sum(gamma))
        with v1.variable_scope("net", use_resource=True):
            v1.cond(v1.placeholder(tf.bool, []), lambda: layer(tf.constant(X)), lambda: tf.constant(X))
        asked_within = tf.cond(v1.placeholder(tf.bool, []), lambda: layer.losses[0] + 0.0, lambda: tf.constant(0.0))
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    assert run(layer.losses) == [8.0]
    assert asked_within.graph is layer.losses[0].graph


def test_variables_that_are_reused_are_regularized_by_the_layer_that_made_them():
    given = {"gamma_regularizer": tf.reduce_sum, "name": "bn"}
    first = BatchNormalization(**given)
    first(x())
    again = BatchNormalization(**given, _scope="bn", _reuse=True)
    again(x())
    assert (len(first.losses), again.losses) == (1, [])
    assert again.weights == first.weights
    batch_normalization(x(), name="bn", gamma_regularizer=tf.reduce_sum, reuse=True)
    assert len(v1.get_collection(Keys.REGULARIZATION_LOSSES)) == 1


def test_apply_is_a_call():
    layer = BatchNormalization()
    output = layer.apply(tf.constant(X), training=True)
    np.testing.assert_allclose(run(output).mean(0), np.zeros(4), atol=1e-5)
    assert [record.mode for record in layers()] == [True]
