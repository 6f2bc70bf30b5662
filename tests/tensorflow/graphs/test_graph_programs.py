"""What whole programs do to a graph: steps behind steps, inner loops of training, replicas, and frozen copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.finding import Certainty, Finding
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu
OF_SWITCHES = pytest.mark.parametrize("control_flow", ["switch"], indirect=True)


def translated(net: Any, updates: bool) -> Any:
    """A step of a critic, and the gradients of the generator behind it, as image translation is often trained."""
    mode = net.mode()
    with v1.variable_scope("generator"):
        made = net.convolution(RELU(batch_normalization(net.convolution(net.images()), training=mode)), 3, "out")
    with v1.variable_scope("critic"):
        judged = net.dense(tf.reduce_mean(made, [1, 2]), 8, bias=True)
        for index in range(20):  # so many unused derivatives that nobody can run them one by one
            judged = tf.reduce_sum(judged[:, None, :] - v1.get_variable(f"center{index}", [8]) * 0.1, 1)
        score = tf.reduce_mean(judged)
    by_scope = [v1.trainable_variables(each) for each in ("generator", "critic")]
    step = v1.train.AdamOptimizer(name="one").minimize(-score, var_list=by_scope[1])
    with tf.control_dependencies([step]):
        optimizer = v1.train.AdamOptimizer(name="other")
        last = optimizer.apply_gradients(optimizer.compute_gradients(score, by_scope[0]))
    tf.group(last, *(v1.get_collection(v1.GraphKeys.UPDATE_OPS) if updates else ()), name="train")


def test_derivatives_that_nobody_uses_are_no_train_steps(net: Any, read: Read) -> None:
    translated(net, updates=True)

    assert not read()


def test_a_step_behind_a_step_without_the_updates(net: Any, read: Read) -> None:
    translated(net, updates=False)

    found = read()

    assert set(found) == {"SN101"}
    assert found["SN101"].evidence["train_steps"] == ["train"]


def adapted(net: Any, updates: bool) -> None:
    """Normalizes once more with weights that an inner gradient step has changed, as meta-learning does."""
    x, mode = v1.placeholder(tf.float32, [None, 6]), net.mode()
    kernel = v1.get_variable("kernel", [6, 8])

    def loss(weights: Any, reuse: bool) -> Any:
        return net.loss(RELU(batch_norm(tf.matmul(x, weights), is_training=mode, scope="bn", reuse=reuse, decay=0.9)))

    (gradient,) = tf.gradients(loss(kernel, False), [kernel])
    net.minimize(loss(kernel - 0.1 * gradient, True), updates)


def test_an_average_of_an_adapted_network_is_no_train_step(net: Any, read: Read) -> None:
    adapted(net, updates=False)

    found = read()

    assert set(found) == {"SN101"}
    assert len(found["SN101"].evidence["train_steps"]) == 1


def test_the_averages_of_an_adapted_network(net: Any, read: Read) -> None:
    adapted(net, updates=True)

    assert "SN101" not in read()
    assert "SN403" not in read()


def chosen(net: Any, training: bool | None, scope: str, reuse: bool, together: Any = None) -> Any:
    """A network of two layers, each with an activation behind it."""
    x = net.images() if together is None else together
    with v1.variable_scope(scope, reuse=reuse):
        for index in range(2):
            x = net.convolution(x, 4, f"conv{index}")
            x = RELU(batch_norm(x, is_training=training, scope=f"bn{index}", updates_collections=None, decay=0.9))
        return net.logits(x)


def test_a_condition_chooses_between_activations(net: Any, read: Read) -> None:
    x, options = net.convolution(net.images()), {"scope": "bn", "updates_collections": None, "decay": 0.9}
    one = tf.nn.elu(batch_norm(x, is_training=True, **options))
    other = tf.nn.elu(batch_norm(x, is_training=False, reuse=True, **options))
    net.train(v1.cond(net.mode(), lambda: one, lambda: other))

    found = read()

    assert set(found) == {"SN207"}
    assert "outside the branches" in found["SN207"].message


def test_a_condition_chooses_between_whole_networks(net: Any, read: Read) -> None:
    x = net.images()
    one, other = chosen(net, True, "net", False, x), chosen(net, False, "net", True, x)
    net.minimize(net.loss(v1.cond(net.mode(), lambda: one, lambda: other)))

    found = read()

    assert set(found) == {"SN207"}
    assert len(found["SN207"].layers) == 2


def test_two_networks_that_no_condition_chooses_between(net: Any, read: Read) -> None:
    one = chosen(net, True, "net", False)
    chosen(net, False, "net", True)
    net.minimize(net.loss(one))

    assert not read()


@OF_SWITCHES
def test_the_stand_in_of_another_layer_has_one_finding(net: Any, read: Read) -> None:
    x = net.convolution(net.images())

    def branch(scope: str, training: bool) -> Any:
        return batch_norm(x, is_training=training, scope=scope, updates_collections=None, decay=0.9, fused=False)

    net.train(RELU(v1.cond(net.mode(), lambda: branch("one", True), lambda: branch("other", False))))

    assert set(read()) == {"SN206"}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("variables", ["resource"], indirect=True)
def test_statistics_that_are_saved_as_the_mean_of_replicas(
    net: Any, graph: tf.Graph, tmp_path: Path, whole: bool
) -> None:
    net.train(RELU(batch_normalization(net.convolution(net.images()), training=net.mode())), True)
    saved: dict[str, Any] = {each.op.name: each for each in v1.trainable_variables()}
    for each in v1.global_variables():
        if "moving" in each.op.name:
            replica = v1.get_variable(f"replica/{each.op.name}", each.shape, trainable=False)
            mean = tf.add_n([each.read_value(), replica.read_value()]) / 2.0
            saved[each.op.name] = mean if whole else mean * v1.get_variable(f"scale/{each.op.name}", [])
    v1.raw_ops.SaveV2(
        prefix="model", tensor_names=list(saved), shape_and_slices=[""] * len(saved),
        tensors=[tf.convert_to_tensor(each) for each in saved.values()],
    )  # fmt: skip
    v1.train.export_meta_graph(str(tmp_path / "model.meta"), graph=graph)

    findings, _ = run(evidence_of(None, graph=formats.read(tmp_path / "model.meta")))

    assert {each.code for each in findings} == (set() if whole else {"SN301"})


def frozen(net: Any, mode: Any, graph: tf.Graph, path: Path, **options: Any) -> dict[str, Finding]:
    """What is found in a network whose variables have become constants."""
    x = net.images()
    for index in range(2):
        x = net.convolution(x, 4, f"conv{index}")
        x = RELU(batch_norm(x, is_training=mode, scope=f"bn{index}", updates_collections=None, decay=0.9, **options))
    output = tf.identity(net.logits(x), "output")
    with v1.Session(graph=graph) as session:
        session.run(v1.global_variables_initializer())
        definition = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), [output.op.name])
    path.write_bytes(definition.SerializeToString())
    findings, _ = run(evidence_of(None, graph=formats.read(path)))
    return {each.code: each for each in findings}


@OF_SWITCHES
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("default", [None, False])
def test_a_frozen_network_whose_mode_is_fed(
    net: Any, graph: tf.Graph, tmp_path: Path, fused: bool, default: bool | None
) -> None:
    assert not frozen(net, net.mode(default), graph, tmp_path / "frozen.pb", fused=fused)


@OF_SWITCHES
def test_a_frozen_network_that_takes_batch_moments_unless_it_is_fed(net: Any, graph: tf.Graph, tmp_path: Path) -> None:
    found = frozen(net, net.mode(True), graph, tmp_path / "frozen.pb")

    assert set(found) == {"SN209"}
    assert found["SN209"].certainty is Certainty.LIKELY


@OF_SWITCHES
@pytest.mark.parametrize("fused", [True, False])
def test_a_network_frozen_in_training_mode(net: Any, graph: tf.Graph, tmp_path: Path, fused: bool) -> None:
    found = frozen(net, True, graph, tmp_path / "frozen.pb", fused=fused)

    assert set(found) == {"SN209"}
    assert found["SN209"].certainty is Certainty.PROVEN


@pytest.mark.parametrize("served", [True, False])
def test_an_export_that_goes_on_training(net: Any, graph: tf.Graph, tmp_path: Path, served: bool) -> None:
    """One part of it trains, another one, with the same variables, is there to predict with, or is not."""
    one = chosen(net, True, "net", False)
    chosen(net, not served, "net", True)
    net.minimize(net.loss(one))
    path = tmp_path / "model.pb"
    path.write_bytes(graph.as_graph_def(add_shapes=True).SerializeToString())

    findings, _ = run(evidence_of(None, graph=formats.read(path)))

    assert {each.code for each in findings} == (set() if served else {"SN209"})
