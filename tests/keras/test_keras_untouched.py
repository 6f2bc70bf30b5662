"""A diagnosis leaves a Keras model, its optimizer, its metrics and every random state bit for bit as they were."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import steadynorm
from steadynorm.keras.batches import numbers_of


def everything(model: keras.Model) -> Any:
    """Every value and every attribute of a model and what it holds, as they are."""
    variables = [*model.variables, *model.optimizer.variables, *(each for m in model.metrics for each in m.variables)]
    holders = [model, *model.layers, model.optimizer, *model.metrics]
    return (
        [(each.path, numbers_of(each.value).tobytes(), each.trainable) for each in variables],
        [{name: id(value) for name, value in vars(each).items()} for each in holders],
        [len(each._inbound_nodes) + len(each._outbound_nodes) for each in model.layers],
    )


def random_states() -> Any:
    generator = keras.src.random.seed_generator.global_seed_generator()
    return (
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        numbers_of(generator.state.value).tobytes(),
        keras.src.utils.naming.auto_name("probe"),
    )


def assert_untouched(lab: Any, model: keras.Model, error: type[Exception] | None = None, **functions: Any) -> None:
    x, y = lab.train_data[0]
    model.train_on_batch(x, y)
    model.predict(x, verbose=0)
    before = everything(model)
    *states, name = random_states()
    if error is None:
        lab.diagnose(model, **functions)
    else:
        with pytest.raises(error):
            lab.diagnose(model, **functions)
    assert everything(model) == before
    *after, next_name = random_states()
    assert after == states
    # Names are numbered in one row: nothing else has taken a number.
    assert int(next_name.rpartition("_")[2]) - int(name.rpartition("_")[2] if name != "probe" else 0) == 1


@pytest.mark.every_backend
def test_a_diagnosis_with_everything_changes_nothing(lab: Any) -> None:
    def evaluate(model: keras.Model, batches: Any) -> float:
        random.random()
        np.random.rand()  # noqa: NPY002
        model.get_layer("norm").trainable = False
        for x, _ in batches:
            model(x, training=True)
        return 0.5

    assert_untouched(lab, lab.healthy(), evaluate=evaluate)


@pytest.mark.every_backend
def test_an_optimizer_that_has_not_been_built_is_built_once_by_the_training_that_follows(
    lab: Any, tmp_path: Path
) -> None:
    layers = [keras.layers.Flatten(), keras.layers.BatchNormalization(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile(keras.optimizers.Adam(), lab.fitted_loss, jit_compile=False)
    before = len(model.optimizer.variables)
    lab.diagnose(model, batches=2)
    assert len(model.optimizer.variables) == before
    model.train_on_batch(*lab.train_data[0])
    # Adam keeps its step count, its rate, and two moments of each parameter.
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"fitted_loss": lab.fitted_loss})
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(numbers_of(one.value), numbers_of(other.value))


def test_a_train_step_that_raises_half_way_changes_nothing(lab: Any) -> None:
    calls = iter(range(100))

    def step(model: keras.Model, batch: Any) -> Any:
        model.train_on_batch(*batch)
        if next(calls) == 2:
            raise RuntimeError("out of luck")

    assert_untouched(lab, lab.healthy(), steadynorm.UnusableInputError, train_step=step)


def test_an_interrupted_evaluation_changes_nothing(lab: Any) -> None:
    def evaluate(model: keras.Model, batches: Any) -> float:
        model.fit(*batches[0], verbose=0)
        raise KeyboardInterrupt

    model = lab.healthy()
    model.train_on_batch(*lab.train_data[0])
    before = everything(model)
    with pytest.raises(KeyboardInterrupt):
        lab.diagnose(model, evaluate=evaluate)
    assert everything(model) == before


def test_what_the_users_functions_hold_comes_back(lab: Any) -> None:
    history: list[float] = []
    counts = {"steps": 0}
    tracker = keras.metrics.Mean()
    tracker.update_state(3.0)
    draws = np.random.default_rng(5)
    state = draws.bit_generator.state

    class Loop:
        def __init__(self) -> None:
            self.best = 1.0

        def __call__(self, model: keras.Model, batch: Any) -> Any:
            loss = model.train_on_batch(*batch)
            history.append(float(loss))
            counts["steps"] += 1
            tracker.update_state(loss)
            self.best = min(self.best, draws.random())
            return loss

    loop = Loop()
    model = lab.healthy()
    lab.diagnose(model, train_step=loop)
    assert (history, counts, loop.best) == ([], {"steps": 0}, 1.0)
    assert float(numbers_of(tracker.result())) == 3.0
    assert draws.bit_generator.state == state


def test_data_are_not_changed_by_a_function_that_writes_to_its_batch(lab: Any) -> None:
    before = [x.copy() for x, _ in lab.train_data]

    def step(model: keras.Model, batch: Any) -> Any:
        batch[0][:] = 0
        return model.train_on_batch(*batch)

    lab.diagnose(lab.healthy(), train_step=step)
    for (x, _), old in zip(lab.train_data, before, strict=True):
        np.testing.assert_array_equal(x, old)


def test_layers_are_called_as_before_afterwards(lab: Any) -> None:
    model = lab.healthy()
    x = lab.train_data[0][0]
    before = numbers_of(model(x, training=False)).tobytes()
    lab.diagnose(model, evaluate=lab.evaluate)
    assert all("call" not in vars(each) and "symbolic_call" not in vars(each) for each in model.layers)
    assert numbers_of(model(x, training=False)).tobytes() == before
    assert np.isfinite(float(model.train_on_batch(*lab.train_data[0])))
