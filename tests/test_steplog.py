"""The log of training steps, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from steadynorm.evidence import Array
from steadynorm.norm.moments import Moments
from steadynorm.steplog import StepLog, summarized

CHANNELS = 3


class _Layer:
    """A layer of three channels that is told what to do."""

    def __init__(self, decay: float) -> None:
        self.decay, self.batch = decay, True
        self.statistics: Array = np.concatenate([np.zeros(CHANNELS), np.ones(CHANNELS)])

    def update(self, x: Array) -> None:
        moments = np.concatenate([x.mean(0), x.var(0)])
        self.statistics = self.decay * self.statistics + (1 - self.decay) * moments


@pytest.fixture
def layer() -> _Layer:
    return _Layer(0.75)


@pytest.fixture
def log(layer: _Layer) -> StepLog:
    return StepLog(["bn"], stored=lambda name: layer.statistics, uses_batch=lambda name: layer.batch)


def _inputs(steps: int, offset: float = 0.0) -> list[Array]:
    draw = np.random.default_rng(3)
    return [draw.normal(2.0 + offset, 1.5, (40, CHANNELS)) for _ in range(steps)]


def _call(log: StepLog, layer: _Layer, x: Array, *, updates: bool = True, trains: bool = True) -> None:
    log.enter("bn", batch=True, values=len(x), moments=Moments.from_batch(x), trains=trains)
    if updates:
        layer.update(x)
    log.leave("bn")


def test_the_decay_and_the_updates_per_step_are_what_the_layer_did(log: StepLog, layer: _Layer) -> None:
    for x in _inputs(4):
        log.begin_step()
        _call(log, layer, x)
        log.end_step()
    found = summarized(log.logs["bn"], 1e-3)
    assert found.decay == pytest.approx(0.75, abs=1e-9)
    assert (found.updates, found.batch_uses, found.population_uses, found.values) == (1, 1, 0, 40)
    assert found.input_spread is None


def test_a_forward_pass_that_is_recomputed_is_a_repetition_and_two_updates(log: StepLog, layer: _Layer) -> None:
    for x in _inputs(3):
        log.begin_step()
        _call(log, layer, x)
        _call(log, layer, x)
        log.end_step()
    found = summarized(log.logs["bn"], 1e-3)
    assert (found.updates, found.batch_uses, found.repeated_uses, found.evaluated_uses) == (2, 2, 1, 0)


def test_two_kinds_of_inputs_lie_apart_by_their_difference_in_standard_deviations(log: StepLog, layer: _Layer) -> None:
    for first, second in zip(_inputs(6), _inputs(6, offset=6.0), strict=True):
        log.begin_step()
        _call(log, layer, first)
        _call(log, layer, second)
        log.end_step()
    spread = summarized(log.logs["bn"], 1e-3).input_spread
    assert spread is not None
    assert spread == pytest.approx(6.0 / 1.5, rel=0.1)  # 240 values tell the standard deviation to about 5 %


def test_an_evaluation_inside_a_step_is_told_from_training(log: StepLog, layer: _Layer) -> None:
    for x, other in zip(_inputs(2), _inputs(2, offset=1.0), strict=True):
        log.begin_step()
        _call(log, layer, x)
        _call(log, layer, other, trains=False)
        log.end_step()
    assert summarized(log.logs["bn"], 1e-3).evaluated_uses == 1


def test_statistics_that_become_nan_are_damage_and_small_moves_are_not(log: StepLog, layer: _Layer) -> None:
    log.begin_step()
    layer.statistics = layer.statistics + 0.001
    assert not log.damaged()
    layer.statistics = layer.statistics * np.nan
    log.end_step()
    assert log.damaged()
    assert log.logs["bn"].moved == [True]


def test_a_step_that_switches_the_mode_says_so(log: StepLog, layer: _Layer) -> None:
    layer.batch = False
    log.begin_step()
    _call(log, layer, _inputs(1)[0], updates=False)
    log.end_step()
    found = summarized(log.logs["bn"], 1e-3)
    assert found.mode_changed
    assert found.updates == 0


def test_one_value_per_channel_is_remembered_until_the_next_call(log: StepLog) -> None:
    log.begin_step()
    log.enter("bn", batch=True, values=1, moments=None, trains=True)
    assert log.last_single == "bn"
    log.enter("bn", batch=True, values=8, moments=None, trains=True)
    assert log.last_single is None


def test_steps_that_make_the_statistics_infinite_say_nothing_about_the_decay(log: StepLog, layer: _Layer) -> None:
    for index, x in enumerate(_inputs(4)):
        log.begin_step()
        _call(log, layer, x)
        if index == 1:
            layer.statistics = layer.statistics * np.inf
        log.end_step()
    assert summarized(log.logs["bn"], 1e-3).decay == pytest.approx(0.75, abs=1e-9)
