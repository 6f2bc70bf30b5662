"""Modes: fixed, fed, by default, in a variable, consumed by nothing; exports; savers; layers that share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from steadynorm.artifacts import formats
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.checks.registry import run
from steadynorm.evidence import Mode
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.recorded import Choice
from steadynorm.tensorflow import batch_norm, batch_normalization

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
RELU = tf.nn.relu

MODES: dict[str, tuple[Callable[[], Any], Choice, Mode | None]] = {
    "fed": (lambda: v1.placeholder(tf.bool, []), Choice.FED, None),
    "fed as a number": (lambda: tf.cast(v1.placeholder(tf.int32, []), tf.bool), Choice.FED, None),
    "inference by default": (lambda: v1.placeholder_with_default(False, []), Choice.DEFAULT, Mode.POPULATION),
    "training by default": (lambda: v1.placeholder_with_default(True, []), Choice.DEFAULT, Mode.BATCH),
    "not inference": (
        lambda: tf.logical_not(v1.placeholder_with_default(True, [])),
        Choice.DEFAULT,
        Mode.POPULATION,
    ),
    "a variable": (lambda: v1.Variable(True, trainable=False), Choice.VARIABLE, Mode.BATCH),
}

# A function cannot assign to a reference variable or hand it over.
ASSIGNABLE = pytest.mark.parametrize(
    ("control_flow", "variables"),
    [("switch", "reference"), ("switch", "resource"), ("functional", "resource")],
    indirect=True,
)


@pytest.mark.parametrize("kind", MODES)
def test_what_chooses_the_mode(net: Any, read: Read, tmp_path: Path, kind: str) -> None:
    build, choice, default = MODES[kind]
    x = batch_normalization(net.convolution(net.images()), training=build())
    net.train(RELU(x), updates=True)

    assert not read()
    (use,) = formats.read(tmp_path / "model.meta").graph.uses
    assert (use.mode, use.choice, use.default) == (None, choice, default)


def test_training_left_at_its_default(net: Any, read: Read) -> None:
    net.train(RELU(batch_normalization(net.convolution(net.images()))), updates=True)

    found = read()

    assert set(found) == {"SN202"}
    assert found["SN202"].certainty is Certainty.LIKELY


def test_frozen_layers_of_a_network_that_is_fine_tuned(net: Any, read: Read) -> None:
    x = RELU(batch_normalization(net.convolution(net.images()), training=False))
    net.train(x, var_list=[each for each in v1.trainable_variables() if "batch" not in each.name])

    assert not read()


def test_a_default_that_nobody_feeds(net: Any, read: Read) -> None:
    """As a layer of Keras in a loop of one's own: its updates are in no collection."""
    x = batch_norm(net.convolution(net.images()), is_training=net.mode(default=False), updates_collections="its_own")
    net.train(RELU(x))

    assert set(read()) == {"SN101", "SN202"}


@pytest.mark.parametrize("same", [True, False])
def test_a_default_that_another_layer_shows_to_be_fed(net: Any, read: Read, same: bool) -> None:
    """As two networks of Keras: the updates of one run, so that its mode, and the other's if it is the same, is fed."""
    mode = net.mode(default=False)
    options = {"updates_collections": "its_own"}
    x = batch_norm(net.convolution(net.images()), is_training=mode, **options)
    updates = v1.get_collection("its_own")
    x = net.convolution(RELU(x), 6, "second")
    x = batch_norm(x, is_training=mode if same else net.mode(default=False), **options)
    net.train(RELU(x), updates)

    found = read()

    assert set(found) == ({"SN102"} if same else {"SN102", "SN202"})
    assert all(each.layers == ("BatchNorm_1",) for each in found.values())


def test_verdicts_are_per_layer(net: Any, read: Read) -> None:
    x = net.images()
    for index, training in enumerate((net.mode(), True, False)):
        x = RELU(batch_normalization(net.convolution(x, 4 + index, f"conv{index}"), training=training))
    net.train(x, updates=True)

    found = read()

    assert {code: each.layers for code, each in found.items()} == {
        "SN201": ("batch_normalization_1",),
        "SN202": ("batch_normalization_2",),
    }


def test_a_placeholder_that_nothing_consumes(net: Any, read: Read) -> None:
    switch = v1.placeholder(tf.bool, [], name="flag")
    training = switch is not None  # what `if is_training:` amounts to
    x = batch_normalization(net.convolution(net.images()), training=training)
    net.train(RELU(x), updates=True)

    found = read()

    assert set(found) == {"SN201"}
    assert found["SN201"].severity is Severity.ERROR
    assert "'flag'" in found["SN201"].message


@pytest.mark.parametrize("sets", [1, 2])
def test_a_constant_mode_with_a_pipeline_of_its_own(net: Any, read: Read, sets: int) -> None:
    """With one data set it can only train, so that inference must be another process, with another mode."""
    data = tf.data.Dataset.from_tensors((tf.zeros([4, 8, 8, 3]), tf.zeros([4], tf.int64))).repeat()
    iterator = v1.data.Iterator.from_structure(*map(v1.data.get_output_types, [data]))
    for _ in range(sets):
        iterator.make_initializer(data)
    x, labels = iterator.get_next()
    x, labels = tf.ensure_shape(x, [4, 8, 8, 3]), tf.ensure_shape(labels, [4])
    logits = net.logits(RELU(batch_normalization(net.convolution(x), training=True)))
    loss = tf.reduce_mean(v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    net.minimize(loss, updates=True)

    assert set(read()) == (set() if sets == 1 else {"SN201"})


def test_a_constant_mode_that_another_process_may_rebuild(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=True)
    net.train(RELU(x), updates=True)

    found = read()

    assert {code: each.severity for code, each in found.items()} == {"SN201": Severity.INFO}


@ASSIGNABLE
def test_branches_with_variables_of_their_own(net: Any, read: Read, variables: str, control_flow: str) -> None:
    x = net.convolution(net.images())
    for scope in ("one", "other"):  # variables are created outside, as conditions that are functions want it
        with v1.variable_scope(scope):
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                v1.get_variable(name, [4], trainable=name in ("gamma", "beta"))

    def branch(scope: str) -> Callable[[], Any]:
        def build() -> Any:
            with v1.variable_scope(scope, reuse=True):
                read = [v1.get_variable(name, [4]) for name in ("moving_mean", "moving_variance", "beta", "gamma")]
            moments = tf.nn.moments(x, [0, 1, 2]) if scope == "one" else read[:2]
            return tf.nn.batch_normalization(x, *moments, *read[2:], 1e-3)

        return build

    net.train(RELU(v1.cond(net.mode(), branch("one"), branch("other"))))

    assert "SN206" in read()


def test_a_target_network_is_no_second_build(net: Any, read: Read) -> None:
    def network(x: Any, training: bool) -> Any:
        return RELU(batch_normalization(net.convolution(x), training=training))

    with v1.variable_scope("online"):
        value = net.loss(net.logits(network(net.images(), True)))
    with v1.variable_scope("target"):
        network(net.images(), False)
    net.minimize(value, updates=True)
    online, target = v1.global_variables("online"), v1.global_variables("target")
    names = {each.name.removeprefix("online"): each for each in online}
    tf.group(*(v1.assign(each, names[each.name.removeprefix("target")]) for each in target))

    assert "SN206" not in read()


@pytest.mark.parametrize("training", [True, False])
def test_an_export(net: Any, tmp_path: Path, training: bool) -> None:
    x = net.images()
    y = net.logits(RELU(batch_norm(net.convolution(x), is_training=training)))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        inputs, outputs = ({"x": v1.saved_model.build_tensor_info(each)} for each in (x, y))
        signature = v1.saved_model.build_signature_def(inputs, outputs, "predict")
        builder = v1.saved_model.Builder(str(tmp_path / "export"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"predict": signature})
        builder.save()

    contents = formats.read(tmp_path / "export")
    findings, _ = run(evidence_of(contents))

    assert contents.graph.inference_only
    assert [each.code for each in findings if each.code.startswith("SN2")] == (["SN209"] if training else [])


@pytest.mark.parametrize("training", [True, False])
def test_a_frozen_graph(net: Any, tmp_path: Path, training: bool) -> None:
    y = net.logits(RELU(batch_normalization(net.convolution(net.images()), training=training)))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        frozen = v1.graph_util.convert_variables_to_constants(
            session, v1.get_default_graph().as_graph_def(), [y.op.name]
        )
    (tmp_path / "frozen.pb").write_bytes(frozen.SerializeToString())

    contents = formats.read(tmp_path / "frozen.pb")
    findings, _ = run(evidence_of(None, graph=contents))

    assert [each.mode for each in contents.graph.uses] == [Mode.BATCH if training else Mode.POPULATION]
    assert "SN209" in {each.code for each in findings} if training else not findings


@pytest.mark.parametrize("complete", [True, False])
def test_what_the_saver_writes(net: Any, read: Read, complete: bool) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    net.train(RELU(x), updates=True)

    found = read(None if complete else v1.trainable_variables())

    assert set(found) == (set() if complete else {"SN301"})


def test_a_saver_by_hand_is_complete_and_another_restores_a_part(net: Any, read: Read) -> None:
    x = batch_normalization(net.convolution(net.images()), training=net.mode())
    v1.train.Saver(v1.trainable_variables(), name="restore")
    net.train(RELU(x), updates=True)
    averages = [each for each in v1.global_variables() if "moving" in each.name]

    assert not read(v1.trainable_variables() + averages)


def test_a_sharded_saver(net: Any, tmp_path: Path, graph: tf.Graph) -> None:
    with tf.device("/job:a/cpu:0"):
        x = batch_normalization(net.convolution(net.images()), training=net.mode())
    with tf.device("/job:b/cpu:0"):
        net.train(RELU(x), updates=True)
    for sharded in (v1.train.Saver(sharded=True), v1.train.Saver(v1.trainable_variables(), sharded=True)):
        path = tmp_path / "model.meta"
        v1.train.export_meta_graph(str(path), saver_def=sharded.as_saver_def(), graph=graph)
    savers = formats.read(path).graph.savers

    assert [(bool(each.incomplete), each.main) for each in savers] == [(True, True), (False, False)]


@pytest.mark.parametrize("second", [True, False])
def test_one_layer_for_two_inputs(net: Any, read: Read, second: bool) -> None:
    def tower(x: Any, training: Any, reuse: bool) -> Any:
        with v1.variable_scope("tower", reuse=reuse):
            return RELU(batch_normalization(net.convolution(x), training=training, name="bn", reuse=reuse))

    mode = net.mode()
    one, other = tower(net.images(), mode, False), tower(net.images(), mode if second else False, True)
    net.train(one - other, updates=True)

    assert set(read()) == ({"SN401"} if second else set())


def test_the_towers_of_one_batch(net: Any, read: Read) -> None:
    losses = []
    training = net.mode()
    for index, part in enumerate(tf.split(v1.placeholder(tf.float32, [4, 8, 8, 3]), 2)):
        with v1.variable_scope("tower", reuse=index > 0):
            x = batch_normalization(net.convolution(part), training=training, name="bn", reuse=index > 0)
            losses.append(net.loss(net.logits(RELU(x))))
    net.minimize(sum(losses), updates=True)

    assert not read()


def test_a_graph_without_training(net: Any, read: Read) -> None:
    net.logits(RELU(batch_normalization(net.convolution(net.images()), training=False)))

    assert not read()
