"""SN901, SN902 and SN904 on graphs: broken networks beside healthy twins, by the common table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_images

from steadynorm.experiments.records import Outcome, Task

v1 = tf.compat.v1
TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())
JUMPING = [2.0, 9.0, 4.0, 12.0] * 20


def test_a_healthy_network_passes_every_check_that_can_be_made(sanity: Any) -> None:
    report = sanity.report(sanity.subject(sanity.normalized, optimizer=sanity.adam()))

    assert not report.findings, [(each.code, each.message) for each in report.findings]
    assert {each.code for each in report.not_assessed} == {"SN901", "SN904"}
    assert [each.outcome for each in report.evidence.experiments.of(Task.ONE_BATCH)] == [Outcome.FITTED]


@pytest.mark.parametrize("beside", [True, False], ids=["beside logits", "in the loss"])
def test_probabilities_are_judged_as_logits_are(sanity: Any, beside: bool) -> None:
    """As many graphs have it: the output is a softmax, and the loss takes it, or the logits before it."""

    def loss(output: Any, target: Any) -> Any:
        if beside:
            return sanity.cross_entropy(output.op.inputs[0], target)
        return -tf.reduce_mean(tf.math.log(tf.gather(output, target, batch_dims=1)))

    subject = sanity.subject(lambda x, mode: tf.nn.softmax(sanity.linear(x, mode)), loss=loss)

    report = sanity.report(subject, ["SN902", "SN905"])

    assert not report.findings
    assert not report.not_assessed
    assert report.evidence.experiments.first.chance == pytest.approx(np.log(10), rel=1e-4)
    assert [each.floor < 0.01 for each in report.evidence.experiments.of(Task.ONE_BATCH)][-1]


def test_several_predictions_are_judged_together(sanity: Any) -> None:
    """Two heads with a loss each: the loss of no answer at all is twice ln 10, and the smallest one is zero."""

    def network(x: Any, mode: Any) -> Any:
        return sanity.linear(x, mode), sanity.dense(sanity.flat(x), 10, "second")

    def loss(output: Any, target: Any) -> Any:
        return sum(sanity.cross_entropy(each, target) for each in output)

    report = sanity.report(sanity.subject(network, loss=loss, output=None), ["SN902", "SN905"])

    assert not report.findings
    assert report.evidence.experiments.first.chance == pytest.approx(2 * np.log(10), rel=1e-4)
    assert [each.outcome for each in report.evidence.experiments.learned][-1] is Outcome.FITTED


def test_labels_that_are_smoothed_have_a_floor(sanity: Any) -> None:
    """Smoothed by 0.1, ten classes: the smallest cross-entropy is the entropy of the smoothed label."""

    def loss(output: Any, target: Any) -> Any:
        return v1.losses.softmax_cross_entropy(tf.one_hot(target, 10), output, label_smoothing=0.1)

    shares = np.array([0.91, *[0.01] * 9])

    report = sanity.report(sanity.subject(sanity.normalized, loss=loss), "SN902")

    assert not report.findings
    floor = report.evidence.experiments.of(Task.ONE_BATCH)[0].floor
    assert floor == pytest.approx(-float(np.sum(shares * np.log(shares))), abs=0.02)


def test_a_train_op_of_another_network_is_named(sanity: Any) -> None:
    def train_op(loss: Any) -> Any:
        other = v1.get_variable("other", [3], initializer=v1.ones_initializer())
        return v1.train.AdamOptimizer(1e-2).minimize(tf.reduce_sum(other**2))

    (found,) = sanity.report(sanity.subject(sanity.linear, train_op=train_op), "SN902").findings

    assert "changes no parameter" in found.remedy


def test_a_rate_that_is_far_too_low_is_told_from_a_model_that_cannot(sanity: Any) -> None:
    (found,) = sanity.report(sanity.subject(sanity.linear, optimizer=sanity.adam(1e-7)), "SN902").findings

    assert "The model can; its training does not" in found.remedy
    assert found.evidence["the train step"]["outcome"] in ("stuck", "falling too slowly")  # rounding may hide the fall


@pytest.mark.parametrize(("bias", "expected"), TABLE["dead"])
def test_a_dead_activation_cannot_fit_a_batch(sanity: Any, bias: float, expected: list[str]) -> None:
    def network(x: Any, mode: Any) -> Any:
        return sanity.dense(tf.nn.relu(sanity.dense(sanity.flat(x), 32, "hidden", bias=bias)), 10, "head")

    assert sanity.codes(sanity.subject(network), "SN902") == expected


def photographs() -> list[tuple[Any, Any]]:
    """Patches of scikit-learn's two sample images in [0, 1], (8, 16, 16, 3) each, with themselves as targets."""
    images = np.stack(load_sample_images().images).astype(np.float32) / 255
    patches = [image[y : y + 16, x : x + 16] for image in images for y in range(0, 384, 64) for x in range(0, 576, 64)]
    mixed = np.stack(patches)[np.random.default_rng(0).permutation(len(patches))]
    return [(mixed[at : at + 8], mixed[at : at + 8]) for at in range(0, 32, 8)]


@pytest.mark.parametrize(("how", "expected"), TABLE["identity"])
@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "compared with the inputs"])
def test_identity_is_learned_unless_the_image_is_lost_on_the_way(
    sanity: Any, how: str, expected: list[str], labelled: bool
) -> None:
    def network(x: Any, mode: Any) -> Any:
        h = tf.nn.relu(tf.nn.conv2d(x, sanity.variable("down", 3, 3, 3, 16), 1, "SAME"))
        if how == "narrow":
            h = tf.zeros_like(h) + tf.reduce_mean(h, [1, 2], keepdims=True)
        output = tf.nn.conv2d(h, sanity.variable("up", 3, 3, 16, 3), 1, "SAME")
        if not labelled:
            tf.identity(sanity.squared(output, x), "from_inputs")
        return output

    data = photographs()
    subject = sanity.subject(network, data=data, loss=sanity.squared, dtypes=(tf.float32, tf.float32))
    if not labelled:
        tensor = subject.session.graph.get_tensor_by_name("from_inputs:0")
        subject = type(subject)(
            session=subject.session, inputs=subject.inputs, output=subject.output, loss=tensor, train_data=data
        )

    assert sanity.codes(subject, "SN901", seconds=300) == expected


@pytest.mark.parametrize("kind", ["constant", "schedule"])
def test_a_rate_that_is_too_high_is_told_by_trying_a_lower_one(sanity: Any, kind: str) -> None:
    """The recorded loss of a training that leaps, and the graph from which it was recorded."""

    def optimizer() -> Any:
        rate = 30.0
        if kind == "schedule":
            rate = v1.train.exponential_decay(30.0, v1.train.get_or_create_global_step(), 1000, 0.96)
        return v1.train.MomentumOptimizer(rate, 0.9)

    (found,) = sanity.report(sanity.subject(sanity.linear, optimizer=optimizer), "SN904", losses=JUMPING).findings

    assert "a tenth of the learning rate brings it to" in found.message
    assert found.certainty == "proven"


def test_a_rate_that_is_not_found_is_not_tried(sanity: Any) -> None:
    """An optimizer of one's own that assigns, as BERT's does: where its rate is no rule tells."""

    def train_op(loss: Any) -> Any:
        variables = v1.trainable_variables()
        changed = zip(variables, v1.gradients(loss, variables), strict=True)
        return tf.group([v1.assign(each, each - 1e-3 * tf.sign(gradient)) for each, gradient in changed])

    (found,) = sanity.report(sanity.subject(sanity.linear, train_op=train_op), "SN904", losses=JUMPING).findings

    assert list(found.evidence["tried"]) == ["0.125 of the data"]
    assert found.certainty == "proven" or "rate was not found" in found.settle


def test_a_loss_that_falls_is_no_finding(sanity: Any) -> None:
    subject = sanity.subject(sanity.linear, optimizer=sanity.adam())

    assert sanity.codes(subject, "SN904", losses=list(2.3 * np.exp(-np.arange(100) / 20))) == []


def test_a_model_that_is_too_small_learns_less_data(sanity: Any) -> None:
    """Three numbers for ten classes: enough for a few samples, too few for all."""

    def network(x: Any, mode: Any) -> Any:
        return sanity.dense(sanity.dense(sanity.flat(x), 1, "narrow"), 10, "head")

    data = [(x[:8], y[:8]) for x, y in sanity.train_data]
    subject = sanity.subject(network, data=data, optimizer=sanity.adam(0.03))

    (found,) = sanity.report(subject, "SN904", losses=[2.0, 3.0, 2.2, 2.9] * 20).findings

    assert "too little capacity" in found.remedy
