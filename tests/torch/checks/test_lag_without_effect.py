"""SN104 beside a gap that statistics which fit do not close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from steadynorm import Severity
from steadynorm.checks.registry import run


@pytest.mark.parametrize(
    ("share", "severity"),
    [(0.9, Severity.ERROR), (0.0, Severity.INFO)],
    ids=["the lag is the cause", "the cause is another"],
)
def test_a_lag_whose_remedy_does_nothing_is_no_error(lab: Any, share: float, severity: Severity) -> None:
    torch.manual_seed(3)
    model = lab.Net()
    optimizer = torch.optim.Adam(model.parameters(), 0.03, weight_decay=0.03)
    model.train()
    for batch in lab.digits.train * 5:
        lab.train_step(model, optimizer, batch)
    report = lab.diagnose(model, train_step=lab.train_step, optimizer=optimizer)
    lab.assert_first(report, "SN104")
    tried = tuple(replace(each, share=share) for each in report.evidence.trials)

    found, _ = run(replace(report.evidence, trials=tried), ["SN104"])

    assert [each.severity for each in found] == [severity]
