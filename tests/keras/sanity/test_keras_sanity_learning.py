"""SN901, SN902 and SN904 on Keras models: broken networks beside healthy twins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import steadynorm
from steadynorm.experiments.records import Outcome, Task
from steadynorm.keras.batches import numbers_of
from steadynorm.keras.trainee import opened_for_training

TABLE = json.loads((Path(__file__).parents[2] / "data" / "sanity.json").read_text())


@pytest.mark.every_backend
def test_a_healthy_network_passes_every_check_that_can_be_made(sanity: Any) -> None:
    report = sanity.report(sanity.net(), seconds=120)

    assert not report.findings, [(each.code, each.message) for each in report.findings]
    assert {each.code for each in report.not_assessed} == {"SN901", "SN904"}
    assert [each.outcome for each in report.evidence.experiments.of(Task.ONE_BATCH)] == [Outcome.FITTED]


@pytest.mark.usefixtures("few_steps")
def test_probabilities_are_judged_as_logits_are(sanity: Any) -> None:
    """What Keras' own examples end in: a softmax, and the loss of probabilities; no answer at all costs ln 10."""
    keras.utils.set_random_seed(0)
    model = sanity.model(keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax"))

    def loss(output: Any, target: Any) -> Any:
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(target, output))

    report = sanity.report(model, ["SN902", "SN905"], loss=loss)

    assert not report.findings
    assert report.evidence.experiments.first.chance == pytest.approx(np.log(10), rel=1e-4)
    assert [each.floor < 0.01 for each in report.evidence.experiments.of(Task.ONE_BATCH)][-1]


@pytest.mark.usefixtures("few_steps")
def test_a_step_with_another_models_optimizer_is_named(sanity: Any) -> None:
    keras.utils.set_random_seed(0)
    model, other = (sanity.model(keras.layers.Flatten(), keras.layers.Dense(10)) for _ in range(2))
    sanity.compiled(other)

    def step(model: Any, batch: Any) -> Any:
        return other.train_on_batch(*batch)

    (found,) = sanity.report(model, "SN902", train_step=step, seconds=100).findings

    assert "changes no parameter" in found.remedy


@pytest.mark.usefixtures("few_steps")
def test_a_rate_that_is_far_too_low_is_told_from_a_model_that_cannot(sanity: Any) -> None:
    keras.utils.set_random_seed(0)
    model = sanity.compiled(sanity.model(keras.layers.Flatten(), keras.layers.Dense(10)), 1e-7)

    (found,) = sanity.report(model, "SN902", seconds=100).findings

    assert "The model can; its training does not" in found.remedy
    assert found.evidence["the train step"]["outcome"] in ("stuck", "falling too slowly")  # rounding may hide the fall


@pytest.mark.every_backend
@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(("bias", "expected"), TABLE["dead"])
def test_a_dead_activation_cannot_fit_a_batch(sanity: Any, bias: float, expected: list[str]) -> None:
    keras.utils.set_random_seed(0)
    begin = keras.initializers.Constant(bias)
    hidden = keras.layers.Dense(32, activation="relu", bias_initializer=begin)
    model = sanity.model(keras.layers.Flatten(), hidden, keras.layers.Dense(10))

    assert sanity.codes(model, "SN902", seconds=120) == expected


def photographs() -> list[tuple[Any, Any]]:
    """Patches of scikit-learn's two sample images in [0, 1], (8, 16, 16, 3) each, with themselves as targets."""
    images = np.stack(load_sample_images().images).astype(np.float32) / 255
    patches = [image[y : y + 16, x : x + 16] for image in images for y in range(0, 384, 64) for x in range(0, 576, 64)]
    mixed = np.stack(patches)[np.random.default_rng(0).permutation(len(patches))]
    return [(mixed[at : at + 8], mixed[at : at + 8]) for at in range(0, 32, 8)]


@pytest.mark.parametrize(("how", "expected"), TABLE["identity"])
def test_identity_is_learned_unless_the_image_is_lost_on_the_way(sanity: Any, how: str, expected: list[str]) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    lost = [layers.Lambda(only_its_mean)] if how == "narrow" else []
    down, up = (layers.Conv2D(count, 3, padding="same") for count in (16, 3))
    model = sanity.model(down, layers.ReLU(), *lost, up, inputs=(16, 16, 3))

    found = sanity.codes(model, "SN901", train_data=photographs(), loss=squared, seconds=200)

    assert found == expected


def only_its_mean(x: Any) -> Any:
    """What pooling all positions and spreading the result over them again comes to, in three operations."""
    return keras.ops.mean(x, (1, 2), keepdims=True) + keras.ops.zeros_like(x)


def squared(output: Any, target: Any) -> Any:
    return keras.ops.mean(keras.ops.square(output - target))


def test_a_rate_that_is_too_high_is_told_by_trying_a_lower_one(sanity: Any) -> None:
    """The recorded loss of a training that leaps, and the model from which it was recorded."""
    keras.utils.set_random_seed(0)
    model, loss = sanity.model(keras.layers.Flatten(), keras.layers.Dense(10)), sanity.loss
    optimizer = keras.optimizers.SGD(30.0, momentum=0.9)
    model.compile(optimizer, lambda target, output: loss(output, target), jit_compile=False)

    (found,) = sanity.report(model, "SN904", losses=[2.0, 9.0, 4.0, 12.0] * 20, seconds=100).findings

    assert "a tenth of the learning rate brings it to" in found.message
    assert found.certainty == "proven"


class ByHand:
    """A train step of one's own for a linear model, whose rate no library knows of."""

    def __init__(self) -> None:
        self.velocity = [np.zeros((64, 10), np.float32), np.zeros(10, np.float32)]

    def __call__(self, model: Any, batch: Any) -> float:
        x, y = batch[0].reshape(-1, 64), batch[1]
        kernel, bias = (numbers_of(each.value) for each in model.trainable_variables)
        logits = x @ kernel + bias
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        probabilities = shifted / shifted.sum(1, keepdims=True)
        loss = -np.log(probabilities[np.arange(len(y)), y] + 1e-30).mean()
        error = (probabilities - np.eye(10)[y]) / len(y)
        for index, gradient in enumerate((x.T @ error, error.sum(0))):
            self.velocity[index] = 0.9 * self.velocity[index] - 30.0 * gradient.astype(np.float32)
            variable = model.trainable_variables[index]
            variable.assign(numbers_of(variable.value) + self.velocity[index])
        return float(loss)


@pytest.mark.every_backend
def test_a_lower_rate_reaches_a_step_of_ones_own(sanity: Any) -> None:
    keras.utils.set_random_seed(0)
    model = sanity.model(keras.layers.Flatten(), keras.layers.Dense(10))

    report = sanity.report(model, "SN904", losses=[2.0, 9.0, 4.0, 12.0] * 20, seconds=100, train_step=ByHand())

    (found,) = report.findings
    assert "a tenth of the learning rate brings it to" in found.message
    assert found.certainty == "proven"


def test_a_rate_out_of_reach_is_not_said_to_have_been_tried(sanity: Any) -> None:
    """The step trains weights of its own and only shows them to the model."""
    keras.utils.set_random_seed(0)
    model, shown = (sanity.model(keras.layers.Flatten(), keras.layers.Dense(10)) for _ in range(2))
    inner = ByHand()

    def step(given: Any, batch: Any) -> float:
        loss = inner(model, batch)
        for variable, own in zip(given.trainable_variables, model.trainable_variables, strict=True):
            variable.assign(own)
        return loss

    (found,) = sanity.report(
        shown,
        "SN904",
        losses=[2.0, 9.0, 4.0, 12.0] * 20,
        seconds=100,
        train_step=step,
        train_data=sanity.train_data[:1] * 8,  # with less of them nothing changes
    ).findings

    assert found.certainty == "likely"
    assert "could not be tried" in found.settle
    assert list(found.evidence["tried"]) == ["0.125 of the data"]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_a_part_of_the_way_is_a_part_of_the_rate(sanity: Any, optimizer: str) -> None:
    """The same steps by an optimizer that was made with the lower rate, decay of the weights included."""
    courses = []
    for rate, factor in ((3e-2, 0.1), (3e-3, 1.0)):
        keras.utils.set_random_seed(0)
        model = sanity.model(keras.layers.Flatten(), keras.layers.Dense(10))
        options = {"momentum": 0.9} if optimizer == "SGD" else {}
        chosen = getattr(keras.optimizers, optimizer)(rate, **options)
        model.compile(chosen, lambda target, output: sanity.loss(output, target), jit_compile=False)
        subject = steadynorm.Subject(model, sanity.train_data, loss=sanity.loss)
        with opened_for_training(subject, batches=4) as trainee:
            courses.append(trainee.course(8, rate=factor))
    np.testing.assert_allclose(courses[0], courses[1], rtol=1e-4)  # float32, rounded once more per step


@pytest.mark.every_backend
def test_adam_moves_what_a_gradient_reaches(sanity: Any) -> None:
    """Its first step, by hand: both averages hold nothing but the gradient of a mean cross entropy."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    used, unused = keras.layers.Dense(10), keras.layers.Dense(10)
    model = keras.Model(inputs, used(flat) + keras.ops.stop_gradient(unused(flat)))
    x, y = sanity.train_data[0]
    likelihood = np.exp(numbers_of(model(x)).astype(np.float64))
    gradient = (likelihood / likelihood.sum(1, keepdims=True) - np.eye(10)[y]).mean(0)
    before = numbers_of(unused.kernel.value).copy()

    with opened_for_training(steadynorm.Subject(model, sanity.train_data, loss=sanity.loss), batches=1) as trainee:
        trainee.learner(Task.ONE_BATCH, 1e-2).step()
        moved, left = numbers_of(used.bias.value).copy(), numbers_of(unused.kernel.value).copy()

    # The bias begins at zero; Keras adds epsilon, 1e-7, before it corrects the average of squares for its start.
    expected = -1e-2 * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1e-3))
    np.testing.assert_allclose(moved, expected, rtol=1e-3)
    np.testing.assert_array_equal(left, before)


def test_a_loss_that_falls_is_no_finding(sanity: Any) -> None:
    assert sanity.codes(sanity.net(), "SN904", losses=list(2.3 * np.exp(-np.arange(100) / 20))) == []


@pytest.mark.every_backend
def test_a_step_that_gives_its_arrays_away_can_be_tried_again_and_again(sanity: Any) -> None:
    """JAX deletes what a compiled step has taken; each training begins with the model as it was all the same."""
    model = sanity.net()
    is_jax = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=is_jax)
    before = [keras.ops.convert_to_numpy(each).copy() for each in model.variables]

    # Five trainings, each from the beginning.
    assert sanity.codes(model, "SN904", losses=[2.0, 9.0, 4.0, 12.0] * 20, seconds=5) == ["SN904"]

    for each, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(each), value)


@pytest.mark.every_backend
def test_recurrent_layers_whose_cells_are_compiled_are_looked_past(sanity: Any) -> None:
    keras.utils.set_random_seed(0)
    model = sanity.model(keras.layers.LSTM(32), keras.layers.Dense(10, name="last"), inputs=(8, 8))
    data = [(x[..., 0], y) for x, y in sanity.train_data]

    report = sanity.report(model, "SN905", train_data=data)

    assert not report.findings
    assert "last" in [each.name for each in report.evidence.experiments.first.activations]


class Pair(keras.Model):
    """Class and brightness in a dict; a broken one does not see its input."""

    def __init__(self, seen: float) -> None:
        super().__init__()
        self.seen, self.flatten = seen, keras.layers.Flatten()
        self.body = keras.layers.Dense(32, activation="relu")
        self.label, self.size = keras.layers.Dense(10), keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        h = self.body(self.flatten(x) * self.seen)
        return {"label": self.label(h), "size": self.size(h)}


@pytest.mark.every_backend
@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_nested_outputs(sanity: Any, seen: float) -> None:
    keras.utils.set_random_seed(0)
    model = Pair(seen)
    model(sanity.train_data[0][0])

    def loss(output: Any, target: Any) -> Any:
        brightness = keras.ops.cast(target, "float32") / 10
        return {
            "label": sanity.loss(output["label"], target),
            "size": keras.ops.mean((output["size"][:, 0] - brightness) ** 2),
        }

    tried = sanity.report(model, "SN902", loss=loss).evidence.experiments.of(Task.ONE_BATCH)

    assert tried[0].floor == pytest.approx(0.0, abs=0.05)
    assert (tried[-1].outcome is Outcome.FITTED) == bool(seen)
