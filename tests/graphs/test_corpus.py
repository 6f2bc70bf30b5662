"""Real graphs with labels: what is found is what their sources say, and nothing else at the level of a warning."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.finding import Certainty, Finding, Severity

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
LABELS: dict[str, dict[str, Any]] = json.loads((CORPUS / "labels.json").read_text(encoding="utf-8"))
LARGEST = "11-frozen-stages"
SECONDS = 1.0
ALLOWANCE = 3.0
"""A machine that is busy with other tests is slower; benchmarks/ has the exact numbers."""


@cache
def found(name: str) -> tuple[Finding, ...]:
    (graph,) = (CORPUS / name).glob("*.meta")
    index = next((CORPUS / name).glob("*.index"), None)
    checkpoint = None if index is None else formats.read(index)
    findings, _ = run(evidence_of(checkpoint, graph=formats.read(graph)))
    return tuple(findings)


@pytest.mark.parametrize("name", sorted(LABELS))
def test_every_label_is_found(name: str) -> None:
    assert set(LABELS[name]["expect"]) <= {each.code for each in found(name)}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_nothing_else_is_found(name: str) -> None:
    others = {each.code: each.message for each in found(name) if each.code not in LABELS[name]["expect"]}

    assert not others


def test_labels_that_tempt_are_in_the_corpus() -> None:
    assert any(label["not"] for label in LABELS.values())
    assert any(label["inference_only"] for label in LABELS.values())


def test_a_layer_of_a_mixed_network_is_judged_by_itself() -> None:
    (fixed,) = (each for each in found("14-point-net-mixed") if each.code == "SN202")

    assert fixed.layers == ("batch_normalization_7", "batch_normalization_8")


def test_a_checkpoint_settles_what_a_graph_alone_cannot() -> None:
    graph = formats.read(CORPUS / "03-updates-fetched-by-hand" / "model.ckpt.meta")
    alone, _ = run(evidence_of(None, graph=graph))

    assert {each.code: each.certainty for each in alone if each.severity is Severity.ERROR} == {
        "SN101": Certainty.LIKELY
    }
    assert all(each.settle for each in alone if each.code == "SN101")
    assert "SN101" not in {each.code for each in found("03-updates-fetched-by-hand")}
    (trained,) = (each for each in found("06-dense-net") if each.code == "SN202")
    assert trained.certainty is Certainty.PROVEN


def test_the_largest_graph_takes_under_a_second() -> None:
    graph = CORPUS / LARGEST / "model.ckpt.meta"
    begin = time.process_time()
    run(evidence_of(None, graph=formats.read(graph)))

    assert time.process_time() - begin < SECONDS * ALLOWANCE
