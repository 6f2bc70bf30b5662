"""A check of source code loads the checks of source alone, and still tells of every other that it was not made."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from steadynorm import check
from steadynorm.checks import registry
from steadynorm.checks.catalogue import CATALOGUE

WHY = "source code does not tell: it takes a checkpoint, a graph or a live model"


@pytest.fixture(scope="module")
def of_source() -> set[str]:
    """The checks that any family has for source."""
    for family in registry.FAMILIES:
        import_module(f"steadynorm.checks.{family}")
    return {each.code for each in registry._REGISTERED if "program" in each.needs}


@pytest.mark.parametrize("select", [(), ("SN3", "SN105", "SN908")], ids=["all", "some"])
def test_whatever_is_not_made_is_told_in_the_order_of_the_catalogue(
    select: tuple[str, ...], of_source: set[str], tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("import torch\nnet = torch.nn.Sequential(torch.nn.BatchNorm2d(8))\n")
    (report,) = check(tmp_path / "a.py", select=select).reports
    asked = [code for code in CATALOGUE if not select or code.startswith(select)]

    assert [(each.code, each.reason) for each in report.not_assessed] == [
        (code, WHY) for code in asked if code not in of_source
    ]


def test_only_families_of_source_have_checks_of_source(of_source: set[str]) -> None:
    modules = {each.function.__module__ for each in registry._REGISTERED if "program" in each.needs}

    assert of_source
    assert modules == {f"steadynorm.checks.{family}" for family in registry.FAMILIES if family.startswith("source_")}
