"""What is refused before anything is measured."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import steadynorm
from steadynorm import UnusableInputError


def test_a_model_without_values(digits: Any) -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))
    with pytest.raises(UnusableInputError, match=r"'1\.weight' of the model is on the meta device"):
        steadynorm.diagnose(model, digits.train, progress=False)


@pytest.mark.parametrize("named", ["SN5", ["sn5"], "SN501,SN502"])
def test_codes_are_taken_as_a_string_or_a_list(digits: Any, named: Any) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))
    report = steadynorm.diagnose(model, digits.train[:2], ignore=named, progress=False)
    assert "SN103" in report.checked
    assert "SN501" not in report.checked


def test_a_code_that_is_none(digits: Any) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))
    with pytest.raises(UnusableInputError, match="there is no check 'SN999'"):
        steadynorm.diagnose(model, digits.train[:2], select=["SN999"], progress=False)
