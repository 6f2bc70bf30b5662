"""Graphs that are built, written as files and read back without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.finding import Finding

v1 = tf.compat.v1
Found = dict[str, Finding]


EVERY_FORM = [("switch", "reference"), ("switch", "resource"), ("functional", "resource"), ("functional", "reference")]
AS_WRITTEN = [EVERY_FORM[0], EVERY_FORM[2]]
"""What TensorFlow 1 writes, and what TensorFlow 2 does."""

WHERE_THE_MIXTURE_MATTERS = ("test_graph_classics", "test_graph_idioms", "test_graph_modes", "test_graph_updates")
"""Files about conditions and updates, which read and write variables in a form of their own for each of the four."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test in more than one form of graph, unless it says itself in which."""
    given = {name for mark in metafunc.definition.iter_markers("parametrize") for name in _names(mark.args[0])}
    names = [name for name in ("control_flow", "variables") if name in metafunc.fixturenames and name not in given]
    if len(names) == 1:
        metafunc.parametrize(names[0], list(dict.fromkeys(form[1] for form in EVERY_FORM)), indirect=True)
    elif names:
        is_mixed = metafunc.module.__name__.endswith(WHERE_THE_MIXTURE_MATTERS)
        metafunc.parametrize(names, EVERY_FORM if is_mixed else AS_WRITTEN, indirect=True)


def _names(given: str | Sequence[str]) -> Sequence[str]:
    return [each.strip() for each in given.split(",")] if isinstance(given, str) else given


@pytest.fixture
def control_flow(request: pytest.FixtureRequest) -> Iterator[str]:
    """Conditions and loops of TensorFlow 1, and those that are functions."""
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param == "functional" else v1.disable_control_flow_v2)()
    yield request.param
    (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()


@pytest.fixture
def variables(request: pytest.FixtureRequest) -> str:
    """Variables of TensorFlow 1, and resource variables."""
    return str(request.param)


@pytest.fixture(autouse=True)
def graph(control_flow: str, variables: str) -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph, v1.variable_scope("", use_resource=variables == "resource"):
        yield graph


class Parts:
    """What the networks of these tests are made of."""

    def images(self, *channels: int) -> Any:
        return v1.placeholder(tf.float32, [None, 8, 8, *(channels or (3,))])

    def convolution(self, x: Any, filters: int = 4, name: str = "conv", bias: bool = False) -> Any:
        kernel = v1.get_variable(f"{name}/kernel", [3, 3, int(x.shape[-1]), filters])
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return tf.nn.bias_add(x, v1.get_variable(f"{name}/bias", [filters])) if bias else x

    def dense(self, x: Any, units: int = 10, name: str = "dense", bias: bool = False) -> Any:
        x = tf.matmul(x, v1.get_variable(f"{name}/kernel", [int(x.shape[-1]), units]))
        return x + v1.get_variable(f"{name}/bias", [units]) if bias else x

    def logits(self, x: Any, units: int = 10) -> Any:
        return self.dense(tf.reduce_mean(x, [1, 2]), units, "logits")

    def loss(self, logits: Any) -> Any:
        labels = v1.placeholder(tf.int64, [None])
        return tf.reduce_mean(v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    def minimize(self, loss: Any, updates: Any = None, **options: Any) -> Any:
        """Plain minimize, or behind updates: all in the collection with True."""
        if updates is True:
            updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(updates or []):
            return v1.train.AdamOptimizer().minimize(loss, **options)

    def train(self, x: Any, updates: Any = None, **options: Any) -> Any:
        """Trains a classifier on the features `x`."""
        return self.minimize(self.loss(self.logits(x)), updates, **options)

    def mode(self, default: bool | None = None) -> Any:
        return v1.placeholder(tf.bool, []) if default is None else v1.placeholder_with_default(default, [])


@pytest.fixture
def net() -> Parts:
    return Parts()


@pytest.fixture
def read(tmp_path: Path, graph: tf.Graph) -> Callable[..., Found]:
    """Writes the graph as a saver does, and returns what is found in the file alone, by code."""

    def written(var_list: Any = None) -> Found:
        path = tmp_path / "model.meta"
        saver = v1.train.Saver(var_list)
        v1.train.export_meta_graph(str(path), saver_def=saver.as_saver_def(), graph=graph)
        findings, _ = run(evidence_of(None, graph=formats.read(path)))
        return {each.code: each for each in findings}

    return written
