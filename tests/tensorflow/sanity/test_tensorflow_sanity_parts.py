"""What sanity tests of graphs are made of, against TensorFlow's own gradients, optimizers and rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.experiments.records import Outcome
from steadynorm.tensorflow.calling import Calling
from steadynorm.tensorflow.graph_copy.copied import copied_graph

v1 = tf.compat.v1


def without_dropout(sanity: Any) -> Any:
    """A network with a normalization layer, so that both modes differ in nothing else."""

    def network(x: Any, mode: Any) -> Any:
        h = sanity.dense(sanity.flat(x), 16, "body")
        return sanity.dense(tf.nn.relu(sanity.batch_norm(h, is_training=mode, scope="norm", scale=True)), 10, "head")

    return network


def fed(subject: Any, batch: Any) -> Any:
    return {subject.inputs: batch[0], subject.labels: batch[1], subject.mode: True}


def test_gradients_are_those_of_the_graph_in_training(sanity: Any) -> None:
    """Of a copy in inference mode whose layers go by the batch: those that the program itself trains by."""
    given: dict[str, Any] = {}

    def train_op(loss: Any) -> Any:
        variables = v1.trainable_variables()
        given.update({each.op.name: g for each, g in zip(variables, v1.gradients(loss, variables), strict=True)})
        return v1.train.AdamOptimizer().minimize(loss)

    subject, batch = sanity.subject(without_dropout(sanity), train_op=train_op), sanity.train_data[0]
    expected = subject.session.run(given, fed(subject, batch))

    with copied_graph(subject.model) as copied:
        calling = Calling(subject, copied)
        found = calling.values(calling.gradients(calling.loss), batch)

    assert (
        found.keys()
        == expected.keys()
        == {f"{a}/{b}" for a in ("body", "head") for b in ("kernel", "bias")}
        | {
            "norm/gamma",
            "norm/beta",
        }
    )
    for name, value in found.items():
        # Of a bias before a normalization the gradient is zero but for rounding.
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6)


def test_adam_is_that_of_tensorflow(sanity: Any) -> None:
    subject = sanity.subject(sanity.linear, train_op=v1.train.AdamOptimizer(1e-2).minimize)
    batch = sanity.train_data[0]
    with copied_graph(subject.model) as copied:
        calling = Calling(subject, copied)
        adam = calling.adam(calling.loss, batch)
        for _ in range(2):  # the second time begins anew
            copied.put_back()
            copied.run([adam.begin], {})
            for step in range(1, 6):
                calling.run([adam.step], batch, adam.feed(1e-2, step))
        found = copied.read(calling.parameters)

    for _ in range(5):
        subject.session.run(subject.train_op, fed(subject, batch))
    for name, value in found.items():
        np.testing.assert_allclose(value, value_of(subject, name), rtol=1e-4, atol=1e-6)


def value_of(subject: Any, name: str) -> Any:
    graph = subject.session.graph
    return subject.session.run(next(e for e in graph.get_collection("variables") if e.op.name == name))


def by_hand(loss: Any) -> Any:
    variables = v1.trainable_variables()
    found = v1.gradients(loss, variables)
    return tf.group([v1.assign_sub(each, 0.1 * gradient) for each, gradient in zip(variables, found, strict=True)])


def scheduled(loss: Any) -> Any:
    step = v1.train.get_or_create_global_step()
    return v1.train.GradientDescentOptimizer(v1.train.exponential_decay(0.1, step, 10, 0.5)).minimize(loss, step)


OPTIMIZERS = {
    "gradient descent": lambda loss: v1.train.GradientDescentOptimizer(0.1).minimize(loss),
    "momentum": lambda loss: v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss),
    "Adam": lambda loss: v1.train.AdamOptimizer(0.1).minimize(loss),
    "RMSProp": lambda loss: v1.train.RMSPropOptimizer(0.1).minimize(loss),
    "Adagrad": lambda loss: v1.train.AdagradOptimizer(0.1).minimize(loss),
    "a schedule": scheduled,
    "by hand": by_hand,
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_tenth_of_the_rate_is_a_tenth_of_the_first_step(sanity: Any, kind: str) -> None:
    subject, batch = sanity.subject(sanity.linear, train_op=OPTIMIZERS[kind]), sanity.train_data[0]
    given = {tensor.name: value for tensor, value in fed(subject, batch).items()}
    with copied_graph(subject.model, to_train=True) as copied:
        assert copied.has_rate
        begin, changes = copied.values["head/kernel"], {}
        for rate in (1.0, 0.1):
            copied.put_back()
            copied.run(subject.model.train_op, given, rate=rate)
            changes[rate] = copied.read(["head/kernel"])["head/kernel"] - begin

    subject.session.run(subject.train_op, fed(subject, batch))
    np.testing.assert_array_equal(changes[1.0], value_of(subject, "head/kernel") - begin)
    assert np.abs(changes[1.0]).max() > 1e-4
    # What is left of the change in float32 after the weights, which are about a thousand times as large, are added.
    np.testing.assert_allclose(changes[0.1], 0.1 * changes[1.0], rtol=1e-3, atol=1e-7)


def looped(x: Any, mode: Any) -> Any:
    """A recurrent network over the rows of the digits, as a loop of TensorFlow."""
    rows = tf.transpose(tf.squeeze(x, 3), [1, 0, 2])
    kernel = v1.get_variable("kernel", [16, 8], initializer=v1.glorot_uniform_initializer(seed=0))

    def step(number: Any, state: Any) -> Any:
        return number + 1, tf.tanh(tf.matmul(tf.concat([rows[number], state], 1), kernel))

    _, state = v1.while_loop(lambda number, state: number < 8, step, [tf.constant(0), tf.zeros_like(rows[0])])
    return tf.matmul(state, v1.get_variable("head", [8, 10], initializer=v1.glorot_uniform_initializer(seed=0)))


def reversed_gradient(sanity: Any) -> Any:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def reverse(x: Any) -> Any:
        scale = tf.reduce_mean(tf.abs(x))
        return x * 1.0, lambda dy: -dy * scale

    return lambda x, mode: reverse(sanity.linear(x, mode))


@pytest.mark.parametrize("kind", ["a loop", "a gradient of one's own"])
def test_what_takes_gradients_is_not_assessed_where_the_copy_has_none(sanity: Any, kind: str) -> None:
    network = looped if kind == "a loop" else reversed_gradient(sanity)

    report = sanity.report(sanity.subject(network))

    reasons = {each.code: each.reason for each in report.not_assessed}
    assert reasons.keys() >= {"SN902", "SN907", "SN908"}
    assert all("takes no gradient in a copy of this graph" in reasons[code] for code in ("SN902", "SN907", "SN908"))
    assert not report.findings


@pytest.mark.parametrize(("rate", "expected"), [(1e-2, []), (1e-7, ["SN902"])], ids=["healthy", "rate too low"])
def test_the_train_op_decides_alone_where_adam_cannot(sanity: Any, rate: float, expected: list[str]) -> None:
    report = sanity.report(sanity.subject(looped, optimizer=sanity.adam(rate)), "SN902")

    assert [found.code for found in report.findings] == expected
    assert [each.own for each in report.evidence.experiments.learned] == [True]
    assert all("Adam could not be tried" in found.remedy for found in report.findings)


def test_a_loss_of_python_has_no_gradient(sanity: Any) -> None:
    def loss(output: Any, target: Any) -> float:
        shifted = output - output.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(target)), target]))

    subject = sanity.subject(sanity.linear, optimizer=sanity.adam(3.0))
    subject = type(subject)(**{**fields(subject), "loss": loss})

    report = sanity.report(subject, losses=[2.0, 9.0, 4.0, 12.0] * 20)

    reasons = {each.code: each.reason for each in report.not_assessed}
    assert all("the loss is a function of Python" in reasons[code] for code in ("SN902", "SN907", "SN908"))
    assert [found.code for found in report.findings] == ["SN904"]
    assert report.evidence.experiments.calmed[0].before > 0


def fields(subject: Any) -> dict[str, Any]:
    names = ("session", "inputs", "labels", "mode", "output", "train_op", "train_data")
    return {name: getattr(subject, name) for name in names}


def test_a_loss_that_reads_hidden_layers_has_no_known_floor(sanity: Any) -> None:
    """The sparseness of a hidden layer is part of the loss: the outputs alone do not say how small it can be."""

    def network(x: Any, mode: Any) -> Any:
        hidden = tf.nn.relu(sanity.dense(sanity.flat(x), 32, "hidden"))
        v1.add_to_collection("sparse", tf.reduce_mean(hidden))
        return sanity.dense(hidden, 10, "head")

    def loss(output: Any, target: Any) -> Any:
        return sanity.cross_entropy(output, target) + v1.get_collection("sparse")[0]

    report = sanity.report(sanity.subject(network, loss=loss), ["SN902", "SN907"])

    assert [(each.code, "the smallest loss is not known" in each.reason) for each in report.not_assessed] == [
        ("SN902", True)
    ]
    assert len(report.evidence.experiments.first.terms) == 2


def branched(sanity: Any) -> Any:
    """Two heads, of which each branch reads one."""

    def network(x: Any, mode: Any) -> Any:
        h = sanity.flat(x)
        taken, left = (sanity.variable(name, 64, 10) for name in ("taken", "left"))
        return v1.cond(tf.reduce_sum(h) > 0, lambda: tf.matmul(h, taken) * 3.0, lambda: tf.matmul(h, left))

    return network


def test_gradients_pass_through_the_branch_that_is_taken(sanity: Any) -> None:
    """Three times xᵀ(p − t)/n for cross-entropy (Bishop, 2006, 4.109), and zero for the head that is not read."""
    subject, (x, y) = sanity.subject(branched(sanity)), sanity.train_data[0]
    logits = 3.0 * x.reshape(64, 64).astype(np.float64) @ value_of(subject, "taken")
    shares = np.exp(logits - logits.max(1, keepdims=True))
    wrong = shares / shares.sum(1, keepdims=True) - np.eye(10)[y]

    with copied_graph(subject.model, to_train=True) as copied:
        calling = Calling(subject, copied)
        found = calling.values(calling.gradients(calling.loss), (x, y))

    np.testing.assert_allclose(found["taken"], 3.0 * x.reshape(64, 64).T @ wrong / 64, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["left"], np.zeros((64, 10)))


def test_a_graph_with_branches_is_trained(sanity: Any) -> None:
    report = sanity.report(sanity.subject(branched(sanity)), ["SN902", "SN905"])

    assert not report.findings
    assert report.evidence.experiments.learned[-1].outcome is Outcome.FITTED


def test_what_lies_between_branches_can_be_looked_at(sanity: Any) -> None:
    """Two conditions in a row, one within the other, and the same one twice: only what is inside is left out."""

    def network(x: Any, mode: Any) -> Any:
        h = tf.nn.relu(sanity.dense(sanity.flat(x), 16, "first"))
        bright = tf.reduce_sum(h) > 0

        def inner() -> Any:
            return v1.cond(bright, lambda: tf.nn.tanh(h), lambda: tf.nn.sigmoid(h))

        h = tf.nn.relu(sanity.dense(v1.cond(mode, inner, lambda: tf.nn.elu(h)), 16, "second"))
        h = v1.cond(mode, lambda: v1.cond(mode, lambda: tf.nn.selu(h), lambda: h), lambda: h + 1.0)
        return sanity.dense(h, 10, "head")

    seen = sanity.report(sanity.subject(network), "SN905").evidence.experiments.first.activations

    assert [each.name for each in seen] == [
        *("first/MatMul", "first/BiasAdd", "Relu"),
        *("second/MatMul", "second/BiasAdd", "Relu_1"),
        *("head/MatMul", "head/BiasAdd"),
    ]
    assert all(np.isfinite(each.deviation) for each in seen)
