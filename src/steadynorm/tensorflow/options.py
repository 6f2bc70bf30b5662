"""From the arguments of the original functions to one validated layer; numbers may be tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.tensorflow.training import Options

_BOUNDS = ("rmin", "rmax", "dmax")
_NAMED_INITIALIZERS = {"zeros": tf.compat.v1.zeros_initializer, "ones": tf.compat.v1.ones_initializer}


def configured(
    make: Callable[..., NormConfig],
    layer: str,
    x: Any,
    *,
    decay: tuple[str, Any],
    renorm_decay: tuple[str, Any],
    renorm_clipping: Mapping[str, Any] | None,
    adjustment: Any,
    fused: bool | None,
    weights: Any = None,
    bessel_correction: bool | None = None,
    **arguments: Any,
) -> Options:
    """Return the options of a layer from the arguments of the original function.

    Args:
        make: NormConfig.from_tf_layers or NormConfig.from_slim.
        layer: name of the layer, for errors.
        x: the input, whose rank and type decide on the original's code path.
        decay: name and value of the argument for the averages' decay; so is `renorm_decay`.
        renorm_decay: of renorm's averages.
        renorm_clipping: any of rmin, rmax and dmax.
        adjustment: a function, or None.
        fused: as given.
        weights: of samples, or None.
        bessel_correction: None as the original.
        arguments: further arguments of `make`.

    Raises:
        ValueError: an argument is invalid, or two do not go together.
        TypeError: `axis` or `bessel_correction` is of another type.
    """
    if "axis" in arguments:
        arguments["axis"] = _axes(arguments["axis"], layer)
    if bessel_correction is not None and not isinstance(bessel_correction, bool):
        raise TypeError(
            f"bessel_correction of batch normalization {layer!r} is {bessel_correction!r}; expected True, False, or "
            "None to store the variance as the original does"
        )
    if not float(arguments["epsilon"]) >= 0:  # the original's fused kernel took its least epsilon for a negative one
        raise ValueError(
            f"batch normalization {layer!r}: epsilon is {arguments['epsilon']!r}; expected a number from 0 on, which "
            "is added to the variance: typical is 0.001"
        )
    _check_fraction(*decay, layer)
    if arguments.get("renorm"):
        _check_fraction(*renorm_decay, layer)
    clipping = dict(renorm_clipping or {})
    unknown = sorted(set(clipping) - set(_BOUNDS))
    if unknown:
        raise ValueError(
            f"renorm_clipping of batch normalization {layer!r} has the unknown {', '.join(map(repr, unknown))}; "
            f"expected only {', '.join(_BOUNDS)}: rename or drop the others"
        )
    if fused and adjustment is not None:
        raise ValueError(
            f"fused=True together with adjustment in batch normalization {layer!r}: the original's fused kernel takes "
            "no adjustment; expected one of them: pass fused=None (it is as fast here)"
        )
    try:
        config = make(
            rank=x.shape.rank,
            dtype=x.dtype.name,
            fused=fused,
            adjustment=adjustment,
            renorm_clipping={name: value for name, value in clipping.items() if not tf.is_tensor(value)},
            **{name: _or_typical(value) for name, value in (decay, renorm_decay)},
            **arguments,
        )
    except ValueError as error:
        raise ValueError(f"batch normalization {layer!r} of {x.name}, shape {x.shape}: {error}") from error
    if bessel_correction is not None:
        config = replace(config, bessel_correction=bessel_correction)
    bounds = {name: value for name, value in clipping.items() if value is not None}
    return Options(config, decay[1], renorm_decay[1], bounds, adjustment, weights)


def _axes(axis: Any, layer: str) -> int | tuple[int, ...]:
    several = axis if isinstance(axis, list | tuple) else [axis]
    if any(isinstance(each, bool) or not hasattr(each, "__index__") for each in several):
        raise TypeError(
            f"axis of batch normalization {layer!r} is {axis!r}; expected the channel axis as an int, or a list of "
            "them: -1 for channels last, 1 for channels first"
        )
    return tuple(map(operator.index, several)) if several is axis else operator.index(axis)


def _check_fraction(argument: str, value: Any, layer: str) -> None:
    """Refuse under the name that the caller knows it by what is no decay."""
    if _is_dynamic(value) or (isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= 1):
        return
    raise ValueError(
        f"{argument} of batch normalization {layer!r} is {value!r}; expected the fraction of the old value that is "
        f"kept, a number from 0 to 1 or a scalar tensor; typical is 0.99, and PyTorch's momentum is 1 − {argument}"
    )


def _or_typical(value: Any) -> float:
    """The value, or where it is known only when the graph runs (or not used) one that the configuration takes."""
    return float(value) if isinstance(value, Real) and 0 <= float(value) <= 1 else 0.99


def _is_dynamic(value: Any) -> bool:
    return tf.is_tensor(value) or isinstance(value, tf.Variable)


def initializer(value: Any, variable: str, layer: str) -> Any:
    """Return an initializer that get_variable takes; None for the default.

    Raises:
        TypeError: it is neither a function nor the name of one.
    """
    if isinstance(value, str) and value in _NAMED_INITIALIZERS:
        return _NAMED_INITIALIZERS[value]()
    if value is None or callable(value):
        return value
    raise TypeError(
        f"the initializer of {variable} in batch normalization {layer!r} is {value!r}; expected an initializer, such "
        "as tf.compat.v1.constant_initializer(value), 'zeros', 'ones' or None"
    )
