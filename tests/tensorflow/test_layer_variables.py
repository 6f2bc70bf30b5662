"""Names, types, collections and sharing of variables; activation, regularizers and other arguments of the originals."""

import numpy as np
import pytest
import tensorflow as tf

from steadynorm.tensorflow import BatchNormalization, batch_norm, batch_normalization, layers

v1 = tf.compat.v1
Keys = v1.GraphKeys


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def x(*shape):
    return v1.placeholder(tf.float32, shape or [None, 5])


def names(collection=Keys.GLOBAL_VARIABLES):
    return [variable.op.name for variable in v1.get_collection(collection)]


def test_functions_name_their_scopes_as_the_originals():
    batch_normalization(x())
    batch_normalization(x())
    batch_normalization(x(), name="mine")
    batch_norm(x())
    batch_norm(x(), scope="other")
    scopes = ["batch_normalization", "batch_normalization_1", "mine", "BatchNorm", "other"]
    assert list(dict.fromkeys(name.rsplit("/", 1)[0] for name in names())) == scopes
    assert [record.name for record in layers()] == scopes


def test_a_layer_object_makes_its_name_unique_and_shares_its_variables():
    first, second = BatchNormalization(name="bn"), BatchNormalization(name="bn")
    first(x(), training=True)
    first.apply(x(), training=True)
    second(x())
    assert (first.name, first.scope_name, second.scope_name) == ("bn", "bn", "bn_1")
    assert len(names()) == 8
    assert len(first.updates) == 4
    assert [v.op.name for v in first.variables] == [
        f"bn/{n}" for n in ("gamma", "beta", "moving_mean", "moving_variance")
    ]
    assert first.trainable_variables == [first.gamma, first.beta]
    assert first.non_trainable_variables == [first.moving_mean, first.moving_variance]
    assert not BatchNormalization().built


def test_reuse_takes_existing_variables_and_needs_them():
    batch_norm(x(), scope="bn", scale=True)
    batch_norm(x(), scope="bn", scale=True, reuse=True)
    batch_normalization(x(), name="tf")
    batch_normalization(x(), name="tf", reuse=True)
    assert len(names()) == 8
    with pytest.raises(ValueError, match="already exists"):
        batch_normalization(x(), name="tf")
    with pytest.raises(ValueError, match="does not exist"):
        batch_norm(x(), scope="absent", reuse=True)


def test_collections_are_those_of_the_originals():
    batch_norm(x(), scale=True, variables_collections={"gamma": ["mine"], "moving_mean": "means"}, scope="a")
    batch_norm(x(), variables_collections=["all"], outputs_collections="outputs", scope="b")
    batch_normalization(x(), name="c")
    assert names("mine") == ["a/gamma"]
    assert names("means") == ["a/moving_mean"]
    assert names("all") == ["b/beta", "b/moving_mean", "b/moving_variance"]
    assert len(v1.get_collection("outputs")) == 1
    assert set(names(Keys.MODEL_VARIABLES)) == {name for name in names() if not name.startswith("c/")}
    assert names(Keys.TRAINABLE_VARIABLES) == ["a/beta", "a/gamma", "b/beta", "c/gamma", "c/beta"]


def test_untrainable_parameters_are_no_trainable_variables():
    batch_norm(x(), scale=True, trainable=False, scope="a")
    batch_normalization(x(), trainable=False, training=True, name="b")
    assert names(Keys.TRAINABLE_VARIABLES) == []
    assert [record.name for record in layers() if record.updates] == ["a"]  # slim's own goes on, tf.layers stops


@pytest.mark.parametrize("collections", [Keys.UPDATE_OPS, None])
def test_regularizers_count_gamma_and_beta_once_and_never_statistics(collections):
    given = {"gamma": lambda v: tf.reduce_sum(v) * 2, "beta": lambda v: tf.reduce_sum(v)}
    with v1.variable_scope("net", regularizer=lambda v: tf.reduce_sum(v) * 1000):
        for reuse in (None, True):
            batch_norm(
                x(), scale=True, param_regularizers=given, updates_collections=collections, scope="a", reuse=reuse
            )
    losses = v1.get_collection(Keys.REGULARIZATION_LOSSES)
    assert len(losses) == 2
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert sorted(session.run([tf.convert_to_tensor(loss) for loss in losses])) == [0, 10]


def test_constraints_bind_gamma_and_beta():
    def at_most_one(value):
        return tf.minimum(value, 1.0)

    layer = BatchNormalization(gamma_constraint=at_most_one)
    layer(x())
    assert layer.gamma.constraint is at_most_one
    assert layer.beta.constraint is None


def test_partitioned_parameters_normalize_like_whole_ones():
    value = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
    outputs = []
    for name, partitioner in (("whole", None), ("parts", v1.fixed_size_partitioner(3))):
        initial = {"gamma": v1.constant_initializer(2.0), "beta": v1.constant_initializer(0.5)}
        with v1.variable_scope(name, partitioner=partitioner):
            outputs.append(batch_norm(tf.constant(value), scale=True, param_initializers=initial, decay=0.0))
    assert "parts/BatchNorm/gamma/part_2" in names()
    assert "parts/BatchNorm/moving_mean" in names()
    gradients = tf.gradients(outputs[1][:, 0], v1.trainable_variables("parts"))
    assert None not in gradients
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        whole, parts = session.run(outputs)
        session.run([gradients, v1.get_collection(Keys.UPDATE_OPS)])
        mean = session.run(next(v for v in v1.global_variables() if v.op.name == "parts/BatchNorm/moving_mean"))
    np.testing.assert_allclose(whole, parts, rtol=1e-5)
    np.testing.assert_allclose(mean, value.mean(0), atol=1e-6)


def test_initializers_may_be_named_or_classes():
    batch_normalization(x(), gamma_initializer="zeros", beta_initializer=v1.ones_initializer, name="a", renorm=True)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        values = dict(zip(names(), session.run(v1.global_variables()), strict=True))
    assert (values["a/gamma"] == 0).all()
    assert (values["a/beta"] == 1).all()


def test_renorm_starts_from_the_moving_statistics():
    initial = {"moving_mean_initializer": v1.constant_initializer(3.0)}
    batch_normalization(x(), renorm=True, moving_variance_initializer=v1.constant_initializer(4.0), name="a", **initial)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        values = dict(zip(names(), session.run(v1.global_variables()), strict=True))
    assert (values["a/renorm_mean"] == 3).all()
    assert (values["a/renorm_stddev"] == 2).all()
    assert (values["a/moving_stddev"] == 2).all()


def test_decay_and_clipping_may_be_tensors():
    decay = v1.placeholder_with_default(0.9, [])
    value = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, (16, 5)).astype(np.float32))
    clipping = {"rmax": tf.constant(1.5), "rmin": tf.constant(0.5), "dmax": tf.constant(0.5)}
    fixed = {name: float(tf.get_static_value(bound)) for name, bound in clipping.items()}
    outputs = [
        batch_norm(value, decay=d, renorm=True, renorm_clipping=c, renorm_decay=d)
        for d, c in ((decay, clipping), (0.9, fixed))
    ]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        np.testing.assert_allclose(*session.run(outputs))
        session.run(v1.get_collection(Keys.UPDATE_OPS))
        dynamic, static = (session.run(v1.global_variables(scope)) for scope in ("BatchNorm/", "BatchNorm_1/"))
        for one, other in zip(dynamic, static, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_record_tells_everything_about_the_layer():
    mode = v1.placeholder(tf.bool, [])
    y = batch_norm(x(), zero_debias_moving_mean=True, is_training=mode, scope="a", statistics="real", scale=True)
    (record,) = layers()
    assert (record.name, record.domain, record.mode, record.output) == ("a", "real", mode, y)
    assert [v.op.name for v in record.statistics] == [
        "a/real/moving_mean",
        "a/real/moving_variance",
        "a/a/real/moving_mean/biased",
        "a/a/real/moving_mean/local_step",
    ]
    assert [v.op.name for v in record.parameters] == ["a/gamma", "a/beta"]
    assert [tensor.op for tensor in v1.get_collection(Keys.UPDATE_OPS)] == list(record.updates)


def test_a_graph_with_layers_is_exported_without_a_word(tmp_path, caplog):
    batch_norm(x())
    v1.train.export_meta_graph(str(tmp_path / "model.meta"))
    assert not caplog.records


def test_all_shapes_known_to_the_input_are_known_to_the_output():
    assert batch_norm(x(None, 7, None, 5)).shape.as_list() == [None, 7, None, 5]
    assert batch_normalization(x(None, 4, 5), axis=1, training=True).shape.as_list() == [None, 4, 5]
    mode = v1.placeholder(tf.bool, [])
    assert batch_normalization(x(8, 3, 5), training=mode, virtual_batch_size=2).shape.as_list() == [8, 3, 5]
