"""Graphs that are built, written as files and read back without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(params=["switch", "functional"])
def control_flow(request: pytest.FixtureRequest) -> Iterator[str]:
    """Conditions and loops of TensorFlow 1, and those that are functions."""
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if request.param == "functional" else v1.disable_control_flow_v2)()
    yield request.param
    (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()


@pytest.fixture(params=["reference", "resource"])
def variables(request: pytest.FixtureRequest) -> str:
    """Variables of TensorFlow 1, and resource variables."""
    return str(request.param)


@pytest.fixture(autouse=True)
def graph(control_flow: str, variables: str) -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph, v1.variable_scope("", use_resource=variables == "resource"):
        yield graph


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
