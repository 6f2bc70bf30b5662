"""Graphs that TensorFlow 1 wrote, restored from .meta and checkpoint files of the labelled corpus, and trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.tensorflow import GraphSubject

v1 = tf.compat.v1
CORPUS = Path(__file__).parents[2] / "data" / "corpus"


def restored(name: str) -> Any:
    """A session with the graph and its weights; what the checkpoint does not hold is initialized."""
    path = str(CORPUS / name / "model.ckpt")
    graph = tf.Graph()
    with graph.as_default():
        saver = v1.train.import_meta_graph(f"{path}.meta")
        session = v1.Session(graph=graph)
        saver.restore(session, path)
    held = {each for each, _ in tf.train.list_variables(path)}
    session.run([each.initializer for each in graph.get_collection("variables") if each.op.name not in held])
    return session


@pytest.fixture(scope="module")
def digits() -> list[tuple[Any, Any]]:
    """The digits 0 to 4 as 28 x 28 images, which the classifier takes, with one-hot labels."""
    images, labels = load_digits(n_class=5, return_X_y=True)
    enlarged = np.kron(images.reshape(-1, 8, 8) / 16, np.ones((3, 3)))
    x = np.pad(enlarged, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    y = np.eye(5, dtype=np.float32)[labels]
    order = np.random.default_rng(0).permutation(len(x))
    return [(x[order[at : at + 64]], y[order[at : at + 64]]) for at in range(0, len(x) - 64, 64)]


def test_updates_that_are_fetched_by_hand(digits: Any) -> None:
    """The label: correct but for biases before the layers (SN501); the graph alone looks like updates not run."""
    session = restored("03-updates-fetched-by-hand")
    graph = session.graph
    x, y, mode, loss, metric = (
        graph.get_tensor_by_name(f"{each}:0") for each in ("dataset_in", "true_value", "training", "loss_func", "acc")
    )
    adam, updates = graph.get_operation_by_name("Adam"), graph.get_collection("update_ops")
    for _ in range(6):
        for images, labels in digits[:10]:
            session.run([adam, *updates], {x: images, y: labels, mode: True})

    def report(train_op: Any) -> steadynorm.Report:
        subject = GraphSubject(
            session=session,
            inputs=x,
            labels=y,
            mode=mode,
            loss=loss,
            metric=metric,
            train_op=train_op,
            train_data=digits[:10],
            validation_data=digits[10:],
        )
        return steadynorm.diagnose(subject, progress=False)

    whole = report([adam, *updates])
    assert [each.code for each in whole.findings] == ["SN501"]
    steps = whole.evidence.steps.layers
    assert len(steps) == 5
    # The decay is fed, 0.85 by default, so only the run can show it.
    assert [each.decay for each in steps.values()] == pytest.approx([0.85] * 5, abs=1e-3)
    alone = report(adam)
    assert [each.code for each in alone.findings] == ["SN101", "SN501"]


def test_a_layer_without_a_mode() -> None:
    """The label: trained without training=, so the statistics are those of the start (SN202)."""
    session = restored("06-dense-net")
    graph = session.graph
    inputs = [graph.get_tensor_by_name(f"{name}:0") for name in ("Placeholder", "Placeholder_1", "Placeholder_2")]
    draw = np.random.default_rng(0)
    batches = []
    for _ in range(12):
        rows = [draw.integers(0, 100, 32).astype(np.int32) for _ in inputs]
        batches.append((rows, (rows[0] > 50).astype(np.float32)))
    subject = GraphSubject(
        session=session,
        inputs=inputs,
        labels=graph.get_tensor_by_name("Placeholder_3:0"),
        loss=graph.get_tensor_by_name("Mean:0"),
        train_op=graph.get_operation_by_name("Adam"),
        train_data=batches,
    )
    report = steadynorm.diagnose(subject, progress=False)
    assert report.findings[0].code == "SN202"
    assert report.findings[0].layers == ("bn",)
