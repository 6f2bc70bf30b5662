"""The examples run, small, and show what they say."""

from __future__ import annotations

import functools
import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tensorflow as tf

v1 = tf.compat.v1
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load(monkeypatch):
    """Loads an example as the module that `python example.py` would run."""

    def module(path):
        monkeypatch.syspath_prepend(str((EXAMPLES / path).parent))
        spec = importlib.util.spec_from_file_location(f"example_{Path(path).stem}", EXAMPLES / path)
        loaded = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, loaded)
        spec.loader.exec_module(loaded)
        return loaded

    yield module
    for name in ("network", "plot"):
        sys.modules.pop(name, None)


def test_digits_one_by_one_are_as_in_large_batches(load):
    result = load("tensorflow_digits.py").run(steps=150)
    assert result["largest_difference"] < 1e-5
    assert result["accuracy_large_batches"] == result["accuracy_batches_of_one"] > 0.9


def test_estimator_on_digits(load, tmp_path):
    result = load("tensorflow_estimator_digits.py").run(str(tmp_path), steps=150)
    assert result["trained"]["accuracy"] > 0.7
    assert result["trained"]["global_step"] == 150
    # The second model starts where the first ended, statistics included.
    assert result["started"]["accuracy"] == result["trained"]["accuracy"]
    assert result["started"]["loss"] == pytest.approx(result["trained"]["loss"], rel=1e-5)
    assert result["started"]["global_step"] == 0
    assert result["tuned"]["loss"] < result["started"]["loss"]


def test_inception_gives_the_recorded_logits(load):
    logits, recorded = load("inception_v3_finetune/finetune.py").restored_logits()
    np.testing.assert_allclose(logits, recorded, rtol=1e-4, atol=1e-4)


@contextmanager
def conditions_of_tensorflow_1():
    """Switches in place of functions, which take half as long to differentiate."""
    functional = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()


@pytest.mark.slow
def test_inception_learns_with_both_decays_and_infers_with_one(load, tmp_path, monkeypatch):
    example = load("inception_v3_finetune/finetune.py")
    finetune = example.finetune

    def saving(decay, steps, folder, save, batch_size):
        if decay == 0.9:
            return finetune(decay, steps, folder, "everything", batch_size)
        with conditions_of_tensorflow_1():
            return finetune(decay, steps, folder, save, batch_size)

    monkeypatch.setattr(example, "finetune", saving)  # a graph for training takes longer to build than to train
    logits = np.load(example.PREDICTIONS)["logits"]
    monkeypatch.setattr(example, "restored_logits", lambda: (logits, logits))  # those of the test above
    # Rewriting the graphs takes TensorFlow four times as long as running them.
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    monkeypatch.setattr(v1, "Session", functools.partial(v1.Session, config=options))
    fast, slow = example.main(50, tmp_path, batch_size=16)
    # 94 layers of kernel, beta and two statistics, the linear layer's two; with everything the momenta and the step.
    assert len(tf.train.list_variables(fast.checkpoint)) == 94 * 6 + 4 + 1
    assert len(tf.train.list_variables(slow.checkpoint)) == 94 * 4 + 2
    for run in (fast, slow):
        assert run.training[-1][1] < 0.8 * run.training[0][1]
        # What was saved is what was trained.
        assert run.saved == pytest.approx(run.validation[-1][1], rel=1e-3)
    assert fast.validation[-1][1] < 5
    assert fast.validation[-1][1] < 0.2 * fast.validation[0][1]
    assert slow.validation[-1][1] > 50
    picture = ElementTree.parse(tmp_path / "losses.svg").getroot()
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 4
