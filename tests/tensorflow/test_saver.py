"""What a saver writes, read back from the file, for layers of every origin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.training import moving_averages

from steadynorm.tensorflow import Saver, batch_norm, batch_normalization, statistics

v1 = tf.compat.v1
INCEPTION = str(Path(__file__).parents[1] / "data" / "inception_v3" / "model.ckpt.meta")


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def names(variables: Any) -> set[str]:
    return {each.op.name for each in variables}


def written(saver: Any, folder: Path) -> set[str]:
    """Names in the file that the saver writes, after its values came back from there."""
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        path = saver.save(session, str(folder / "model.ckpt"))
        saver.restore(session, path)
    return {name for name, _ in tf.train.list_variables(path)}


def by_hand(
    scope: str, names: tuple[str, str, str, str], switched: bool = True, fused: bool = False, **options: Any
) -> None:
    """A layer with variables of any names: gamma, beta, moving mean and variance."""
    x = v1.placeholder(tf.float32, [None, 2, 2, 3])
    with v1.variable_scope(scope, **options):
        gamma, beta = (v1.get_variable(name, [3]) for name in names[:2])
        mean, variance = (v1.get_variable(name, [3], trainable=False) for name in names[2:])
    if fused:
        y, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=[], variance=[], is_training=True
        )
        tf.identity(y)
    else:
        batch_mean, batch_variance = tf.nn.moments(x, [0, 1, 2])
        use = v1.placeholder(tf.bool, [])
        pick = (lambda a, b: v1.cond(use, lambda: a, lambda: tf.identity(b))) if switched else lambda a, _: a
        tf.nn.batch_normalization(x, pick(batch_mean, mean), pick(batch_variance, variance), beta, gamma, 1e-3)
    v1.assign_sub(mean, (mean - batch_mean) * 0.1)
    v1.assign_sub(variance, (variance - batch_variance) * 0.1)


USUAL = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.mark.parametrize("resource", [True, False])
def test_statistics_of_named_layers_are_added(resource: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    by_hand("one", USUAL, use_resource=resource)
    by_hand("two", USUAL, use_resource=resource)
    chosen = v1.trainable_variables("one/beta")
    original = v1.train.Saver(chosen)
    with caplog.at_level(logging.INFO, "steadynorm"):
        saver = Saver(chosen)
    assert written(original, tmp_path / "original") == {"one/beta"}
    assert written(saver, tmp_path / "ours") == {"one/beta", "one/moving_mean", "one/moving_variance"}
    assert names(saver.statistics()) == {"one/moving_mean", "one/moving_variance"}
    assert "one/moving_mean, one/moving_variance" in caplog.text
    assert names(chosen) == {"one/beta"}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("functional", [True, False])
def test_layers_with_names_of_their_own_are_known_by_their_edges(
    fused: bool, switched: bool, functional: bool, tmp_path: Path
) -> None:
    before = v1.control_flow_v2_enabled()
    (v1.enable_control_flow_v2 if functional else v1.disable_control_flow_v2)()
    try:
        by_hand("net", ("Variable_7", "Variable_3", "ema", "ema_of_squares"), switched, fused)
    finally:
        (v1.enable_control_flow_v2 if before else v1.disable_control_flow_v2)()
    loss = v1.get_variable("loss_average", [], trainable=False)
    v1.assign_sub(loss, (loss - tf.reduce_mean(v1.placeholder(tf.float32, [None]))) * 0.1)
    saver = Saver(v1.trainable_variables())
    assert written(saver, tmp_path) == {"net/Variable_7", "net/Variable_3", "net/ema", "net/ema_of_squares"}


def test_none_means_everything(tmp_path: Path) -> None:
    by_hand("one", USUAL)
    v1.get_variable("step", [])
    everything = v1.trainable_variables().extend(v1.global_variables())  # the classic mistake: this is None
    saver = Saver(everything)
    assert written(saver, tmp_path) == {"step", *(f"one/{name}" for name in USUAL)}
    assert saver.statistics() == ()


def test_complete_lists_stay_as_they_are(tmp_path: Path) -> None:
    by_hand("one", USUAL)
    saver = Saver(v1.trainable_variables() + statistics())
    assert saver.statistics() == ()
    assert written(saver, tmp_path) == {f"one/{name}" for name in USUAL}


def test_arguments_of_the_original_work(tmp_path: Path) -> None:
    by_hand("one", USUAL)
    saver = Saver(v1.trainable_variables(), False, sharded=True, max_to_keep=1, name="mine")
    assert isinstance(saver, v1.train.Saver)
    assert len(written(saver, tmp_path)) == 4
    assert saver.to_proto().sharded
    assert Saver(saver_def=saver.to_proto()).statistics() == ()


def test_names_in_a_dict_are_carried_over_to_the_statistics(tmp_path: Path) -> None:
    by_hand("new/bn", USUAL)
    by_hand("odd", USUAL)
    gamma, odd = v1.trainable_variables("new/bn/gamma")[0], v1.trainable_variables("odd/gamma")[0]
    saver = Saver({"old/net/bn/gamma": gamma, "scale": odd})
    assert written(saver, tmp_path) == {
        *("old/net/bn/gamma", "old/net/bn/moving_mean", "old/net/bn/moving_variance"),
        *("scale", "odd/moving_mean", "odd/moving_variance"),
    }


def test_the_statistics_of_a_domain_move_by_whole_components(tmp_path: Path) -> None:
    x = v1.placeholder(tf.float32, [4, 2])
    batch_norm(x, scale=True, center=False, scope="l", statistics="real")
    saver = Saver({"k/gamma": v1.trainable_variables()[0]})
    assert written(saver, tmp_path) == {"k/gamma", "k/real/moving_mean", "k/real/moving_variance"}


@pytest.mark.parametrize(
    ("scope", "key", "expected"),
    [
        ("n", "old/beta", "old/old/"),
        ("n", "beta", ""),
        ("net/n", "n/beta", "n/n/"),
        ("n", "n/n/beta", "n/n/n/n/"),
    ],
)
def test_debiasing_variables_move_at_both_occurrences(scope: str, key: str, expected: str, tmp_path: Path) -> None:
    batch_norm(v1.placeholder(tf.float32, [4, 2]), zero_debias_moving_mean=True, scope=scope)
    saver = Saver({key: v1.trainable_variables()[0]})
    layer = key.removesuffix("beta")
    assert written(saver, tmp_path) == {
        *(key, f"{layer}moving_mean", f"{layer}moving_variance"),
        *(f"{expected}moving_mean/biased", f"{expected}moving_mean/local_step"),
    }


def test_one_layer_s_scope_does_not_move_another_layer(tmp_path: Path) -> None:
    x = v1.placeholder(tf.float32, [4, 2])
    for scope in ("a", "a/xa"):
        batch_norm(x, scale=True, center=False, scope=scope)
    outer, inner = v1.trainable_variables()
    assert (outer.op.name, inner.op.name) == ("a/gamma", "a/xa/gamma")
    assert written(Saver({"z/gamma": outer, "foo": inner}), tmp_path) == {
        *("z/gamma", "z/moving_mean", "z/moving_variance"),
        *("foo", "a/xa/moving_mean", "a/xa/moving_variance"),
    }
    assert written(Saver({"z/gamma": outer, "a/xa/gamma": inner}), tmp_path) == {
        *("z/gamma", "z/moving_mean", "z/moving_variance"),
        *("a/xa/gamma", "a/xa/moving_mean", "a/xa/moving_variance"),
    }


def test_averaged_parameters_go_with_plain_statistics(tmp_path: Path) -> None:
    by_hand("bn", USUAL)
    gamma = v1.trainable_variables("bn/gamma")[0]
    saver = Saver({"bn/gamma/ExponentialMovingAverage": gamma})
    assert written(saver, tmp_path) == {"bn/gamma/ExponentialMovingAverage", "bn/moving_mean", "bn/moving_variance"}


def test_a_name_that_is_taken_is_an_error() -> None:
    by_hand("a", USUAL)
    by_hand("b", USUAL)
    one, other = v1.trainable_variables("a/gamma")[0], v1.trainable_variables("b/beta")[0]
    with pytest.raises(ValueError, match="a/moving_mean would be saved as 'b/moving_mean', but so is b/beta"):
        Saver({"b/gamma": one, "b/moving_mean": other})
    with pytest.raises(ValueError, match="b/moving_mean would be saved as 'b/moving_mean', but so is a/moving_mean"):
        Saver({"b/gamma": one, "offset": other})


@pytest.mark.parametrize("as_dict", [True, False])
def test_partitioned_variables(as_dict: bool, tmp_path: Path) -> None:
    by_hand("net", USUAL, partitioner=v1.fixed_size_partitioner(3))
    with v1.variable_scope("net", reuse=True, partitioner=v1.fixed_size_partitioner(3)):
        whole = v1.get_variable("gamma", [3])
    saver = Saver({"old/gamma": whole} if as_dict else [whole])
    assert len(saver.statistics()) == 6
    scope = "old" if as_dict else "net"
    assert written(saver, tmp_path) == {f"{scope}/gamma", f"{scope}/moving_mean", f"{scope}/moving_variance"}


def test_zero_debiasing_goes_along_and_averages_of_losses_do_not(tmp_path: Path) -> None:
    with v1.variable_scope("bn"):
        beta = v1.get_variable("beta", [2])
        mean = v1.get_variable("moving_mean", [2], initializer=v1.zeros_initializer(), trainable=False)
        v1.get_variable("moving_variance", [2], trainable=False)
        moving_averages.assign_moving_average(mean, tf.ones([2]), 0.9, zero_debias=True)
    loss = v1.get_variable("loss", [], initializer=v1.zeros_initializer(), trainable=False)
    moving_averages.assign_moving_average(loss, tf.constant(1.0), 0.9, zero_debias=True)
    saver = Saver([beta])
    assert written(saver, tmp_path) == {
        *("bn/beta", "bn/moving_mean", "bn/moving_variance"),
        *("bn/bn/moving_mean/biased", "bn/bn/moving_mean/local_step"),
    }
    other = Saver({"old/beta": beta})
    assert {"old/old/moving_mean/biased", "old/old/moving_mean/local_step"} <= written(other, tmp_path / "other")


def test_a_layer_without_gamma_and_beta_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    weights = v1.get_variable("bn/weights", [3])
    v1.get_variable("bn/moving_mean", [3], trainable=False)
    Saver([weights, *statistics()])
    assert not caplog.records
    Saver([weights])
    assert "moving statistics of bn are not among the variables" in caplog.text


def test_an_imported_graph_of_slim() -> None:
    v1.train.import_meta_graph(INCEPTION)
    saver = Saver(v1.trainable_variables())
    assert len(saver.statistics()) == 188
    assert names(saver.statistics()) == names(v1.get_collection("moving_vars"))
    assert names(statistics()) == names(saver.statistics())
    assert names(statistics(scope="InceptionV3/Conv2d_1a_3x3/")) == {
        "InceptionV3/Conv2d_1a_3x3/BatchNorm/moving_mean",
        "InceptionV3/Conv2d_1a_3x3/BatchNorm/moving_variance",
    }


def test_layers_of_this_package(tmp_path: Path) -> None:
    x = v1.placeholder(tf.float32, [4, 5])
    x = batch_norm(x, zero_debias_moving_mean=True, scope="debiased")
    batch_normalization(x, training=True, renorm=True, name="renormed")
    saver = Saver(v1.trainable_variables())
    assert written(saver, tmp_path) == names(v1.global_variables())
    assert names(saver.statistics()) == names(v1.global_variables()) - names(v1.trainable_variables())
    assert {"debiased/debiased/moving_mean/biased", "renormed/renorm_stddev"} <= names(statistics())
