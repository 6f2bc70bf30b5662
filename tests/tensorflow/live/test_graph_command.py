"""A graph named on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from typer.testing import CliRunner

from steadynorm import cli

SUBJECT = """
import numpy as np
import tensorflow as tf
from steadynorm.tensorflow import GraphSubject, batch_norm

v1 = tf.compat.v1


def subject():
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(8, 2))
    batches = []
    for _ in range(12):
        x = draw.normal(3, 2, (64, 8)).astype("float32")
        batches.append((x, (x @ weights).argmax(1)))
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        x, y = v1.placeholder(tf.float32, [None, 8]), v1.placeholder(tf.int64, [None])
        mode = v1.placeholder(tf.bool, ())
        hidden = tf.nn.relu(batch_norm(x, is_training=mode, decay=0.9, scope="norm"))
        output = tf.matmul(hidden, v1.get_variable("head", [8, 2]))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=output))
        metric = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(output, 1), y), tf.float32))
        step = v1.train.AdamOptimizer(0.05).minimize(loss)
        session = v1.Session()
        session.run(v1.global_variables_initializer())
    for images, labels in batches * 10:
        session.run(step, {x: images, y: labels, mode: True})
    return GraphSubject(session=session, inputs=x, labels=y, mode=mode, output=output, loss=loss, metric=metric,
                        train_op=step, train_data=batches, name="digits")
"""


def test_a_graph_is_diagnosed_and_repaired_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "graph.py").write_text(SUBJECT)

    command = [sys.executable, "-m", "steadynorm", "diagnose", "graph.py:subject", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [each["code"] for each in report["findings"]] == ["SN101"]
    assert report["versions"]["framework"] == "tensorflow"
    assert report["versions"]["framework_version"] == tf.__version__
    monkeypatch.chdir(tmp_path)
    repaired = CliRunner().invoke(cli.app, ["repair", "graph.py:subject", "--output", "new.ckpt"])
    assert repaired.exit_code == 0, repaired.output
    assert "wrote new.ckpt" in repaired.output
    held = {name for name, _ in tf.train.list_variables(str(tmp_path / "new.ckpt"))}
    assert {"norm/moving_mean", "norm/moving_variance", "head"} <= held
