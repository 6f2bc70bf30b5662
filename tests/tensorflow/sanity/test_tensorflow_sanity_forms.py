"""The forms that graphs have: where data come in, what is fetched, and how a loss is put together."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from steadynorm.tensorflow import GraphSubject, batch_norm

v1 = tf.compat.v1


class Form:
    """A classifier of the digits with a given scale of its last weights, and the subject that it comes to."""

    def __init__(self, sanity: Any, scale: float) -> None:
        self.sanity, self.scale, self.data = sanity, scale, sanity.train_data
        self.x, self.y = v1.placeholder(tf.float32, [None, 8, 8, 1]), v1.placeholder(tf.int64, [None])

    def head(self, h: Any) -> Any:
        begin = v1.random_normal_initializer(stddev=0.1 * self.scale, seed=0)
        return self.sanity.dense(self.sanity.flat(h), 10, "head", kernel=begin)

    def subject(self, train: Any, **fields: Any) -> GraphSubject:
        step = v1.train.AdamOptimizer(1e-2).minimize(train)
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        places = {"inputs": self.x, "labels": self.y, "train_op": step, "train_data": self.data}
        return GraphSubject(session=session, **{**places, **fields})


def two_graphs(form: Form) -> GraphSubject:
    """One for training, with dropout that is fed, and one for inference; they share their variables."""
    keep = v1.placeholder_with_default(1.0, ())

    def network(training: bool) -> Any:
        with v1.variable_scope("net", reuse=not training):
            h = batch_norm(form.sanity.dense(form.sanity.flat(form.x), 32, "body"), is_training=training, scope="norm")
            return form.head(tf.nn.dropout(tf.nn.relu(h), rate=1 - keep) if training else tf.nn.relu(h))

    train, inference = (form.sanity.cross_entropy(network(each), form.y) for each in (True, False))
    return form.subject(train, loss=inference, training_feed={keep: 0.9})


def iterator(form: Form) -> GraphSubject:
    """Inputs and labels come out of one operation; arrays are fed in their place."""
    x, y = v1.data.make_initializable_iterator(tf.data.Dataset.from_tensors(form.data[0])).get_next()
    loss = form.sanity.cross_entropy(form.head(x), y)
    return form.subject(loss, inputs=x, labels=y, loss=loss)


def classes_only(form: Form) -> GraphSubject:
    """The output is the number of a class."""
    logits = form.head(form.x)
    loss = form.sanity.cross_entropy(logits, form.y)
    return form.subject(loss, loss=loss, output=tf.argmax(logits, 1))


def for_each_sample(form: Form) -> GraphSubject:
    logits = form.head(form.x)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=form.y, logits=logits)
    return form.subject(tf.reduce_mean(losses), loss=losses)


def collected(form: Form) -> GraphSubject:
    """The collections of losses, with weight decay among them."""
    logits = form.head(form.x)
    v1.losses.sparse_softmax_cross_entropy(form.y, logits)
    for each in v1.trainable_variables():
        v1.add_to_collection(v1.GraphKeys.REGULARIZATION_LOSSES, 1e-3 * tf.nn.l2_loss(each))
    loss = v1.losses.get_total_loss()
    return form.subject(loss, loss=loss, output=logits)


def open_shapes(form: Form) -> GraphSubject:
    """One-hot labels of which no size is known: the loss arranges logits and labels by the shape that they have."""
    form.y = v1.placeholder(tf.float32, None)
    form.data = [(x, np.eye(10, dtype=np.float32)[y]) for x, y in form.data]
    losses = tf.nn.softmax_cross_entropy_with_logits(labels=form.y, logits=form.head(form.x))
    return form.subject(tf.reduce_mean(losses), labels=form.y, loss=tf.reduce_mean(losses))


def named_inputs(form: Form) -> GraphSubject:
    places = {name: v1.placeholder(tf.float32, [None, 8, 8, 1]) for name in ("image", "negative")}
    loss = form.sanity.cross_entropy(form.head(tf.concat(list(places.values()), 3)), form.y)
    form.data = [({"image": x, "negative": 1 - x}, y) for x, y in form.data]
    return form.subject(loss, inputs=places, loss=loss)


FORMS = [two_graphs, iterator, classes_only, for_each_sample, collected, open_shapes, named_inputs]


@pytest.mark.parametrize("form", FORMS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("scale", [1.0, 100.0], ids=["healthy", "weights too large"])
def test_a_classifier_of_any_form(sanity: Any, form: Callable[[Form], GraphSubject], scale: float) -> None:
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        subject = form(Form(sanity, scale))

    # Adam takes longer than the steps of a sanity test to make such weights smaller.
    report = sanity.report(subject, ["SN905", "SN907", "SN908", *["SN902"] * (scale == 1.0)])

    assert report.evidence.experiments.first.chance == pytest.approx(math.log(10), rel=1e-5)
    # Of one-hot labels the number of classes is not known, and that of the weights tells alone.
    is_numbered = form is not open_shapes
    assert any("chance gives ln(10)" in found.message for found in report.findings) == (scale > 1 and is_numbered)
    assert {found.code for found in report.findings} == ({"SN905"} if scale > 1 else set())
    assert not report.not_assessed


def binary(sanity: Any, how: str) -> Callable[[Any, Any], Any]:
    def loss(output: Any, target: Any) -> Any:
        if how == "by hand":
            return -tf.reduce_mean(target * tf.math.log(output + 1e-8) + (1 - target) * tf.math.log(1 - output + 1e-8))
        logits = output.op.inputs[0]
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits))

    return loss


@pytest.mark.parametrize("how", ["by hand", "of logits"])
@pytest.mark.parametrize(("scale", "expected"), [(1.0, []), (2.0, ["SN903"])], ids=["0 and 1", "0 and 2"])
def test_binary_cross_entropy(sanity: Any, how: str, scale: float, expected: list[str]) -> None:
    """Of free logits it comes down to zero, and no answer at all costs ln 2; by hand the range of the output shows."""
    data = [(x, (y[:, None] > 4).astype(np.float32) * np.float32(scale)) for x, y in sanity.train_data]
    subject = sanity.subject(
        lambda x, mode: tf.nn.sigmoid(sanity.dense(sanity.flat(x), 1, "head")),
        loss=binary(sanity, how),
        data=data,
        dtypes=(tf.float32, tf.float32),
    )

    report = sanity.report(subject, ["SN902", "SN903"], seconds=10)

    assert [found.code for found in report.findings if found.code == "SN903"] == (expected if how == "by hand" else [])
    if scale == 1.0:
        assert report.evidence.experiments.first.chance == pytest.approx(math.log(2), rel=1e-5)
        assert all(0 <= each.floor < 0.01 for each in report.evidence.experiments.learned)


@pytest.mark.parametrize(("last", "expected"), [("sigmoid", ["SN903"]), ("tanh", [])])
def test_the_images_of_an_autoencoder_with_a_second_term(sanity: Any, last: str, expected: list[str]) -> None:
    """One term compares the output with the inputs, which are in [-1, 1], and the other reads what lies between."""
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        x = v1.placeholder(tf.float32, [None, 8, 8, 1])
        code = sanity.dense(sanity.flat(x), 8, "code")
        output = tf.reshape(getattr(tf.nn, last)(sanity.dense(code, 64, "image")), [-1, 8, 8, 1])
        loss = sanity.squared(output, x) + 1e-2 * tf.reduce_mean(tf.square(code))
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        data = [(2 * images - 1, None) for images, _ in sanity.train_data]
        subject = GraphSubject(session=session, inputs=x, output=output, loss=loss, train_data=data)

    assert sanity.codes(subject, "SN903") == expected


CORPUS = Path(__file__).parents[2] / "data" / "corpus" / "03-updates-fetched-by-hand" / "model.ckpt.meta"


@pytest.mark.parametrize(("in_order", "expected"), [(False, []), (True, ["SN906"])], ids=["mixed", "sorted"])
def test_a_graph_that_tensorflow_1_wrote(in_order: bool, expected: list[str], sanity: Any) -> None:
    """Its variables are references, its labels have no shape, and no output was noted."""
    images, labels = load_digits(n_class=5, return_X_y=True)
    order = np.argsort(labels, kind="stable") if in_order else np.random.default_rng(0).permutation(len(labels))
    enlarged = np.kron(images[order].reshape(-1, 8, 8) / 16, np.ones((3, 3)))
    x = np.pad(enlarged, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    y = np.eye(5, dtype=np.float32)[labels[order]]
    with tf.Graph().as_default() as graph:
        v1.set_random_seed(0)
        v1.train.import_meta_graph(str(CORPUS))
        session = v1.Session()
        session.run([each.initializer for each in graph.get_collection("variables")])
    places = {
        name: graph.get_tensor_by_name(f"{each}:0")
        for name, each in {
            "inputs": "dataset_in",
            "labels": "true_value",
            "mode": "training",
            "loss": "loss_func",
        }.items()
    }
    subject = GraphSubject(
        session=session,
        **places,
        train_op=[graph.get_operation_by_name("Adam"), *graph.get_collection("update_ops")],
        train_data=[(x[at : at + 64], y[at : at + 64]) for at in range(0, 832, 64)],
    )

    report = sanity.report(subject)

    assert [found.code for found in report.findings] == expected
    first = report.evidence.experiments.first
    assert first.chance == pytest.approx(math.log(5), rel=1e-5)
    assert {each.name: each.inputs for each in first.weights} == {
        "hidden1/kernel": 784,
        **{f"hidden{number}/kernel": 100 for number in range(2, 6)},
        "output/kernel": 100,
    }
    if not in_order:
        assert [each.outcome for each in report.evidence.experiments.learned] == ["fitted"]
