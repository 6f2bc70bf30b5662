"""Whatever optimizer trains a graph, the layers' judgement knows that it is trained, and what in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.tensorflow import UnsafeLayerWarning, batch_norm, create_train_op
from steadynorm.tensorflow.inference_mode import layers_fixed_in_inference
from steadynorm.tensorflow.layer_variables import read_graph
from steadynorm.tensorflow.train_steps import train_steps

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        v1.get_variable_scope().set_use_resource(True)  # functional branches cannot write references
        yield graph


class Assigning(v1.train.Optimizer):  # type: ignore[misc]
    """Assigns what it computes, as the AdamWeightDecayOptimizer of BERT and LAMB do."""

    def __init__(self) -> None:
        super().__init__(use_locking=False, name="Assigning")

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Any:
        steps = [p.assign(p - 0.1 * (g + 0.01 * p)) for g, p in grads_and_vars if g is not None]
        return tf.group(*steps, *([] if global_step is None else [global_step.assign_add(1)]), name=name)


def accumulated(loss: Any) -> Any:
    """Gradients are summed up, and every other step applies them in a branch."""
    optimizer = v1.train.AdamOptimizer(0.1)
    pairs = optimizer.compute_gradients(loss)
    count = v1.get_variable("count", [], initializer=v1.zeros_initializer(), trainable=False)
    sums = [
        v1.get_variable(f"sum{i}", g.shape, initializer=v1.zeros_initializer(), trainable=False)
        for i, (g, _) in enumerate(pairs)
    ]
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    added = [each.assign_add(g) for each, (g, _) in zip(sums, pairs, strict=True)]
    with tf.control_dependencies([*updates, *added, count.assign_add(1.0)]):
        even = tf.equal(tf.math.floormod(count.read_value(), 2.0), 0.0)

    def apply() -> Any:
        pairs_of_sums = [(each.read_value(), v) for each, (_, v) in zip(sums, pairs, strict=True)]
        with tf.control_dependencies([optimizer.apply_gradients(pairs_of_sums)]):
            return tf.constant(True)

    return tf.cond(even, apply, lambda: tf.constant(False))


def scaled(loss: Any) -> Any:
    optimizer = v1.mixed_precision.MixedPrecisionLossScaleOptimizer(v1.train.MomentumOptimizer(0.1, 0.9), "dynamic")
    return create_train_op(loss, optimizer)


def momentum(loss: Any) -> Any:
    return create_train_op(loss, v1.train.MomentumOptimizer(0.1, 0.9))


def assigning(loss: Any) -> Any:
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        return Assigning().minimize(loss)


def embedding(loss: Any) -> Any:
    rows = tf.nn.embedding_lookup(v1.get_variable("rows", [4, 1]), [1, 3])
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        return v1.train.GradientDescentOptimizer(0.1).minimize(loss * tf.reduce_sum(rows))


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "momentum": momentum,
    "assigning": assigning,
    "accumulated in a branch": accumulated,
    "scaled in a branch": scaled,
    "an embedding": embedding,
}


def loss(**options: Any) -> Any:
    x = v1.placeholder_with_default([[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], [None, 2])
    return tf.reduce_mean(tf.square(batch_norm(x, 0.5, scale=True, scope="bn", **options) - 1.0))


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_graph_for_training_alone_is_finalized_without_a_word(
    graph: tf.Graph, optimizer: str, functional: bool
) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        step = OPTIMIZERS[optimizer](loss())
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.finalize()
    gamma = v1.trainable_variables("bn/gamma")[0]
    with v1.Session() as session:
        session.run([each.initializer for each in v1.global_variables()])
        session.run([step])
        session.run([step])
        assert (session.run(gamma) != 1.0).any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_layer_that_it_trains_in_inference_mode_is_named(graph: tf.Graph, optimizer: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # create_train_op says it as well
        step = OPTIMIZERS[optimizer](loss(is_training=False))
    assert layers_fixed_in_inference(step) == ("bn",)


def test_at_the_end_an_optimizer_that_assigns_is_known_without_its_train_op(graph: tf.Graph) -> None:
    assigning(loss(is_training=False))
    with pytest.warns(UnsafeLayerWarning, match="'bn' is trained, but fixed in inference mode"):
        graph.finalize()


def test_what_initializes_restores_and_reads_trains_nothing(graph: tf.Graph) -> None:
    loss()
    (gamma,) = v1.trainable_variables("bn/gamma")
    v1.get_variable("copy", initializer=tf.identity(gamma.initial_value) * 2.0)
    gamma.assign(v1.placeholder(tf.float32, [2]))
    memory = v1.get_variable("memory", [4, 2], trainable=False)
    memory.scatter_update(tf.IndexedSlices(tf.ones([1, 2]), [0]))
    v1.train.ExponentialMovingAverage(0.9).apply([gamma])
    v1.train.Saver()
    v1.global_variables_initializer()
    assert train_steps(graph, read_graph(graph)) == []
    with pytest.warns(UnsafeLayerWarning, match="'bn' is fixed in training mode in a graph that trains nothing"):
        graph.finalize()
