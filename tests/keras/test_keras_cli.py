"""The commands on a file that builds a Keras model."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from steadynorm.cli import app

SUBJECT = """
import keras
import numpy as np

import steadynorm


def subject():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(1)])
    model.layers[0].gamma.assign([2.0, 1.0, 1.0, 1.0])  # trained
    draw = np.random.default_rng(0)
    batches = [(x, x[:, :1]) for x in draw.normal(5, 3, (12, 64, 4)).astype("float32")]
    return steadynorm.Subject(
        model, batches, loss=lambda output, target: keras.ops.mean((output - target) ** 2), name="line"
    )
"""


def test_diagnose_takes_a_keras_subject(tmp_path: Path) -> None:
    (tmp_path / "line.py").write_text(SUBJECT)
    done = CliRunner().invoke(app, ["diagnose", f"{tmp_path / 'line.py'}:subject", "--json"])
    report = json.loads(done.stdout)
    assert report["versions"]["framework"] == "keras"
    assert "SN103" in [each["code"] for each in report["findings"]]
    assert done.exit_code == 1


def test_repair_takes_a_keras_subject(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(SUBJECT)
    done = CliRunner().invoke(
        app, ["repair", f"{tmp_path / 'plain.py'}:subject", "--output", str(tmp_path / "new.weights.h5")]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new.weights.h5").exists()
