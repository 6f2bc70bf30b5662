"""One table of cases for the layers of every framework, and their comparison with the reference in float64.

A framework joins with one file: a test that takes `case`, makes its layer for `case.config` and hands it to `conforms`.
A function `adapted` of that file, if there is one, says what a case is there, or None where it is not one.
Inputs have their channels on axis 1; a layer for another axis moves them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pytest

from steadynorm.norm.config import NormConfig
from steadynorm.norm.reference import backward, inference, training_forward
from steadynorm.norm.renorm import Renorm
from steadynorm.norm.state import State

STEPS = 3
DIGITS = 32.0
"""How many units of rounding a result may be off by, times what the data amplify them by; sums of a few hundred values
in any order stay below."""


class Layer(Protocol):
    """A layer as the comparison sees it; all arrays are NumPy's, statistics in float64 or as they are stored."""

    def set(self, gamma: Any, beta: Any) -> None:
        """Take gamma and beta (C,)."""

    def train(self, x: Any, dy: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
        """Return output, dx, dgamma and dbeta of one training step, which moves the averages."""

    def infer(self, x: Any) -> Any:
        """Return the output in inference."""

    def statistics(self) -> tuple[Any, Any]:
        """Return mean and variance for inference."""


@dataclass(frozen=True)
class Case:
    """One layer and the data that it gets.

    Attributes:
        name: of the case.
        options: of `NormConfig`, beside those that all have.
        shape: of the input, channels on axis 1.
        data: which of the inputs below.
        weights: None, "samples" or "positions".
        dtype: of the input.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (8, 3, 4, 5)
    data: str = "ordinary"
    weights: str | None = None
    dtype: str = "float32"

    @property
    def config(self) -> NormConfig:
        """The layer."""
        common = {"axis": 1, "decay": 0.8, "epsilon": 1e-5, "bessel_correction": True, "weighted": True}
        return NormConfig(**{**common, **self.options})

    @property
    def torch_options(self) -> dict[str, Any]:
        """The layer in the words of steadynorm.torch, but for the channels and the type."""
        config, renorm = self.config, self.config.renorm
        clipping = {} if renorm is None else {n: getattr(renorm, n) for n in ("rmin", "rmax", "dmax")}
        return {
            "eps": config.epsilon,
            "momentum": None if config.decay is None else 1 - config.decay,
            "affine": config.scale,
            "track_running_stats": config.track_statistics,
            "renorm": renorm is not None,
            "renorm_clipping": {n: bound for n, bound in clipping.items() if bound is not None} or None,
            "renorm_momentum": 0.01 if renorm is None else 1 - renorm.decay,
            "virtual_batch_size": config.virtual_batch_size,
            "debias": config.debias == "full",
        }


def ordinary(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> Any:
    return rng.normal(1.0 + step, 1.5, shape)


def far_from_zero(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> Any:
    return rng.normal(1e4, 1.0, shape)


def one_constant_channel(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> Any:
    x = rng.normal(0.0, 1.0, shape)
    x[:, 0] = 3.0
    return x


def one_outlier(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> Any:
    x = rng.normal(0.0, 1.0, shape)
    x[(0, *[0] * (len(shape) - 1))] = 1e6
    return x


def near_overflow(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> Any:
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(5.5e4, 6.5e4, shape)


DATA: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (ordinary, far_from_zero, one_constant_channel, one_outlier, near_overflow)
}
RENORM = Renorm(decay=0.7)
CLIPPED = Renorm(0.7, 1.4, 0.3, 0.7)
VIRTUAL = {"virtual_batch_size": 4, "virtual_batch_variance": "pooled"}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "renorm": {"renorm": RENORM},
    "renorm clipped": {"renorm": CLIPPED},
    "virtual": VIRTUAL,
    "virtual renorm": {**VIRTUAL, "renorm": CLIPPED},
    "debiased": {"debias": "full"},
    "debiased renorm": {"debias": "full", "renorm": RENORM},
    "cumulative": {"decay": None},
    "cumulative virtual": {"decay": None, **VIRTUAL},
    "no gamma": {"scale": False, "center": False, "renorm": CLIPPED},
    "untracked": {"track_statistics": False},
    "decay 0": {"decay": 0.0, "debias": "full"},
}
SHAPES = ((12, 3), (8, 3, 5), (8, 3, 4, 5), (8, 2, 2, 3, 2))


def _cases() -> list[Case]:
    found = []
    for name, options in OPTIONS.items():
        for weights in (None, "samples", "positions"):
            found.append(Case(f"{name}, {weights or 'equal'}", options, weights=weights))
            found.append(Case(f"{name}, {weights or 'equal'}, double", options, weights=weights, dtype="float64"))
        found += [Case(f"{name}, {len(shape)} axes", options, shape) for shape in SHAPES]
    hard = ("plain", "renorm clipped", "virtual", "debiased")
    for name in hard:
        for weights in (None, "positions"):
            for data in ("far_from_zero", "one_constant_channel", "one_outlier"):
                title = f"{name}, {weights or 'equal'}, {data}"
                found.append(Case(title, OPTIONS[name], (16, 3, 8, 8), data, weights))
            title = f"{name}, {weights or 'equal'}, near overflow"
            found.append(Case(title, OPTIONS[name], (16, 3, 8, 8), "near_overflow", weights, "float16"))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        adapted = getattr(metafunc.module, "adapted", lambda case: case)
        cases = [case for case in map(adapted, _cases()) if case is not None]
        metafunc.parametrize("case", cases, ids=lambda case: case.name)


def weights_of(case: Case, rng: np.random.Generator) -> Any:
    if case.weights is None:
        return None
    shape = case.shape[:1] if case.weights == "samples" else (case.shape[0], *case.shape[2:])
    weights = rng.uniform(0.2, 2.0, shape).astype("float32")
    weights[0] = 0.0
    if case.config.virtual_batch_size == 4 and case.data == "ordinary":
        weights[:4] = 0.0  # a virtual batch without any
    return weights


def near(actual: Any, expected: Any, allowed: Any, what: str) -> None:
    error = np.abs(np.asarray(actual, np.float64) - expected)
    assert np.isfinite(error).all(), f"{what} is not finite"
    assert (error <= allowed).all(), f"{what}: {error.max():.3g} off, {np.max(error / allowed):.3g} of what is allowed"


@pytest.fixture
def plain_case() -> Case:
    """The case without any option."""
    return _cases()[0]


@pytest.fixture
def conforms() -> Callable[..., None]:
    """Compares three training steps and inference of a layer with the reference.

    `derived_stddev=True` is for a layer that takes the average standard deviation from the stored variance.

    What is allowed comes from how the data amplify rounding: a value x that is κ standard deviations from zero is known
    to κ units of rounding once normalized, whatever the arithmetic.
    """
    return _compare


def _compare(case: Case, layer: Layer, *, derived_stddev: bool = False) -> None:
    rng, config, channels = np.random.default_rng(5), case.config, case.shape[1]
    unit = np.finfo("float64" if case.dtype == "float64" else "float32").eps
    kind = np.finfo(case.dtype)
    store, least = kind.eps, kind.smallest_subnormal  # float16 has no digits left for a gradient of 1e-6
    gamma, beta = rng.uniform(0.5, 1.5, channels), rng.normal(size=channels)
    gamma, beta = (each.astype("float32").astype("float64") for each in (gamma, beta))
    state = State.initial(config, channels, gamma=gamma, beta=beta)
    if derived_stddev and state.moving_variance is not None and config.renorm is not None:
        state = replace(state, moving_stddev=np.sqrt(state.moving_variance + config.epsilon))
    layer.set(gamma if config.scale else None, beta if config.center else None)
    axes = (0, *range(2, len(case.shape)))
    spread = (1, -1, *[1] * (len(case.shape) - 2))
    for step in range(STEPS):
        x = DATA[case.data](rng, case.shape, step).astype(case.dtype)
        dy, weights = rng.normal(size=case.shape).astype(case.dtype), weights_of(case, rng)
        y, dx, dgamma, dbeta = layer.train(x, dy, weights)
        exact_y, state, cache = training_forward(x, state, config, weights)
        exact = backward(dy, cache)

        wide = x.astype("float64")
        slope = (np.abs(cache.inverse_stddev * cache.slope)).max(axis=(0, 1))
        amplified = DIGITS * unit * (1 + np.abs(wide).max(axes) * cache.inverse_stddev.max(axis=(0, 1)))
        largest = np.abs(cache.corrected).max(axis=(0, 1)) + np.abs(cache.slope).max(axis=(0, 1)) + 1
        y_allowed = (amplified * largest * (1 + np.abs(beta))).reshape(spread)
        near(y, exact_y, y_allowed + store * np.abs(exact_y), f"output of step {step}")
        total = np.abs(dy.astype("float64")).sum(axes)
        steepest = np.abs(dy).max() * (1 + np.abs(cache.normalized).max()) ** 2
        dx_allowed = (amplified * slope * steepest).reshape(spread) + store * np.abs(exact.dx) + least
        near(dx, exact.dx, dx_allowed, f"dx of step {step}")
        if exact.dgamma is not None:
            near(dgamma, exact.dgamma, amplified * largest * total, f"dgamma of step {step}")
            near(dbeta, exact.dbeta, DIGITS * unit * total, f"dbeta of step {step}")
        if state.moving_mean is not None:
            mean, variance = layer.statistics()
            size, spread_of_data = np.abs(wide).max(axes), wide.var(axes) + config.epsilon
            near(mean, state.moving_mean, DIGITS * unit * (size + 1), f"mean after step {step}")
            # Added one by one, as PyTorch's kernel adds channels-last values, the small are rounded to the large one.
            digits = DIGITS + (x.size / channels / 4 if case.data == "one_outlier" else 0)
            allowed = digits * unit * (spread_of_data * 4 + 1) + (DIGITS * unit * size) ** 2
            near(variance, state.moving_variance, allowed, f"variance after step {step}")
    x = DATA[case.data](rng, case.shape, STEPS).astype(case.dtype)
    y, exact_y = layer.infer(x), inference(x, state, config)
    variance = x.astype("float64").var(axes) if state.moving_variance is None else state.moving_variance
    amplified = 1 + 2 * np.abs(x.astype("float64")).max(axes) / np.sqrt(variance + config.epsilon)
    relative = 1 + np.abs(exact_y).max(axes)
    allowed = (DIGITS * unit * amplified * relative).reshape(spread)
    near(y, exact_y, allowed + store * np.abs(exact_y), "output in inference")
