"""Real graphs with labels: what is drawn in red is what their sources say, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadynorm.drawing.drawing import MISSING, PATH, Drawing
from steadynorm.drawing.drawn import Drawn

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
LABELS: dict[str, Any] = json.loads((CORPUS / "labels.json").read_text(encoding="utf-8"))
CAPTURED: dict[str, Any] = {"check": True, "capture_output": True, "text": True}
NEVER_RUN = {name for name, label in LABELS.items() if {"SN101", "SN102"} & set(label["expect"])}
Corpus = Callable[[str], tuple[Drawn, Drawing]]


def edges(drawing: Drawing, kind: int) -> list[tuple[str, str]]:
    items = drawing.items
    return [(items[one].name, items[other].name) for one, other, _, flags in drawing.edges if flags & kind]


@pytest.mark.parametrize("name", sorted(NEVER_RUN))
def test_updates_that_no_train_op_runs_lack_their_way(name: str, corpus: Corpus) -> None:
    found, drawing = corpus(name)
    graph = found.report.evidence.graph
    assert graph is not None
    missing = edges(drawing, MISSING)

    # By the labels, all updates of these graphs are never run.
    assert {update for update, _ in missing} == {update.node for update in graph.updates}
    assert {step for _, step in missing} <= {step.node for step in graph.train_steps}
    assert not edges(drawing, PATH)


@pytest.mark.parametrize("name", sorted(LABELS.keys() - NEVER_RUN))
def test_nothing_is_missing_elsewhere(name: str, corpus: Corpus) -> None:
    assert not edges(corpus(name)[1], MISSING)


@pytest.mark.parametrize("name", ["01-unet", "02-mnist-classifier", "14-point-net-mixed"])
def test_ways_lead_from_every_update_that_runs_to_the_train_op(name: str, corpus: Corpus) -> None:
    found, drawing = corpus(name)
    graph = found.report.evidence.graph
    assert graph is not None
    following: dict[str, set[str]] = {}
    for one, other in edges(drawing, PATH):
        following.setdefault(one, set()).add(other)
    runs = [(update.node, step) for update in graph.updates for step in update.steps]
    assert runs

    for update, step in runs:
        reached, waiting = {update}, [update]
        while waiting:
            new = following.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        assert step in reached


@pytest.mark.parametrize("name", sorted(LABELS))
def test_every_layer_is_drawn_with_the_health_that_the_label_says(name: str, corpus: Corpus) -> None:
    found, drawing = corpus(name)
    graph = found.report.evidence.graph
    assert graph is not None
    health = {drawing.items[at].layer: drawing.items[at].health for at in drawing.sites}

    assert health.keys() == {layer.name for layer in graph.layers}
    if not set(LABELS[name]["expect"]) - {"SN501"}:  # which says how the layers are used, and is no mistake
        assert set(health.values()) == {"healthy"}
    elif name == "14-point-net-mixed":  # whose label names the two layers
        assert {layer for layer, how in health.items() if how == "error"} == {
            "batch_normalization_7",
            "batch_normalization_8",
        }
    else:
        assert "healthy" not in health.values()


def test_variables_of_frozen_stages_have_no_gradient_and_the_others_do(corpus: Corpus) -> None:
    found, _ = corpus("11-frozen-stages")
    graph = found.report.evidence.graph
    assert graph is not None
    trained = {name for step in graph.train_steps for name in step.parameters}
    noted = {vertex.name for vertex in found.network.vertices.values() if vertex.note == "no gradient"}

    assert any(name.startswith("stage1/") for name in noted)
    assert not noted & trained
    assert not any("moving_" in name for name in noted)


def test_a_drawing_does_not_depend_on_the_order_of_sets() -> None:
    code = (
        "import hashlib, json\nfrom steadynorm.drawing.drawing import drawing_of\n"
        "from steadynorm.drawing.reading import read\n"
        f"found = read({str(CORPUS / '04-signal-cnn' / 'model.ckpt.meta')!r})\n"
        "print(hashlib.sha256(json.dumps(drawing_of(found.network, found.report).plain()).encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, **CAPTURED).stdout
        for seed in ("1", "2", "3")
    ]

    assert len(set(runs)) == 1


def test_what_is_left_out_is_counted(corpus: Corpus) -> None:
    found, drawing = corpus("04-signal-cnn")
    nodes = len(found.network.vertices) + sum(drawing.left_out.values())

    # 755 nodes are in the file; what only reads a variable is drawn as the variable.
    assert 0 < 755 - nodes < 60
