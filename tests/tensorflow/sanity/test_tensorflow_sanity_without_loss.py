"""What a sanity test of a graph says of checks that take a loss where none was given as a tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest


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
