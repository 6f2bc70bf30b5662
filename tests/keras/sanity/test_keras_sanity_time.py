"""What Keras compiles for the trainings of one sanity test, and that sharing it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import keras
import pytest

from steadynorm.experiments.records import Experiments
from steadynorm.keras.backends import backend

FLUCTUATING = [2.0, 9.0, 4.0, 12.0] * 20


def experiments(sanity: Any, counter: Iterator[int]) -> Experiments:
    """Those of a test that trains six times: the first steps, one batch, and three courses with one before."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = sanity.model(
        layers.Flatten(), layers.Dense(32), layers.BatchNormalization(), layers.ReLU(), layers.Dense(10)
    )

    def loss(target: Any, output: Any) -> Any:
        next(counter)
        return sanity.loss(output, target)

    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=True)
    report = sanity.report(model, ["SN902", "SN904", "SN905"], losses=FLUCTUATING, seconds=300)
    found: Experiments = report.evidence.experiments
    return found


@pytest.mark.every_backend
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only what JAX compiles is shared by trainings")
def test_jax_compiles_a_train_step_once_and_trains_the_same(sanity: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of `compile` is a function of Python, which each of six trainings runs where it is compiled."""
    # Many steps differ by rounding, where the backend adds in another order each time.
    monkeypatch.setattr("steadynorm.experiments.sanity.COURSE", 10)
    once, again = count(), count()
    shared = experiments(sanity, once)
    monkeypatch.setattr(backend(), "compiled_holds_no_values", False)

    anew = experiments(sanity, again)

    assert next(again) - next(once) == 5
    assert len(shared.calmed) == len(anew.calmed) == 2
    assert shared.bad_step == anew.bad_step == 0
    assert shared.learned[0].steps == anew.learned[0].steps
    assert shared.learned[0].last == pytest.approx(anew.learned[0].last, rel=1e-3)
    for one, other in zip(shared.calmed, anew.calmed, strict=True):
        assert _numbers(one) == pytest.approx(_numbers(other), rel=1e-3)


def _numbers(calmed: Any) -> dict[str, float]:
    return {name: getattr(calmed, name) for name in ("before", "after", "jumps_before", "jumps_after")}
