"""A training that is killed goes on from its last checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np

from steadynorm.tensorflow import estimator as est

PROGRAM = textwrap.dedent("""
    import sys, time
    import numpy as np
    import tensorflow as tf
    from steadynorm.tensorflow import estimator as est

    v1 = tf.compat.v1

    def model_fn(features, labels, mode):
        mean = v1.get_variable("moving_mean", [2], initializer=v1.zeros_initializer(), trainable=False)
        count = v1.get_variable("count", [], initializer=v1.zeros_initializer())
        update = v1.assign_sub(mean, (mean - tf.reduce_mean(features, 0)) * 0.1)
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
        train_op = v1.train.GradientDescentOptimizer(1.0).minimize(-count, v1.train.get_global_step())
        return est.EstimatorSpec(mode, loss=tf.reduce_sum(labels) - count, train_op=train_op)

    class Slow(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            print("step", flush=True)
            time.sleep(0.02)

    def input_fn():
        return tf.data.Dataset.from_tensors((np.float32([[1, 2], [3, 4]]), np.float32([0, 0]))).repeat()

    config = est.RunConfig(save_checkpoints_steps=4, log_step_count_steps=None)
    est.Estimator(model_fn, sys.argv[1], config).train(input_fn, max_steps=int(sys.argv[2]), hooks=[Slow()])
""")


def start(folder):
    command = [sys.executable, "-c", PROGRAM, str(folder), "100000"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


def test_training_goes_on_after_kill_minus_9(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "model"
    with start(folder) as killed:
        deadline = time.monotonic() + 120
        reader = est.Estimator(lambda features: None, folder)
        while (reader.latest_checkpoint() or "-0").endswith("-0") and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        killed.send_signal(signal.SIGKILL)
        steps_before = killed.stdout.read().count("step")
    assert killed.returncode == -signal.SIGKILL

    saved = int(reader.get_variable_value("global_step"))
    assert 0 < saved <= steps_before + 1
    monkeypatch.setattr(sys, "argv", ["program", str(folder), str(saved + 6)])
    exec(PROGRAM, {})
    assert capsys.readouterr().out.count("step") == 6
    assert int(reader.get_variable_value("global_step")) == saved + 6
    # By hand: every step adds 1, and moves the mean by a tenth of the way to (2, 3).
    assert reader.get_variable_value("count") == saved + 6
    expected = (1 - 0.9 ** (saved + 6)) * np.array([2, 3])
    np.testing.assert_allclose(reader.get_variable_value("moving_mean"), expected, rtol=1e-4)
