"""What the findings in the fixtures tell to do, as it is read in a terminal of 80 columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from textwrap import dedent

import pytest

import steadynorm
from steadynorm.finding import Finding
from steadynorm.report.words import sentence

HERE = Path(__file__).parent
WIDTH = 67
"""Columns that are left of 80 beside the heading of a remedy."""

BLOCK_IN_A_LINE = re.compile(r"\b(with|for|def|if) [^.;]*\):? \S+ = |\bwith [\w.]+\([^)]*\)+:(?!\n|')")


def _found(code: str) -> list[Finding]:
    cases = (each for each in sorted((HERE / code).glob("*")) if not each.stem.endswith((".fixed", "_healthy")))
    cases = (each for each in cases if each.suffix in (".py", ".ipynb"))
    return [found for case in cases for found in steadynorm.check(case, progress=False).findings]


def _code(remedy: str) -> Iterator[str]:
    """The parts that stand as lines of code."""
    for is_code, lines in groupby(remedy.split("\n"), key=lambda line: line.startswith("    ")):
        if is_code:
            yield dedent("\n".join(lines))


@pytest.mark.parametrize("code", sorted(each.name for each in HERE.glob("SN???")))
def test_code_in_remedies_is_python_in_lines_that_fit(code: str) -> None:
    found = _found(code)
    assert found
    for each in found:
        for part in _code(each.remedy):
            ast.parse(part)
        assert all(len(line) <= WIDTH for line in each.remedy.split("\n") if line.startswith("    ")), each.remedy
        assert not BLOCK_IN_A_LINE.search(each.remedy), each.remedy
        assert "None" not in each.remedy or "biases_initializer=None" in each.remedy or "training=None" in each.remedy


@pytest.mark.parametrize(
    ("case", "remedy"),
    [
        ("torch_every_fifth_epoch", "Write net.train() at the beginning of every epoch, or right behind"),
        ("torch_evaluation_every_thousand_steps", "Write self.model.train() right behind the evaluation"),
        ("torch_lightning_callback", "Write pl_module.train() right behind the evaluation"),
        ("torch_ignite_steps", "Write model.train() where the training step begins, or right behind"),
    ],
)
def test_what_switches_back_stands_where_the_trainer_comes_by(case: str, remedy: str) -> None:
    (found,) = steadynorm.check(HERE / "SN203" / f"{case}.py", progress=False).findings

    assert found.remedy.startswith(remedy)


def test_a_freeze_is_repeated_where_there_is_no_class_to_edit() -> None:
    (published,) = steadynorm.check(HERE / "SN603" / "torch_applied_once.py", progress=False).findings
    (own,) = steadynorm.check(HERE / "SN603" / "torch_frozen_again.py", progress=False).findings

    assert published.remedy == "Repeat the freeze behind each model.train()."
    assert "torch_applied_once.py:16)" in published.message
    assert "def train(self, mode=True):" in own.remedy


def test_a_mode_that_a_call_of_keras_fixes_is_mended_there() -> None:
    found = steadynorm.check(HERE / "SN202" / "keras_inner_blocks_training_false.py", progress=False).findings

    assert [each.remedy.partition(";")[0] for each in sorted(found, key=lambda each: str(each.place))] == [
        "Give call() the parameter training=None, and write training=training here",
        "Write training=training here",
    ]
    assert all("trainable = False" in each.remedy for each in found)


def test_averages_of_mean_and_variance_that_are_dropped_are_one_mistake() -> None:
    found = steadynorm.check(HERE / "SN206" / "tf_classic_3.py", progress=False).findings
    (dropped,) = (each for each in found if each.code == "SN101")

    assert "and what the one in line 15 gives" in dropped.message
    assert dropped.place is not None
    assert dropped.place.line == 14


def test_averages_that_the_mode_moves_are_stopped_by_the_mode() -> None:
    found = steadynorm.check(HERE / "SN107" / "tf_averages_fed_true.py", progress=False).findings
    (moved,) = (each for each in found if each.code == "SN107")

    assert "in training mode with their updates" in moved.message
    assert moved.remedy.startswith("Feed False for the mode here")


def test_code_at_the_end_of_a_text_gets_no_full_stop() -> None:
    assert sentence("write it as\n    f(x)") == "Write it as\n    f(x)"
    assert sentence("write it as\n    f(x)\nand run it") == "Write it as\n    f(x)\nand run it."


def test_code_keeps_its_lines_in_a_terminal() -> None:
    shown = str(steadynorm.check(HERE / "SN101" / "tf_layers_plain_minimize.py", progress=False)).splitlines()
    begin = next(index for index, line in enumerate(shown) if "update_ops = " in line)

    assert [line.removeprefix(" " * 13) for line in shown[begin - 1 : begin + 3]] == [
        "     remedy  Make the train op wait for them, when all layers are built:",
        "    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)",
        "    with tf.control_dependencies(update_ops):",
        "        train_op = tf.train.AdamOptimizer(0.001).minimize(loss)",
    ]


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import io, torch", "torch"),
        ("import torch.nn as nn, os", "torch"),
        ("import numpy as np, keras as k", "keras"),
        ("from flax import linen", "jax"),
        ("import importlib", "python"),
        ("from torchvision import models", "python"),
    ],
)
def test_framework_is_that_of_the_imports(tmp_path: Path, imports: str, name: str) -> None:
    (tmp_path / "a.py").write_text(f"{imports}\nx = BatchNorm2d(3)\ntorch = 1\n", encoding="utf-8")
    (report,) = steadynorm.check(tmp_path / "a.py", progress=False).reports

    assert report.evidence.framework == name


def test_a_network_that_keeps_its_statistics_is_asked_for_no_collection() -> None:
    (found,) = steadynorm.check(HERE / "SN202" / "jax_nnx_train_left_out.py", progress=False).findings
    assert found.remedy.startswith("Write train=True here.")
