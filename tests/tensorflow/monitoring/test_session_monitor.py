"""`steadynorm.Monitor` of a session in a loop of one's own: every broken training next to its healthy twin."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.tensorflow import GraphSubject

v1 = tf.compat.v1

IMAGES, LABELS = load_digits(return_X_y=True)


class Program:
    """A network with two layers, as a program of TensorFlow 1 builds it.

    Arguments:
        mode: of the layers: True, False, or `None` for a placeholder that is fed `fed`.
        fused: whether fused operations normalize, or the arithmetic is written out.
        updates: how many of the layers' updates the train op runs.
        frozen: whether gamma and beta are not trained.
        dtype: of the statistics.
    """

    def __init__(
        self,
        *,
        decay: float = 0.7,
        mode: bool | None = True,
        fed: bool = True,
        fused: bool = True,
        updates: int = 2,
        frozen: bool = False,
        dtype: Any = tf.float32,
    ) -> None:
        self.decay, self.fused, self.trainable, self.dtype = decay, fused, not frozen, dtype
        self.graph = tf.Graph()
        with self.graph.as_default():
            v1.set_random_seed(0)
            self.x, self.y = v1.placeholder(tf.float32, [None, 64]), v1.placeholder(tf.int64, [None])
            self.mode = v1.placeholder(tf.bool, []) if mode is None else mode
            self.fed = {self.mode: fed} if mode is None else {}
            hidden = self.normalized("first", self.dense("in", self.x, 32))
            hidden = self.normalized("second", self.dense("middle", tf.nn.relu(hidden), 32))
            logits = self.dense("head", tf.nn.relu(hidden), 10)
            self.loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(self.y, logits))
            run = v1.get_collection(v1.GraphKeys.UPDATE_OPS)[: 2 * updates]
            with tf.control_dependencies(run):
                self.train_op = v1.train.AdamOptimizer(3e-3).minimize(self.loss)
            self.session = v1.Session()
            self.session.run(v1.global_variables_initializer())

    def dense(self, name: str, x: Any, width: int) -> Any:
        return x @ v1.get_variable(name, [x.shape[1], width], initializer=v1.glorot_uniform_initializer())

    def normalized(self, scope: str, x: Any) -> Any:
        ones, zeros = v1.ones_initializer(), v1.zeros_initializer()
        with v1.variable_scope(scope):
            gamma, beta = (
                v1.get_variable(name, [32], initializer=start, trainable=self.trainable)
                for name, start in (("gamma", ones), ("beta", zeros))
            )
            stored = [
                v1.get_variable(name, [32], self.dtype, initializer=start, trainable=False)
                for name, start in (("moving_mean", zeros), ("moving_variance", ones))
            ]
            if self.mode is True and self.fused:
                y, *moments = v1.nn.fused_batch_norm(x[:, None, None], gamma, beta, is_training=True)
                y = tf.squeeze(y, [1, 2])
            else:
                moments = list(tf.nn.moments(x, [0]))
                used = moments if self.mode is True else stored
                if not isinstance(self.mode, bool):
                    used = tf.cond(self.mode, lambda: moments, lambda: [tf.identity(each) for each in stored])
                y = tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)
            if self.mode is not False:
                for average, moment in zip(stored, moments, strict=True):
                    moment = tf.cast(moment, self.dtype)
                    step = (average - moment) * tf.constant(1 - self.decay, self.dtype)
                    if not isinstance(self.mode, bool):
                        step = step * tf.cast(self.mode, self.dtype)
                    v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_sub(average, step))
            return y

    def train(self, monitor: steadynorm.Monitor | None, steps: int = 22, spoilt: int | None = None) -> list[str]:
        """Trains, and gives the codes of what the monitor warned of; all warnings point to this file."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for step in range(steps):
                chosen = slice(64 * step, 64 * step + 64)
                x = np.where(step == spoilt, np.nan, IMAGES[chosen] / 16)
                _, loss = self.session.run([self.train_op, self.loss], {self.x: x, self.y: LABELS[chosen], **self.fed})
                if monitor is not None:
                    monitor.step(loss=loss)
            if monitor is not None:
                monitor.close()
        given = [each for each in caught if each.category is steadynorm.TrainingWarning]
        assert {each.filename for each in given} <= {__file__}
        return [str(each.message).split(":")[0] for each in given]

    def monitored(self, **options: Any) -> list[str]:
        return self.train(steadynorm.Monitor(self.session), **options)

    def values(self) -> dict[str, np.ndarray]:
        with self.graph.as_default():
            return self.session.run({each.op.name: each for each in v1.global_variables()})


@pytest.mark.parametrize("options", [{}, {"fused": False}, {"mode": None}], ids=["fused", "written out", "chosen"])
def test_a_healthy_training_is_silent_and_not_changed(options: dict[str, Any], tmp_path: Path) -> None:
    program, twin = Program(**options), Program(**options)
    nodes = len(program.graph.get_operations())
    monitor = steadynorm.Monitor(program.session, every=5, run=tmp_path / "run.jsonl")
    assert program.train(monitor) == []
    twin.train(None)
    for name, value in twin.values().items():
        np.testing.assert_array_equal(value, program.values()[name])
    assert len(program.graph.get_operations()) == nodes
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["framework"] == "tensorflow"
    assert [line["step"] for line in lines if line["kind"] == "loss"] == [5, 10, 15, 20]
    assert all(line["layers"].keys() == {"first", "second"} for line in lines if line["kind"] == "statistics")


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"updates": 0}, "SN101"),
        ({"updates": 0, "fused": False}, "SN101"),
        ({"mode": None, "fed": False}, "SN101"),
        ({"updates": 1}, "SN102"),
        ({"decay": 0.999}, "SN104"),
        ({"mode": False}, "SN202"),
        ({"decay": 0.01}, "SN510"),
        ({"dtype": tf.float16}, "SN704"),
    ],
)
def test_what_a_training_does_wrong(broken: dict[str, Any], code: str) -> None:
    """The twin of each is above: the same program without the one option."""
    assert Program(**broken).monitored() == [code]


@pytest.mark.parametrize(("mode", "expected"), [(True, ["SN601"]), (False, [])])
def test_sn601_a_frozen_layer_that_moves(mode: bool, expected: list[str]) -> None:
    program = Program(frozen=True, mode=mode)
    assert program.monitored() == expected


def test_sn701_statistics_that_are_not_finite() -> None:
    assert "SN701" in Program().monitored(spoilt=2)


def test_sn702_a_variance_below_zero() -> None:
    program = Program()
    with program.graph.as_default():
        (variance,) = [each for each in v1.global_variables() if each.op.name == "first/moving_variance"]
        program.train_op = tf.group(program.train_op, v1.assign_sub(variance, tf.fill([32], 2.0)))
    assert "SN702" in program.monitored()


def test_a_subject_is_monitored_by_its_session() -> None:
    program = Program(updates=0)
    subject = GraphSubject(
        session=program.session, inputs=program.x, labels=program.y, loss=program.loss, train_data=[]
    )
    assert program.train(steadynorm.Monitor(subject)) == ["SN101"]


def test_what_cannot_be_monitored() -> None:
    program = Program()
    with pytest.raises(steadynorm.UnusableInputError, match="MonitorHook"):
        steadynorm.Monitor(program.graph)
    with (
        program.graph.as_default(),
        v1.train.MonitoredSession() as session,
        pytest.raises(steadynorm.UnusableInputError, match="MonitorHook"),
    ):
        steadynorm.Monitor(session)
    with pytest.raises(steadynorm.UnusableInputError, match="no values yet"):
        steadynorm.Monitor(v1.Session(graph=program.graph))
