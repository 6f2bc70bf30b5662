"""Normalization found by edges alone, in graphs where no name says anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from steadynorm.graphs.nodes import read_graph_def
from steadynorm.graphs.structure import Normalization, find_normalizations
from steadynorm.graphs.wires import TangledGraphError
from steadynorm.tensorflow import layer_variables

v1 = tf.compat.v1
INCEPTION = Path(__file__).parents[1] / "data" / "inception_v3" / "model.ckpt.meta"


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def found() -> list[Normalization]:
    return find_normalizations(read_graph_def(v1.get_default_graph().as_graph_def()))


def variables(names: Iterable[str], resource: bool = True) -> list[Any]:
    return [v1.get_variable(name, [3], use_resource=resource) for name in names]


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize(("scale", "offset"), [(True, True), (True, False), (False, True), (False, False)])
def test_inference_with_every_choice_of_parameters(resource: bool, scale: bool, offset: bool) -> None:
    gamma, beta, mean, variance = variables("gbmv", resource)
    x = v1.placeholder(tf.float32, [None, 3])
    tf.nn.batch_normalization(x, mean, variance, beta if offset else None, gamma if scale else None, 1e-3)
    (only,) = found()
    assert only.parameters == {name for name, used in (("g", scale), ("b", offset)) if used}
    assert only.statistics == {"m", "v"}
    assert only.training is False


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_training_by_what_the_moments_are_written_to(resource: bool, weighted: bool) -> None:
    weights = tf.reduce_sum(v1.placeholder(tf.float32, [None, 1]))  # one sum for both layers
    for first, names in (("x", "gbmv"), ("y", "socd")):
        gamma, beta, mean, variance = variables(names, resource)
        x = v1.placeholder(tf.float32, [None, 3], name=first)
        moments = tf.nn.moments(x, [0])
        if weighted:
            batch_mean = tf.reduce_sum(x, [0]) / weights
            moments = batch_mean, tf.reduce_sum(tf.square(x - batch_mean), [0]) / weights
        tf.nn.batch_normalization(x, *moments, beta, gamma, 1e-3)
        v1.assign_sub(mean, (mean - moments[0]) * 0.1)
        v1.assign(variance, variance * 0.9 + moments[1] * 0.1)
    assert [(each.parameters, each.statistics, each.training) for each in found()] == [
        ({"g", "b"}, {"m", "v"}, True),
        ({"s", "o"}, {"c", "d"}, True),
    ]


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("select", [True, False])
def test_a_switch_between_both(functional: bool, select: bool) -> None:
    gamma, beta, mean, variance = variables("gbmv")
    x, use = v1.placeholder(tf.float32, [None, 3]), v1.placeholder(tf.bool, [])
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        pick = tf.where if select else lambda c, a, b: v1.cond(c, lambda: tf.identity(a), lambda: tf.identity(b))
        used = [pick(use, a, b) for a, b in zip(tf.nn.moments(x, [0]), (mean, variance), strict=True)]
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)
    (only,) = found()
    assert (only.parameters, only.statistics, only.training) == ({"g", "b"}, {"m", "v"}, None)


@pytest.mark.parametrize("training", [True, False])
def test_the_fused_kernel(training: bool) -> None:
    gamma, beta, mean, variance = variables("gbmv")
    x = v1.placeholder(tf.float32, [None, 2, 2, 3])
    stored = {"mean": [], "variance": []} if training else {"mean": mean, "variance": variance}
    outputs = tf.raw_ops.FusedBatchNormV3(x=x, scale=gamma, offset=beta, is_training=training, **stored)
    if training:
        v1.assign_sub(mean, (mean - outputs[1]) * 0.1)
        v1.assign_sub(variance, (variance - outputs[2]) * 0.1)
    (only,) = found()
    assert (only.parameters, only.statistics, only.training) == ({"g", "b"}, {"m", "v"}, training)


def test_arithmetic_of_ones_own() -> None:
    gamma, beta, mean, variance = variables("gbmv")
    x = v1.placeholder(tf.float32, [None, 3])
    moments = tf.nn.moments(x, [0])
    v1.assign_sub(mean, (mean - moments[0]) * 0.1)
    v1.assign_sub(variance, (variance - moments[1]) * 0.1)
    _ = (x - moments[0]) / tf.sqrt(moments[1] + 1e-3) * gamma + beta
    (only,) = found()
    assert (only.parameters, only.statistics, only.training) == ({"g", "b"}, {"m", "v"}, True)


def test_parts_of_parameters() -> None:
    with v1.variable_scope("", partitioner=v1.fixed_size_partitioner(3)):
        gamma, beta, mean, variance = map(tf.convert_to_tensor, variables("gbmv"))
    tf.nn.batch_normalization(v1.placeholder(tf.float32, [None, 3]), mean, variance, beta, gamma, 1e-3)
    (only,) = found()
    assert only.parameters == {f"{name}/part_{part}" for name in "gb" for part in range(3)}
    assert only.statistics == {f"{name}/part_{part}" for name in "mv" for part in range(3)}


def test_of_a_graph_that_takes_too_long_the_names_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def tangled(nodes: object) -> None:
        raise TangledGraphError("too many nodes")

    monkeypatch.setattr(layer_variables, "find_normalizations", tangled)
    with v1.variable_scope("bn"):
        variables(("gamma", "beta", "moving_mean", "moving_variance"))
    (only,) = layer_variables.normalization_layers()
    assert only.statistics == {"bn/moving_mean", "bn/moving_variance"}


def test_what_is_no_batch_normalization() -> None:
    gamma, beta, loss = variables("gbl")
    x = v1.placeholder(tf.float32, [None, 3])
    tf.nn.batch_normalization(x, *tf.nn.moments(x, [1], keepdims=True), beta, gamma, 1e-3)  # layer normalization
    v1.assign_sub(loss, (loss - tf.reduce_mean(x)) * 0.1)
    tf.math.rsqrt(x + 1.0)
    tf.math.rsqrt(x)
    assert found() == []


def test_every_layer_of_a_graph_of_slim_in_both_modes() -> None:
    meta = meta_graph_pb2.MetaGraphDef()
    meta.ParseFromString(INCEPTION.read_bytes())
    layers = find_normalizations(read_graph_def(meta.graph_def))
    assert len(layers) == 2 * 94
    assert sum(each.training is True for each in layers) == sum(each.training is False for each in layers) == 94
    for each in layers:
        (beta,) = each.parameters
        scope = beta.removesuffix("beta")
        assert each.statistics == {scope + "moving_mean", scope + "moving_variance"}


def test_damaged_graphs_do_not_break_the_search() -> None:
    graph_def = v1.GraphDef()
    graph_def.node.add(name="a", op="Rsqrt")
    graph_def.node.add(name="b", op="Rsqrt", input=["nowhere"])
    graph_def.node.add(name="c", op="Add", input=["c", "lost"])
    graph_def.node.add(name="d", op="Rsqrt", input=["c"])
    graph_def.node.add(name="e", op="Mul", input=["d", "gone"])
    graph_def.node.add(name="f", op="Sub", input=["e"])
    graph_def.node.add(name="g", op="AssignSub", input=["lost", "missing"])
    graph_def.node.add(name="h", op="FusedBatchNormV3", input=["a"])
    assert find_normalizations(read_graph_def(graph_def)) == []
