"""New statistics for graphs against moments that NumPy takes in float64, and the checkpoints that they go to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import steadynorm
import steadynorm.tensorflow
from steadynorm import UnusableInputError
from steadynorm.evidence import Split
from steadynorm.mending.reestimate import repair_checkpoint

v1 = tf.compat.v1
LAYERS = ("norm", "inner_norm", "hidden_norm")


def fed_to_layers(net: Any, x: Any, *, training: bool) -> list[Any]:
    """What the three layers are fed, read from the user's own graph: outputs of two convolutions and a product."""
    wanted = ["Conv2D:0", "Conv2D_1:0", "MatMul:0"]
    found = net.session.run([net.graph.get_tensor_by_name(each) for each in wanted], {net.x: x, net.mode: training})
    return [np.asarray(each, np.float64).reshape(-1, each.shape[-1]) for each in found]


def test_moments_in_batch_mode_are_those_of_the_float64_oracle(lab: Any) -> None:
    net = lab.healthy()
    report = lab.diagnose(net, train_op=None)
    batches = [fed_to_layers(net, x, training=True) for x, _ in lab.validation_data]
    for index, name in enumerate(LAYERS):
        (site,) = report.evidence.sites(name)
        values = np.concatenate([each[index] for each in batches])
        np.testing.assert_allclose(site.moments[Split.VALIDATION].mean, values.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(site.moments[Split.VALIDATION].variance, values.var(0, ddof=1), rtol=1e-4, atol=1e-6)


def test_recalibration_gives_the_first_layer_the_moments_of_all_data(lab: Any) -> None:
    net = lab.stale()
    names = [each.name for each in net.graph.get_operations()]
    gamma = net.value("norm/gamma").tobytes()
    result = steadynorm.recalibrate(lab.subject(net).model, lab.train_data, tolerance=0, progress=False)
    assert [each.name for each in result.layers] == list(LAYERS)
    assert result.batches == 22
    values = np.concatenate([fed_to_layers(net, x, training=False)[0] for x, _ in lab.train_data])
    np.testing.assert_allclose(net.value("norm/moving_mean"), values.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net.value("norm/moving_variance"), values.var(0, ddof=1), rtol=1e-4)
    assert lab.accuracy(net, lab.validation_data) > 0.95
    assert [each.name for each in net.graph.get_operations()] == names
    assert net.value("norm/gamma").tobytes() == gamma


def test_two_passes_give_every_layer_the_moments_that_it_has_in_inference(lab: Any) -> None:
    net = lab.stale()
    model = lab.subject(net).model
    steadynorm.recalibrate(model, lab.train_data, tolerance=0, progress=False)
    # With the statistics of the first pass in place, inference of the session itself feeds what the second pass sees.
    seen = [fed_to_layers(net, x, training=False) for x, _ in lab.train_data]
    for name, kind in ((name, kind) for name in LAYERS for kind in ("mean", "variance")):
        net.assign({f"{name}/moving_{kind}": np.full_like(net.value(f"{name}/moving_{kind}"), 1)})
    steadynorm.recalibrate(model, lab.train_data, tolerance=0, passes=2, progress=False)
    for index, name in enumerate(LAYERS):
        values = np.concatenate([each[index] for each in seen])
        np.testing.assert_allclose(net.value(f"{name}/moving_mean"), values.mean(0), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(net.value(f"{name}/moving_variance"), values.var(0, ddof=1), rtol=1e-3)


def test_frozen_layers_are_left_alone(lab: Any) -> None:
    def step(loss: Any, rate: float) -> Any:
        """Trains the head alone."""
        head = [each for each in v1.trainable_variables() if "head" in each.name]
        return v1.train.AdamOptimizer(rate).minimize(loss, var_list=head)

    net = lab.build(train_op=step)
    model = lab.subject(net).model
    with pytest.raises(steadynorm.NoNormalizationLayersError, match="include_frozen=True"):
        steadynorm.recalibrate(model, lab.train_data, progress=False)
    result = steadynorm.recalibrate(model, lab.train_data, include_frozen=True, progress=False)
    assert [each.name for each in result.layers] == list(LAYERS)


def test_a_repair_writes_a_checkpoint_that_a_saver_restores(lab: Any, tmp_path: Path) -> None:
    net = lab.stale()
    found = steadynorm.repair(lab.subject(net), tmp_path / "new.ckpt", progress=False)
    assert found.before.metric == pytest.approx(lab.accuracy(net, lab.validation_data), abs=1e-6)
    assert found.before.metric < 0.8
    assert found.after.metric > 0.95
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.ckpt.data-00000-of-00001", "new.ckpt.index"]
    other = lab.build(train_op=lab.without_updates)
    with other.graph.as_default():
        v1.train.Saver().restore(other.session, str(tmp_path / "new.ckpt"))
    assert lab.accuracy(other, lab.validation_data) == pytest.approx(found.after.metric, abs=1e-6)
    for each in ("conv", "norm/gamma", "head/Adam", "global_step"):
        assert other.value(each).tobytes() == net.value(each).tobytes()
    with pytest.raises(UnusableInputError, match="exists"):
        steadynorm.repair(lab.subject(net), tmp_path / "new.ckpt", progress=False)
    with pytest.raises(UnusableInputError, match="one file of a checkpoint"):
        steadynorm.repair(lab.subject(net), tmp_path / "other.ckpt.index", progress=False)


def test_a_checkpoint_is_mended_with_the_subject_of_its_graph(lab: Any, tmp_path: Path) -> None:
    net = lab.train(lab.build(train_op=lab.without_updates))
    with net.graph.as_default():
        v1.train.Saver().save(net.session, str(tmp_path / "old.ckpt"), write_meta_graph=False)
    # The weights come from the file: the session at hand has been initialized and no more.
    fresh = lab.build(train_op=lab.without_updates)
    weights = fresh.value("conv").tobytes()
    mended = repair_checkpoint(tmp_path / "old.ckpt", lab.subject(fresh), tmp_path / "new.ckpt", progress=False)
    assert mended.measured.before.metric < 0.8
    assert mended.measured.after.metric > 0.95
    assert fresh.value("conv").tobytes() == weights
    old, new = (tf.train.load_checkpoint(str(tmp_path / name)) for name in ("old.ckpt", "new.ckpt"))
    changed = {
        name
        for name in old.get_variable_to_shape_map()
        if old.get_tensor(name).tobytes() != new.get_tensor(name).tobytes()
    }
    assert changed == {f"{name}/moving_{kind}" for name in LAYERS for kind in ("mean", "variance")}


def test_a_graph_that_takes_its_batch_apart_gets_each_batch_as_it_is() -> None:
    x = np.random.default_rng(0).standard_normal((10, 64, 3)).astype(np.float32)
    x[:, 32:] = 4 + 3 * x[:, 32:]
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        inputs, labels = v1.placeholder(tf.float32, [None, 3]), v1.placeholder(tf.int64, [None])
        mode = v1.placeholder_with_default(False, [])
        halves = zip(("first", "second"), tf.split(inputs, 2), strict=True)
        output = tf.concat(
            [steadynorm.tensorflow.batch_normalization(half, training=mode, name=name) for name, half in halves], 0
        )
        session.run(v1.global_variables_initializer())
        data = [(each, np.zeros(64, np.int64)) for each in x]
        subject = steadynorm.tensorflow.GraphSubject(
            session=session, inputs=inputs, labels=labels, mode=mode, output=output, train_data=data
        )
        steadynorm.recalibrate(subject.model, data, tolerance=0, progress=False)
        found = session.run({each.op.name: each for each in v1.global_variables()})
    for name, half in (("first", x[:, :32]), ("second", x[:, 32:])):
        values = half.astype(np.float64).reshape(-1, 3)
        np.testing.assert_allclose(found[f"{name}/moving_mean"], values.mean(0), atol=1e-5)
        np.testing.assert_allclose(found[f"{name}/moving_variance"], values.var(0, ddof=1), rtol=1e-4)
