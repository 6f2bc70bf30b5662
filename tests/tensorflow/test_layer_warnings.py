"""A finished graph warns of layers that inference will get wrong, once, and stays silent about sound ones."""

import warnings

import pytest
import tensorflow as tf

from steadynorm.tensorflow import batch_norm, batch_normalization, create_train_op
from steadynorm.tensorflow.watch import UnsafeLayerWarning, warn_unsafe_layers

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def x():
    return v1.placeholder(tf.float32, [None, 5])


def train(y):
    return create_train_op(tf.reduce_mean(y**2), v1.train.GradientDescentOptimizer(0.1))


def test_a_layer_fixed_in_training_mode_is_named(graph):
    batch_norm(x(), scope="conv1/bn")
    batch_norm(x(), scope="conv2/bn", is_training=False)
    with pytest.warns(UnsafeLayerWarning, match="'conv1/bn' is fixed in training mode") as caught:
        graph.finalize()
    assert graph.finalized
    assert len(caught) == 1
    assert "conv2" not in str(caught[0].message)


def test_a_layer_fixed_in_training_mode_with_forced_updates_is_named(graph):
    batch_norm(x(), updates_collections=None)
    with pytest.warns(UnsafeLayerWarning, match="fixed in training mode"):
        graph.finalize()


def test_updates_that_nothing_depends_on_are_named(graph):
    mode = v1.placeholder(tf.bool, [])
    y = batch_normalization(x(), training=mode, name="loose")
    y = batch_norm(y, is_training=mode, updates_collections=None, scope="forced")
    v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(y**2))
    with pytest.warns(
        UnsafeLayerWarning, match="'loose' is not updated by any step, unless every step fetches them"
    ) as caught:
        graph.finalize()
    assert len(caught) == 1
    assert "forced" not in str(caught[0].message)


def test_each_layer_is_named_once():
    batch_norm(x())
    with pytest.warns(UnsafeLayerWarning):
        warn_unsafe_layers()
    warn_unsafe_layers()
    batch_norm(x(), scope="second")
    with pytest.warns(UnsafeLayerWarning, match="'second'") as caught:
        warn_unsafe_layers()
    assert "'BatchNorm'" not in str(caught[0].message)


@pytest.mark.parametrize(
    "build",
    [
        lambda: batch_norm(x(), is_training=False),
        lambda: train(batch_norm(x(), is_training=v1.placeholder(tf.bool, []))),
        lambda: train(batch_norm(x(), is_training=True)),
        lambda: train(batch_norm(x(), is_training=True, updates_collections=None)),
        lambda: train(batch_normalization(x(), training=True, renorm=True)),
    ],
    ids=["inference", "switched", "training alone", "forced", "renorm"],
)
def test_a_sound_graph_is_finalized_without_a_word(graph, build):
    build()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()
    assert graph.finalized


def test_other_graphs_are_left_alone():
    batch_norm(x())
    with tf.Graph().as_default() as other:
        x()
        other.finalize()
    assert other.finalize.__func__ is tf.Graph.finalize


def dense(y, name="dense"):
    return tf.matmul(y, v1.get_variable(name, [5, 5]))


def minimized(y, **options):
    return v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean((y - 1.0) ** 2), **options)


@pytest.mark.parametrize("center", [True, False], ids=["beta", "neither gamma nor beta"])
def test_a_trained_layer_fixed_in_inference_mode_is_named_when_the_graph_is_done(graph, center):
    y = batch_norm(dense(x()), is_training=False, center=center, scope="fixed")
    y = batch_norm(y, is_training=True, updates_collections=None, scope="moving")
    minimized(y)
    with pytest.warns(UnsafeLayerWarning, match="'fixed' is trained, but fixed in inference mode") as caught:
        graph.finalize()
    assert len(caught) == 1
    assert "'moving'" not in str(caught[0].message)


@pytest.mark.parametrize("center", [True, False], ids=["beta", "neither gamma nor beta"])
def test_a_frozen_backbone_is_finalized_without_a_word(graph, center):
    y = batch_norm(dense(x()), is_training=False, center=center, scope="backbone/bn")
    minimized(dense(y, "head"), var_list=v1.trainable_variables("head"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()


def test_a_layer_evaluated_beside_its_training_is_no_layer_fixed_in_inference_mode(graph):
    inputs = x()
    y = batch_norm(inputs, updates_collections=None, scope="shared")
    batch_norm(inputs, is_training=False, scope="shared", reuse=True)
    minimized(y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()


def test_what_the_train_op_said_the_graph_does_not_repeat(graph):
    with pytest.warns(UserWarning, match="trains 1 layer built with is_training=False"):
        train(batch_norm(x(), is_training=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()


@pytest.mark.parametrize(("count", "text"), [(3, "'bn0', 'bn1' and 'bn2' are"), (9, "'bn0', 'bn1' and 7 more are")])
def test_many_layers_are_named_in_short(graph, count, text):
    for index in range(count):
        batch_norm(x(), scope=f"bn{index}")
    with pytest.warns(UnsafeLayerWarning, match=text):
        graph.finalize()


def test_the_operations_of_a_graph_are_read_once_for_all_layers(graph, monkeypatch):
    mode = v1.placeholder(tf.bool, [])
    y = x()
    for index in range(8):
        y = batch_norm(y, is_training=mode, scope=f"bn{index}")
    minimized(y)
    calls = []
    operations = graph.get_operations
    monkeypatch.setattr(graph, "get_operations", lambda: calls.append(1) or operations())
    with pytest.warns(UnsafeLayerWarning, match="'bn0', 'bn1' and 6 more are not updated"):
        warn_unsafe_layers()
    assert len(calls) <= 2


def test_exporting_the_graph_that_was_trained_names_layers_in_training_mode_once(graph):
    train(batch_norm(x(), scope="bn"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unsafe_layers()  # a graph for training alone
    with pytest.warns(UnsafeLayerWarning, match="'bn' is fixed in training mode in a graph that is exported"):
        warn_unsafe_layers(exporting=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unsafe_layers(exporting=True)


def test_exporting_a_graph_that_was_trained_with_a_way_to_infer_is_silent(graph):
    inputs = x()
    y = batch_norm(inputs, is_training=v1.placeholder_with_default(False, []), scope="switched")
    train(batch_norm(y, scope="shared"))
    batch_norm(inputs, is_training=False, scope="shared", reuse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unsafe_layers(exporting=True)


def silently(graph):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()


def test_a_layer_of_several_towers_of_which_one_updates_is_updated(graph):
    optimizer, inputs = v1.train.GradientDescentOptimizer(0.1), x()
    towers, updates = [], []
    for index in range(2):
        with v1.variable_scope("", reuse=v1.AUTO_REUSE), tf.name_scope(f"tower{index}") as scope:
            y = batch_norm(inputs[2 * index : 2 * index + 2], scale=True, scope="bn")
            towers.append(optimizer.compute_gradients(tf.reduce_mean((y - 1.0) ** 2)))
            updates = updates or v1.get_collection(v1.GraphKeys.UPDATE_OPS, scope)
    assert len(updates) == 2
    with tf.control_dependencies(updates):
        optimizer.apply_gradients([((a + b) / 2, v) for (a, v), (b, _) in zip(*towers, strict=True)])
    silently(graph)


def test_a_tower_for_validation_with_a_switch_is_not_judged_by_itself(graph):
    train(batch_norm(x(), scope="bn"))
    batch_norm(x(), scope="bn", reuse=True, is_training=v1.placeholder_with_default(False, []))
    silently(graph)


def test_a_layer_of_two_applications_of_which_none_updates_is_named(graph):
    y = batch_norm(x(), scale=True, scope="bn") + batch_norm(x(), scale=True, scope="bn", reuse=True)
    minimized(y)
    with pytest.warns(UnsafeLayerWarning, match="'bn' is not updated by any step"):
        graph.finalize()


def test_a_graph_that_trains_nothing_needs_no_updates(graph):
    batch_norm(x(), is_training=v1.placeholder_with_default(False, []), scope="bn")
    silently(graph)
