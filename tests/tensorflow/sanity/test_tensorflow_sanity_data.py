"""SN903, SN906 and SN908 on graphs: ranges, the order of the data, and what the loss reaches, by the common table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

v1 = tf.compat.v1
TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


@pytest.mark.parametrize(("last", "scale", "offset", "severity"), TABLE["ranges"])
def test_targets_against_the_bounds_of_the_output(
    sanity: Any, last: str, scale: float, offset: float, severity: str | None
) -> None:
    def network(x: Any, mode: Any) -> Any:
        h = tf.nn.relu(tf.nn.conv2d(x, sanity.variable("down", 3, 3, 1, 8), 1, "SAME"))
        h = tf.nn.conv2d(h, sanity.variable("up", 3, 3, 8, 1), 1, "SAME")
        return h if last == "linear" else getattr(tf.nn, last)(h)

    data = [(x, x * np.float32(scale) + np.float32(offset)) for x, _ in sanity.train_data]
    subject = sanity.subject(network, data=data, loss=sanity.squared, dtypes=(tf.float32, tf.float32))

    found = sanity.report(subject, "SN903").findings

    assert [each.severity for each in found] == ([severity] if severity else [])


def test_a_normalization_before_the_bounds_does_not_hide_them(sanity: Any) -> None:
    """It would make large values small again: its own output has to be enlarged."""

    def network(x: Any, mode: Any) -> Any:
        h = tf.nn.conv2d(x, sanity.variable("up", 3, 3, 1, 1), 1, "SAME")
        mean, variance = tf.nn.moments(h, [0, 1, 2])
        return tf.nn.tanh(tf.nn.batch_normalization(h, mean, variance, None, None, 1e-3))

    data = [(x, x) for x, _ in sanity.train_data]
    subject = sanity.subject(network, data=data, loss=sanity.squared, dtypes=(tf.float32, tf.float32))

    assert sanity.codes(subject, "SN903") == ["SN903"]


@pytest.mark.parametrize(("marker", "is_masked", "expected"), TABLE["masks"])
def test_targets_that_the_loss_ignores_are_out_of_no_range(
    sanity: Any, marker: float, is_masked: bool, expected: list[str]
) -> None:
    def loss(output: Any, target: Any) -> Any:
        errors = tf.square(output - target)
        return tf.reduce_mean(tf.boolean_mask(errors, tf.not_equal(target, marker)) if is_masked else errors)

    def network(x: Any, mode: Any) -> Any:
        return tf.nn.sigmoid(tf.nn.conv2d(x, sanity.variable("kernel", 3, 3, 1, 1), 1, "SAME"))

    data = [(x, (x > 0.5).astype(np.float32)) for x, _ in sanity.train_data]
    for _, y in data:
        y[:, :, 0] = marker

    subject = sanity.subject(network, data=data, loss=loss, dtypes=(tf.float32, tf.float32))

    assert sanity.codes(subject, "SN903") == expected


def in_order(batches: Any) -> Any:
    x, y = (np.concatenate(each) for each in zip(*batches, strict=True))
    order = np.argsort(y, kind="stable")
    return [(x[order][at : at + 64], y[order][at : at + 64]) for at in range(0, len(y), 64)]


@pytest.mark.parametrize(("how", "sequential", "expected"), TABLE["order"])
@pytest.mark.parametrize("listed", [True, False], ids=["a list", "a generator"])
def test_order_of_the_data(sanity: Any, how: str, sequential: bool, expected: list[str], listed: bool) -> None:
    data = in_order(sanity.train_data) if how == "sorted" else sanity.train_data
    subject = sanity.subject(sanity.linear, train_data=data if listed else iter(data))

    assert sanity.codes(subject, "SN906", sequential=sequential) == expected


def connected(sanity: Any, how: str, body_trains: bool = True) -> Any:
    """A body, a head, and a second head that is used as told."""

    def network(x: Any, mode: Any) -> Any:
        with v1.variable_scope("", custom_getter=None if body_trains else frozen):
            h = tf.nn.relu(sanity.dense(sanity.flat(x), 32, "body"))
        if how == "detached":
            h = tf.stop_gradient(h)
        head, extra = sanity.dense(h, 10, "head"), sanity.dense(h, 10, "extra")
        return head if how == "unused" else head + extra

    return network


def frozen(getter: Any, *arguments: Any, **options: Any) -> Any:
    return getter(*arguments, **{**options, "trainable": False})


@pytest.mark.parametrize(("how", "layers", "severity"), TABLE["connections"])
@pytest.mark.parametrize("trains", [True, False], ids=["train op", "none"])
def test_parameters_without_gradient(
    sanity: Any, how: str, layers: list[str], severity: str | None, trains: bool
) -> None:
    subject = sanity.subject(connected(sanity, how), optimizer=sanity.adam() if trains else None)

    found = sanity.report(subject, "SN908").findings

    names = [f"{layer}/{name}" for layer in layers for name in ("kernel", "bias")]
    assert [sorted(each.evidence["parameters"]) for each in found] == ([sorted(names)] if names else [])
    assert [each.severity for each in found] == ([severity] if severity else [])


@pytest.mark.parametrize(("how", "word"), [("detached", "tf.stop_gradient"), ("unused", "Call the layers")])
def test_remedies_are_in_words_of_graphs(sanity: Any, how: str, word: str) -> None:
    (found,) = sanity.report(sanity.subject(connected(sanity, how)), "SN908").findings

    assert word in found.remedy
    assert not any(each in found.remedy for each in ("detach()", "no_grad", "parallel"))


def test_one_parameter_is_one(sanity: Any) -> None:
    def network(x: Any, mode: Any) -> Any:
        sanity.variable("dead", 3, 3)
        return sanity.linear(x, mode)

    (found,) = sanity.report(sanity.subject(network), "SN908").findings

    assert found.message == "1 trainable parameter ('dead') belongs to layers that the training does not call"


def test_frozen_parameters_need_no_gradient(sanity: Any) -> None:
    subject = sanity.subject(connected(sanity, "detached", body_trains=False), optimizer=sanity.adam())

    assert sanity.codes(subject, "SN908") == []


def test_weight_decay_is_no_connection(sanity: Any) -> None:
    """It moves the body, and the loss still does not reach it."""

    def loss(output: Any, target: Any) -> Any:
        decay = tf.add_n([tf.nn.l2_loss(each) for each in v1.trainable_variables()])
        return sanity.cross_entropy(output, target) + 1e-4 * decay

    subject = sanity.subject(connected(sanity, "detached"), loss=loss, optimizer=sanity.adam())

    (found,) = sanity.report(subject, "SN908").findings

    assert sorted(found.evidence["parameters"]) == ["body/bias", "body/kernel"]


def test_what_another_train_op_trains_needs_no_gradient_of_this_loss(sanity: Any) -> None:
    """The two networks of an adversarial training, each with a train op of its own."""

    def network(x: Any, mode: Any) -> Any:
        other = sanity.dense(sanity.flat(x), 10, "generator")
        mine = sanity.dense(tf.concat([sanity.flat(x), tf.stop_gradient(other)], 1), 10, "critic")
        v1.train.AdamOptimizer().minimize(-tf.reduce_mean(other), var_list=v1.trainable_variables("generator"))
        return mine

    def train_op(loss: Any) -> Any:
        return v1.train.AdamOptimizer().minimize(loss, var_list=v1.trainable_variables("critic"))

    assert sanity.codes(sanity.subject(network, train_op=train_op), "SN908") == []


def test_a_branch_that_begins_at_zero_gets_gradients(sanity: Any) -> None:
    """They are zero at first, for all that comes before the zeros; that is no missing connection."""

    def network(x: Any, mode: Any) -> Any:
        h = tf.nn.relu(sanity.dense(sanity.flat(x), 64, "before"))
        return sanity.dense(sanity.flat(x) + sanity.dense(h, 64, "zero", kernel=v1.zeros_initializer()), 10, "head")

    assert sanity.codes(sanity.subject(network), "SN908") == []


@pytest.mark.parametrize(("shape", "expected"), TABLE["broadcasting"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64], ids=["fractions", "whole numbers, which are cast"])
def test_broadcasting_between_predictions_and_targets(sanity: Any, shape: str, expected: list[str], dtype: Any) -> None:
    def network(x: Any, mode: Any) -> Any:
        output = sanity.dense(sanity.flat(x), 1, "head")
        return tf.squeeze(output, 1) if shape == "squeezed" else output

    data = [(x, y.astype(dtype)) for x, y in sanity.train_data]
    subject = sanity.subject(network, data=data, loss=sanity.squared, dtypes=(tf.float32, tf.float32))

    found = sanity.report(subject, "SN908").findings

    assert [each.code for each in found] == expected
    assert all(each.evidence["output_shape"] == [64, 1] for each in found)
    assert all("tf.squeeze(output, -1)" in each.remedy for each in found)


def contrastive(output: Any, target: Any) -> Any:
    """Each prediction is to be nearest to its own target among those of all samples, on purpose."""
    distances = tf.square(output - tf.reshape(target, [1, -1]))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(tf.shape(output)[0]), -distances))


def partial_likelihood(output: Any, target: Any) -> Any:
    """Cox's: each risk is compared with those of everyone who lived longer."""
    risks = tf.gather(tf.reshape(output, [-1]), tf.argsort(tf.reshape(target, [-1]), direction="DESCENDING"))
    return tf.reduce_mean(tf.math.log(tf.math.cumsum(tf.exp(risks))) - risks)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("squared", ["SN908"]), ("whole numbers", ["SN908"]), (contrastive, []), (partial_likelihood, [])],
    ids=["broadcast", "counts", "contrastive", "Cox"],
)
@pytest.mark.parametrize("named", [True, False], ids=["output named", "output found"])
def test_losses_that_couple_samples_on_purpose_broadcast_nothing(
    sanity: Any, loss: Any, expected: list[str], named: bool
) -> None:
    def network(x: Any, mode: Any) -> Any:
        return sanity.dense(sanity.flat(x), 1, "head")

    def squared_of_counts(output: Any, target: Any) -> Any:
        return sanity.squared(output, tf.cast(target, tf.float32))

    is_whole = loss == "whole numbers"
    computed = {"squared": sanity.squared, "whole numbers": squared_of_counts}.get(loss, loss)
    data = [(x, y if is_whole else y.astype(np.float32)) for x, y in sanity.train_data]
    dtypes = tf.float32, tf.int64 if is_whole else tf.float32
    given = {} if named else {"output": None}
    subject = sanity.subject(network, data=data, loss=computed, dtypes=dtypes, **given)

    report = sanity.report(subject, "SN908")

    assert [each.code for each in report.findings] == expected
    assert not report.not_assessed


def test_what_a_loss_does_with_one_shape_alone_is_not_assessed(sanity: Any) -> None:
    def network(x: Any, mode: Any) -> Any:
        return sanity.dense(sanity.flat(x), 1, "head")

    def of_a_row(output: Any, target: Any) -> Any:
        return tf.reduce_mean(tf.square(output - tf.linalg.matvec(tf.eye(64), target)))

    data = [(x, y.astype(np.float32)) for x, y in sanity.train_data]

    report = sanity.report(sanity.subject(network, data=data, loss=of_a_row, dtypes=(tf.float32, tf.float32)), "SN908")

    assert not report.findings
    assert [(each.code, "(64, 1) and targets (64,)" in each.reason) for each in report.not_assessed] == [
        ("SN908", True)
    ]
