"""Checks of a sanity test that cannot be made of a graph, and the reasons that are given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.tensorflow import GraphSubject

v1 = tf.compat.v1


def function(output: Any, target: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("loss", "reason"), [(None, "no loss was given"), (function, "the loss is a function of Python")]
)
def test_what_takes_a_loss_is_not_assessed_without_one(sanity: Any, loss: Any, reason: str) -> None:
    subject = replace(sanity.subject(sanity.linear, optimizer=sanity.adam()), loss=loss)

    report = sanity.report(subject, ["SN903", "SN907", "SN908"])

    assert not report.findings
    assert [each.code for each in report.not_assessed] == ["SN903", "SN907", "SN908"]
    assert all(each.reason.startswith(reason) for each in report.not_assessed)


def test_what_takes_a_loss_is_assessed_with_one(sanity: Any) -> None:
    report = sanity.report(sanity.subject(sanity.linear, optimizer=sanity.adam()), ["SN903", "SN907", "SN908"])

    assert not report.findings
    assert not report.not_assessed


@pytest.mark.parametrize(
    ("is_given", "end"), [(True, "not all that the loss is computed from"), (False, "give output")]
)
def test_the_output_is_asked_for_only_where_it_was_not_given(sanity: Any, is_given: bool, end: str) -> None:
    """The loss compares images with the inputs and, without labels, looks at the code and the inputs together."""
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        x = v1.placeholder(tf.float32, [None, 8, 8, 1])
        code = sanity.dense(sanity.flat(x), 8, "code")
        output = sanity.dense(code, 64, "image")
        loss = sanity.squared(output, sanity.flat(x)) + tf.reduce_mean(tf.square(code - sanity.flat(x)[:, :8]))
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        subject = GraphSubject(
            session=session,
            inputs=x,
            output=output if is_given else None,
            loss=loss,
            train_data=[(images, None) for images, _ in sanity.train_data],
        )

    (missing,) = sanity.report(subject, "SN902", seconds=5).not_assessed

    assert missing.code == "SN902"
    assert end in missing.reason
    assert ("give output" in missing.reason) is not is_given
