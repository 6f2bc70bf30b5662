"""Counts in the messages of checks: one thing is not several."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import steadynorm
from steadynorm.checks.wording import many


@pytest.mark.parametrize(
    ("things", "verb", "noun", "said"),
    [
        (["a"], "are", "layer", "1 layer is"),
        (["a", "b"], "are", "layer", "2 layers are"),
        ({"a": 1}, "have", "layer", "1 layer has"),
        (1, "were", "layer", "1 layer was"),
        (1, "count", "layer", "1 layer counts"),
        (3, "count", "layer", "3 layers count"),
        (1, "", "channel", "1 channel"),
        (0, "", "channel", "0 channels"),
    ],
)
def test_counts(things: list[str] | dict[str, int] | int, verb: str, noun: str, said: str) -> None:
    assert many(things, verb, noun) == said


def test_some_of_all() -> None:
    assert many(["a"], "have", of=["a", "b"]) == "1 of 2 layers has"
    assert many(["a", "b"], "have", of=["a", "b"]) == "2 of 2 layers have"
    assert many(["a"], "use", "normalization layer", ["a"]) == "1 of 1 normalization layer uses"


def test_a_file_with_one_layer_is_spoken_of_as_one(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    norm = torch.nn.BatchNorm2d(4, momentum=0.99)
    norm(torch.randn(8, 4, 3, 3))
    with torch.no_grad():
        norm.bias.copy_(torch.arange(4.0))
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    states = {name: value.half() if value.is_floating_point() else value for name, value in norm.state_dict().items()}
    torch.save({f"bn.{name}": value for name, value in states.items()}, tmp_path / "model.pt")
    result = steadynorm.check(tmp_path)
    assert len(result.findings) >= 2
    for found in result.findings:
        assert not re.search(r"\b1 [a-z]+s\b(?! of)", found.message), found.message
