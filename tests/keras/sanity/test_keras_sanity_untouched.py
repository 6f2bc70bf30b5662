"""A sanity test leaves a Keras model, its optimizer, its metrics and every random state bit for bit as they were."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

from steadynorm.errors import UnusableInputError
from steadynorm.keras.batches import numbers_of


def everything(model: keras.Model) -> Any:
    """Values and attributes of a model and what it holds, and random states."""
    variables = [*model.variables, *model.optimizer.variables, *(each for m in model.metrics for each in m.variables)]
    holders = [model, *model.layers, model.optimizer, *model.metrics]
    generator = keras.src.random.seed_generator.global_seed_generator()
    return (
        [(each.path, numbers_of(each.value).tobytes(), each.trainable) for each in variables],
        [{name: id(value) for name, value in vars(each).items()} for each in holders],
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        numbers_of(generator.state.value).tobytes(),
    )


@pytest.mark.every_backend
@pytest.mark.parametrize("raising", [False, True], ids=["healthy", "raising"])
def test_everything_is_as_before(sanity: Any, raising: bool) -> None:
    model = sanity.net(0.1)
    model.get_layer("conv").trainable = False
    model.train_on_batch(*sanity.train_data[0])
    calls = iter(range(1000))

    def loss(output: Any, target: Any) -> Any:
        if raising and next(calls) >= 5:
            raise RuntimeError("no loss today")
        return sanity.loss(output, target)

    before = everything(model)
    if raising:
        with pytest.raises(UnusableInputError, match="no loss today"):
            sanity.report(model, loss=loss)
    else:
        # Time enough to begin with everything, and hardly to fit anything.
        sanity.report(model, loss=loss, losses=[2.0, 9.0] * 20, seconds=10)

    assert everything(model) == before


@pytest.mark.every_backend
def test_an_optimizer_that_was_never_used_remains_so(sanity: Any) -> None:
    model = sanity.net(0.1)
    before = everything(model)

    sanity.report(model, "SN905")

    assert everything(model) == before


def test_a_train_step_that_raises_is_named(sanity: Any) -> None:
    def step(model: Any, batch: Any) -> None:
        raise ValueError("no step today")

    with pytest.raises(UnusableInputError, match=r"train_step raised ValueError: no step today"):
        sanity.report(sanity.net(None), train_step=step)


def test_a_model_without_variables_is_refused(sanity: Any) -> None:
    with pytest.raises(UnusableInputError, match="has no variables yet"):
        sanity.report(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)]))


@pytest.mark.every_backend
def test_a_step_of_the_users_own_is_run(sanity: Any) -> None:
    """The optimizer is handed over, and the first batch is fitted by it."""
    model = sanity.net(None)
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(model.trainable_variables)
    before = [numbers_of(each.value).copy() for each in optimizer.variables]

    report = sanity.report(
        model, "SN902", train_step=sanity.gradient_step(sanity.loss), optimizer=optimizer, seconds=100
    )

    (learned,) = report.evidence.experiments.learned
    assert (learned.own, learned.outcome) == (True, "fitted")
    for variable, value in zip(optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(numbers_of(variable.value), value)
