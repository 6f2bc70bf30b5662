"""Which options of a batch-normalization layer are valid, alone and together; every error says what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steadynorm.norm.config import NormConfig
    from steadynorm.norm.renorm import Renorm

DEBIAS = ("none", "mean", "full")
VIRTUAL_BATCH_LAYOUTS = ("contiguous", "strided")
VIRTUAL_BATCH_VARIANCES = ("within", "pooled")


def check_config(config: NormConfig) -> None:
    """Raise ValueError if an option, or two together, describe no layer."""
    _check_axis(config.axis)
    if config.decay is not None:
        _check_decay("decay", config.decay, "None for a cumulative average")
    _check_number("epsilon", config.epsilon, "a typical value is 0.001")
    _check_choice("debias", config.debias, DEBIAS)
    _check_choice("virtual_batch_layout", config.virtual_batch_layout, VIRTUAL_BATCH_LAYOUTS)
    _check_choice("virtual_batch_variance", config.virtual_batch_variance, VIRTUAL_BATCH_VARIANCES)
    _check_debias(config)
    _check_virtual_batch(config)
    if not config.track_statistics:
        _check_untracked(config)


def check_renorm(renorm: Renorm) -> None:
    """Raise ValueError if the clipping of renorm leaves no room or its decay is no fraction."""
    _check_decay("renorm decay", renorm.decay, "typical is 0.99")
    for name in ("rmin", "rmax", "dmax"):
        value = getattr(renorm, name)
        if value is not None:
            _check_number(f"renorm clipping {name}", value, "leave it out for no clipping", finite=False)
    if renorm.rmin is not None and renorm.rmax is not None and renorm.rmin > renorm.rmax:
        raise ValueError(
            f"renorm clipping has rmin {renorm.rmin} above rmax {renorm.rmax}, which no correction satisfies; "
            "expected rmin ≤ 1 ≤ rmax: swap them"
        )


def _check_axis(axis: object) -> None:
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not axes or any(isinstance(a, bool) or not isinstance(a, int) for a in axes):
        raise ValueError(f"axis is {axis!r}; expected an int or a tuple of ints: name the channel axes")
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {axis} names an axis twice; expected different axes: name each once")


def _check_decay(name: str, value: float, alternative: str) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(
            f"{name} is {value!r}; expected the fraction of the old value that is kept, from 0 to 1 "
            f"({alternative}); PyTorch's momentum is 1 − decay"
        )


def _check_number(name: str, value: float, advice: str, *, finite: bool = True) -> None:
    if not _is_number(value) or not value >= 0 or (finite and math.isinf(value)):
        raise ValueError(f"{name} is {value!r}; expected a number of at least 0; {advice}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}: choose one of these")


def _check_debias(config: NormConfig) -> None:
    if config.debias == "none":
        return
    if config.decay is None:
        raise ValueError(
            f"debias is {config.debias!r} with a cumulative average (decay None), which has no bias; "
            "expected debias 'none' or a decay below 1: choose one of them"
        )
    if config.decay == 1:
        raise ValueError(
            f"debias is {config.debias!r} with decay 1, and debiasing divides by 1 − decayᵗ; "
            "expected a decay below 1: lower it, or set frozen=True if nothing is to move"
        )


def _check_virtual_batch(config: NormConfig) -> None:
    size = config.virtual_batch_size
    if size is None:
        return
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(
            f"virtual_batch_size is {size!r}; expected a positive integer that divides the batch size, "
            "or None for the whole batch"
        )
    if config.axis == 0 or (isinstance(config.axis, tuple) and 0 in config.axis):
        raise ValueError(
            f"virtual_batch_size {size} with channel axis 0; expected the batch on axis 0, because it is what "
            "is divided: move the channels to another axis"
        )
    if config.synchronized:
        raise ValueError(
            f"virtual_batch_size {size} with synchronized=True: one divides the batch, the other joins the "
            "batches of all replicas; expected one of them: drop the other"
        )


def _check_untracked(config: NormConfig) -> None:
    for name, used in (
        ("frozen", config.frozen),
        ("renorm", config.renorm is not None),
        (f"debias {config.debias!r}", config.debias != "none"),
    ):
        if used:
            raise ValueError(
                f"{name} with track_statistics=False: there are no moving statistics that it could use; "
                "expected track_statistics=True: set it, or drop the option"
            )
