"""The session hook on the digits: every broken training next to its healthy twin."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import steadynorm
from steadynorm.tensorflow import batch_norm, create_train_op
from steadynorm.tensorflow.monitor import MonitorHook

v1 = tf.compat.v1

IMAGES, LABELS = load_digits(return_X_y=True)
STEPS = 44


def normalized(x: Any, decay: float, training: bool, own: bool) -> Any:
    """A layer of this package, or one by hand as tf.layers builds it: a fused operation and two updates."""
    if own:
        return batch_norm(x, decay=decay, is_training=training, scope="norm", scale=True)
    with v1.variable_scope("norm"):
        gamma, beta = (
            v1.get_variable("gamma", [32], initializer=v1.ones_initializer()),
            v1.get_variable("beta", [32], initializer=v1.zeros_initializer()),
        )
        mean = v1.get_variable("moving_mean", [32], initializer=v1.zeros_initializer(), trainable=False)
        variance = v1.get_variable("moving_variance", [32], initializer=v1.ones_initializer(), trainable=False)
        given = [] if training else [mean, variance]
        y, batch_mean, batch_variance = v1.nn.fused_batch_norm(
            x[:, None, None], gamma, beta, *given, is_training=training, epsilon=1e-3
        )
        for average, batch in ((mean, batch_mean), (variance, batch_variance)):
            update = v1.assign_sub(average, (average - batch) * (1 - decay))
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
        return tf.squeeze(y, [1, 2])


class Values(v1.train.SessionRunHook):
    """Takes the values of all variables at the end, in a run that is no step."""

    found: dict[str, np.ndarray]

    def end(self, session: Any) -> None:
        self.found = session.run({each.op.name: each for each in v1.global_variables()})


def train(
    hook: MonitorHook | None,
    *,
    decay: float = 0.7,
    training: bool = True,
    updates: bool = True,
    check_numerics: bool = True,
    own: bool = False,
    feed: Callable[[int, np.ndarray], np.ndarray] = lambda _, images: images,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Trains a network under the hook.

    Returns:
        what was warned of, and the values of all variables at the end.
    """
    with tf.Graph().as_default(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        v1.set_random_seed(0)
        x, y = v1.placeholder(tf.float32, [None, 64]), v1.placeholder(tf.int64, [None])
        dense = v1.get_variable("dense", [64, 32], initializer=v1.glorot_uniform_initializer())
        head = v1.get_variable("head", [32, 10], initializer=v1.glorot_uniform_initializer())
        hidden = tf.nn.dropout(tf.nn.relu(normalized(x @ dense, decay, training, own)), rate=0.1)
        loss = v1.losses.sparse_softmax_cross_entropy(y, hidden @ head)
        optimizer = v1.train.AdamOptimizer(3e-3)
        train_op = (
            create_train_op(loss, optimizer, check_numerics=check_numerics) if updates else optimizer.minimize(loss)
        )
        last = Values()
        with v1.train.MonitoredSession(hooks=[last] if hook is None else [hook, last]) as session:
            for step in range(STEPS):
                chosen = np.arange(64) + 64 * (step % 22)
                session.run(train_op, {x: feed(step, IMAGES[chosen] / 16), y: LABELS[chosen]})
    return [str(each.message) for each in caught if each.category is steadynorm.TrainingWarning], last.found


def codes(warned: list[str]) -> list[str]:
    return [text.split(":")[0] for text in warned]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("every", [1, 10])
def test_a_healthy_training_is_silent_and_not_changed(tmp_path: Path, own: bool, every: int) -> None:
    warned, values = train(MonitorHook(every=every, run=tmp_path / "run.jsonl", tensorboard=tmp_path), own=own)
    assert warned == []
    _, without = train(None, own=own)
    assert values.keys() == without.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(value, without[name])


def test_the_run_file_holds_decay_distance_and_loss(tmp_path: Path) -> None:
    train(MonitorHook(every=44, run=tmp_path / "run.jsonl", loss="sparse_softmax_cross_entropy_loss/value:0"))
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (lines[0]["framework"], lines[0]["interval"]) == ("tensorflow", 44)
    last = [line for line in lines if line["kind"] == "statistics"][-1]
    assert (last["step"], list(last["layers"])) == (44, ["norm"])
    assert last["layers"]["norm"]["decay"] == pytest.approx(0.7, abs=1e-3)
    assert last["layers"]["norm"]["updates_per_step"] == 1
    assert 0 < last["layers"]["norm"]["mean_shift"] < 0.2
    assert [line["step"] for line in lines if line["kind"] == "loss"] == [5, 44]
    assert all(0 < line["train"] < 3 for line in lines if line["kind"] == "loss")


@pytest.mark.parametrize(("updates", "expected"), [(False, ["SN101"]), (True, [])])
def test_sn101_update_ops_that_do_not_run(updates: bool, expected: list[str]) -> None:
    warned, _ = train(MonitorHook(), updates=updates)
    assert codes(warned) == expected
    assert all("steadynorm.tensorflow.create_train_op" in text for text in warned)


def test_sn104_an_average_that_has_not_arrived_at_the_end() -> None:
    assert codes(train(MonitorHook(every=10), decay=0.999)[0]) == ["SN104"]


def test_sn510_the_other_frameworks_momentum() -> None:
    assert codes(train(MonitorHook(), decay=0.01)[0]) == ["SN510"]


def test_sn701_statistics_that_are_not_finite() -> None:
    def feed(step: int, images: np.ndarray) -> np.ndarray:
        return np.where(step == 2, np.nan, images)

    assert "SN701" in codes(train(MonitorHook(), check_numerics=False, feed=feed)[0])
