"""Calls a model_fn and checks that what it returns can be run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from steadynorm.tensorflow.estimator.config import RunConfig
from steadynorm.tensorflow.estimator.signatures import argument_names, name_of
from steadynorm.tensorflow.estimator.spec import EstimatorSpec, ModeKeys


def build_model(
    model_fn: Callable[..., Any],
    features: Any,
    labels: Any,
    mode: str,
    params: Any,
    config: RunConfig,
) -> EstimatorSpec:
    """Calls `model_fn` with those of labels, mode, params and config that it names.

    Raises:
        ValueError: there are labels that it does not take or it takes labels that there are not, or it built for
            another mode.
        TypeError: it returns something else than an EstimatorSpec.
    """
    names = argument_names(model_fn)
    where = name_of(model_fn)
    if labels is not None and "labels" not in names:
        raise ValueError(
            f"input_fn gives labels, but model_fn {where} takes {names}; expected an argument named 'labels': add it, "
            "or let input_fn return the features alone"
        )
    offered = {"labels": labels, "mode": mode, "params": copy.deepcopy(params), "config": config}
    try:
        spec = model_fn(features=features, **{name: value for name, value in offered.items() if name in names})
    except Exception as error:
        if labels is None and "labels" in names and mode != ModeKeys.PREDICT:
            error.add_note(f"input_fn gave no labels, so model_fn {where} was called with labels=None in mode {mode!r}")
        raise
    if not isinstance(spec, EstimatorSpec):
        raise TypeError(
            f"model_fn {where} returned {spec!r}; expected an EstimatorSpec of steadynorm.tensorflow.estimator: "
            "is a return missing, or the spec that of another package?"
        )
    if spec.mode != mode:
        raise ValueError(
            f"model_fn {where} was called in mode {mode!r} and returned an EstimatorSpec for {spec.mode!r}; expected "
            "the same: pass mode on, EstimatorSpec(mode, ...)"
        )
    return spec
