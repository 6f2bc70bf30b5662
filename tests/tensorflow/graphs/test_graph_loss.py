"""Losses that compare each prediction with every target, and what looks like them and is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import steadynorm
from steadynorm.finding import Certainty, Finding

v1 = tf.compat.v1
Read = Callable[..., dict[str, Finding]]
MEAN = tf.reduce_mean


def predicted(net: Any, batch: int | None = None, units: int = 1) -> Any:
    """A column of predictions, of a network with one hidden layer."""
    x = v1.placeholder(tf.float32, [batch, 20], name="x")
    return net.dense(tf.nn.relu(net.dense(x, 8, "hidden", bias=True)), units, "value", bias=True)


def targets(*shape: int | None, dtype: Any = tf.float32) -> Any:
    return v1.placeholder(dtype, shape or (None,), name="labels")


def told(found: dict[str, Finding]) -> Finding:
    assert set(found) == {"SN908"}
    return found["SN908"]


def test_a_column_minus_a_row(net: Any, read: Read) -> None:
    net.minimize(MEAN(tf.square(predicted(net) - targets())))

    found = told(read())

    assert found.certainty is Certainty.LIKELY
    assert found.settle
    assert all(shape in found.message for shape in ("(?,)", "(?, 1)", "(?, ?)"))
    assert found.evidence["target"] == "labels"
    assert "tf.squeeze(prediction, 1)" in found.remedy


@pytest.mark.parametrize("distance", [tf.abs, tf.square])
def test_known_sizes_prove_it(net: Any, read: Read, distance: Any) -> None:
    net.minimize(MEAN(distance(targets(32) - predicted(net, 32))))

    found = told(read())

    assert found.certainty is Certainty.PROVEN
    assert found.evidence["shape"] == [32, 32]


def test_a_squared_difference_of_known_sizes(net: Any, read: Read) -> None:
    net.minimize(tf.reduce_sum(tf.math.squared_difference(predicted(net, 32), targets(32))))

    assert told(read()).certainty is Certainty.PROVEN


def test_a_squared_difference_of_unknown_sizes_with_integer_labels(net: Any, read: Read) -> None:
    labels = tf.cast(targets(dtype=tf.int64), tf.float32)
    net.minimize(MEAN(tf.math.squared_difference(tf.sigmoid(predicted(net)), labels)))

    told(read())


def test_a_row_of_predictions_minus_a_column(net: Any, read: Read) -> None:
    net.minimize(MEAN(tf.square(tf.squeeze(predicted(net), 1) - targets(None, 1))))

    found = told(read())

    assert "prediction[:, None]" in found.remedy
    assert "tf.squeeze(labels, 1)" in found.remedy


def test_the_value_of_the_taken_action(net: Any, read: Read) -> None:
    taken = tf.reduce_sum(predicted(net, units=4) * v1.placeholder(tf.float32, [None, 4]), 1)
    net.minimize(MEAN(tf.square(targets(None, 1) - taken)))

    told(read())


def test_both_from_one_iterator(net: Any, read: Read) -> None:
    data = tf.data.Dataset.from_tensors((tf.zeros([20]), 1.0)).repeat().batch(8)
    x, labels = v1.data.make_initializable_iterator(data).get_next()
    value = net.dense(x, 1, "value")
    net.minimize(MEAN(tf.square(value - labels)))

    assert told(read()).certainty is Certainty.PROVEN


def squeezed(net: Any) -> Any:
    return MEAN(tf.square(tf.squeeze(predicted(net), 1) - targets()))


def labels_as_a_column(net: Any) -> Any:
    return MEAN(tf.square(predicted(net) - targets()[:, None]))


def one_column_each(net: Any) -> Any:
    return MEAN(tf.square(predicted(net, 32) - targets(32, 1)))


def one_by_one(net: Any) -> Any:
    """A batch of one: the matrix has one element."""
    return MEAN(tf.square(predicted(net, 1) - targets(1)))


def pairwise_distances(net: Any) -> Any:
    code = predicted(net)[:, 0]
    return MEAN(tf.square(code[:, None] - code[None, :]))


def each_against_every_label_on_purpose(net: Any) -> Any:
    column = tf.expand_dims(tf.squeeze(predicted(net), 1), 1)
    return MEAN(tf.abs(column - targets()))


def reshaped_on_purpose(net: Any) -> Any:
    return MEAN(tf.abs(tf.reshape(predicted(net, units=3), [-1, 1]) - targets()))


def atoms_of_a_distribution(net: Any) -> Any:
    return MEAN(tf.abs(predicted(net, 51) - tf.linspace(-10.0, 10.0, 51)))


def constant_atoms_as_many_as_samples(net: Any) -> Any:
    """Numbers of the program's own are no targets, however many there are."""
    return MEAN(tf.abs(predicted(net, 51) - tf.constant([0.4 * each - 10.0 for each in range(51)])))


def learned_centers(net: Any) -> Any:
    centers = v1.get_variable("centers", [16])
    return MEAN(tf.exp(-tf.square(targets(16, 1) - centers)))


def nearest_of_all(net: Any) -> Any:
    """The distance to the nearest point, as of clouds: the matrix is meant."""
    return MEAN(tf.reduce_min(tf.square(predicted(net) - targets()), 1))


def more_points_than_predictions(net: Any) -> Any:
    return MEAN(tf.square(predicted(net) - targets(16)))


def weights_of_attention(net: Any) -> Any:
    """Scores of each against each, that weigh a sum."""
    scores = tf.nn.softmax(predicted(net) - targets())
    return MEAN(tf.square(tf.matmul(scores, v1.placeholder(tf.float32, [None, 3]))))


def an_alpha_for_each_class(net: Any) -> Any:
    """The weights of a focal loss multiply, by class."""
    probability = tf.sigmoid(predicted(net, units=4))
    return MEAN((1.0 - probability) ** 2 * tf.constant([0.1, 0.2, 0.3, 0.4]) * targets(None, 4))


def the_mean_of_each_feature(net: Any) -> Any:
    """A row of features, not of the batch."""
    return MEAN(tf.square(targets(8, 1) - tf.reduce_mean(predicted(net, 8, 8), 0)))


def a_metric_beside(net: Any) -> Any:
    """The crossed difference is looked at only; the loss is right."""
    value, labels = predicted(net), targets()
    v1.summary.scalar("error", MEAN(tf.abs(value - labels)))
    return MEAN(tf.square(value - labels[:, None]))


def a_frozen_target_network(net: Any) -> Any:
    """What is subtracted is no prediction that is trained."""
    with v1.variable_scope("target"):
        frozen = tf.stop_gradient(predicted(net))
    with v1.variable_scope("own"):
        return MEAN(tf.square(predicted(net) - frozen))


HEALTHY = (
    squeezed,
    labels_as_a_column,
    one_column_each,
    one_by_one,
    pairwise_distances,
    each_against_every_label_on_purpose,
    reshaped_on_purpose,
    atoms_of_a_distribution,
    constant_atoms_as_many_as_samples,
    learned_centers,
    nearest_of_all,
    more_points_than_predictions,
    weights_of_attention,
    an_alpha_for_each_class,
    the_mean_of_each_feature,
    a_metric_beside,
    a_frozen_target_network,
)


@pytest.mark.parametrize("loss", HEALTHY, ids=lambda loss: loss.__name__)
def test_nothing_is_told_of_what_is_meant(net: Any, read: Read, loss: Callable[[Any], Any]) -> None:
    net.minimize(loss(net))

    assert not read()


def test_an_evaluation_trains_nothing(net: Any, read: Read) -> None:
    MEAN(tf.square(predicted(net) - targets()))

    assert not read()


def test_only_parameters_that_the_step_trains_count(net: Any, read: Read) -> None:
    other = v1.get_variable("other", [3])
    loss = MEAN(tf.square(predicted(net) - targets()))
    net.minimize(tf.reduce_sum(tf.square(other)) + loss, var_list=[other])

    assert not read()


@pytest.mark.parametrize("squeezed", [False, True])
def test_a_network_without_normalization_layers(net: Any, read: Read, tmp_path: Path, squeezed: bool) -> None:
    prediction = predicted(net, 32)
    net.minimize(MEAN(tf.square((tf.squeeze(prediction, 1) if squeezed else prediction) - targets(32))))
    read()
    result = steadynorm.check(tmp_path / "model.meta")
    models = json.loads(result.to_json())["models"]

    if squeezed:
        assert result.exit_status() == 3
        assert "nothing to check, the files have no normalization layers" in " ".join(str(result).split())
        assert models[0]["checked"] == []
        return
    assert result.exit_status() == 1
    text = " ".join(str(result).split())
    assert "model: 1 error, first SN908 disconnected. " in text
    assert "no normalization layers. 1 check made." in text
    assert "Layers" not in str(result)
    assert models[0]["checked"] == ["SN908"]
    assert {each["reason"] for each in models[0]["not_assessed"]} == {
        "the model has no normalization layers",
        "no experiment was made: 'steadynorm sanity' does",
    }
    assert steadynorm.check(tmp_path / "model.meta", ignore="SN9").exit_status() == 3


def test_a_folder_with_a_network_without_normalization_layers(net: Any, read: Read, tmp_path: Path) -> None:
    net.minimize(MEAN(tf.square(predicted(net, 32) - targets(32))))
    read()
    (tmp_path / "other.meta").write_bytes((tmp_path / "model.meta").read_bytes())
    result = steadynorm.check(tmp_path)

    assert result.exit_status() == 1
    text = " ".join(str(result).split())
    assert text.startswith("0 models with normalization layers and 2 without checked; 2 errors in all of them.")
