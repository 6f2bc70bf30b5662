"""Graphs with the checkpoint that a training left: it proves what the graph alone makes likely, or refutes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.evidence import Statistics
from steadynorm.finding import Certainty, Finding

v1 = tf.compat.v1
Trained = Callable[[Any], dict[str, Finding]]


@pytest.fixture
def trained(tmp_path: Path, graph: tf.Graph) -> Trained:
    """Runs a train step a few times on noise, saves, and returns what is found in the files, by code."""

    def saved(step: Any) -> dict[str, Finding]:
        prefix = str(tmp_path / "model.ckpt")
        saver = v1.train.Saver()
        rng = np.random.default_rng(0)
        fed = {each.outputs[0]: each.outputs[0].dtype for each in graph.get_operations() if each.type == "Placeholder"}
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            for _ in range(4):
                session.run(step, {each: _value(each, dtype, rng) for each, dtype in fed.items()})
            saver.save(session, prefix)
        findings, _ = run(evidence_of(formats.read(f"{prefix}.index"), graph=formats.read(f"{prefix}.meta")))
        return {each.code: each for each in findings}

    return saved


def _value(tensor: Any, dtype: Any, rng: np.random.Generator) -> Any:
    shape = [4 if size is None else size for size in tensor.shape.as_list()]
    if dtype == tf.bool:
        return True
    return rng.normal(1, 2, shape) if dtype.is_floating else rng.integers(0, 2, shape)


def averaged_by_hand(net: Any, run_with_it: bool) -> Any:
    """A layer that an ExponentialMovingAverage of its moments follows, which begins with zeros."""
    x = net.convolution(net.images())
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    average = v1.train.ExponentialMovingAverage(0.9)
    update = average.apply([mean, variance])
    moments = v1.cond(net.mode(), lambda: (mean, variance), lambda: (average.average(mean), average.average(variance)))
    beta, gamma = (v1.get_variable(name, [4], initializer=init)
                   for name, init in (("beta", v1.zeros_initializer()), ("gamma", v1.ones_initializer())))  # fmt: skip
    x = tf.nn.relu(tf.nn.batch_normalization(x, *moments, beta, gamma, 1e-3))
    return net.train(x, [update] if run_with_it else None)


@pytest.mark.parametrize(("control_flow", "variables"), [("switch", "reference"), ("functional", "resource")],
                         indirect=True)  # fmt: skip
def test_averages_that_begin_with_zeros_and_were_never_run(net: Any, trained: Trained) -> None:
    found = trained(averaged_by_hand(net, run_with_it=False))

    assert {code: each.certainty for code, each in found.items()} == {"SN101": Certainty.PROVEN}


@pytest.mark.parametrize(("control_flow", "variables"), [("switch", "reference"), ("functional", "resource")],
                         indirect=True)  # fmt: skip
def test_averages_that_begin_with_zeros_and_were_run(net: Any, trained: Trained) -> None:
    found = trained(averaged_by_hand(net, run_with_it=True))

    assert set(found) <= {"SN104"}  # after four updates of a tenth each


@pytest.mark.parametrize(
    ("mean", "variance", "updates", "initial"),
    [
        (0, 1, None, True),
        (0, 1, 0, True),
        (0, 0, None, True),
        (0, 0, 0, True),
        (0, 0, 5, False),
        (0, 0.5, None, False),
        (1e-9, 0, None, False),
        (1, 1, None, False),
    ],
)
def test_what_statistics_begin_with(mean: float, variance: float, updates: int | None, initial: bool) -> None:
    statistics = Statistics(np.full(3, float(mean)), np.full(3, float(variance)), updates)

    assert statistics.at_initialization is initial


def test_one_variance_that_has_moved_is_enough() -> None:
    assert not Statistics(np.zeros(2), np.array([0.0, 1.0])).at_initialization
