"""tf.contrib.layers.batch_norm, which slim calls slim.batch_norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.norm.fused import slim_path
from steadynorm.tensorflow.arg_scope import ArgScoped
from steadynorm.tensorflow.building import build
from steadynorm.tensorflow.inputs import check_weights, to_input
from steadynorm.tensorflow.mode import resolve_mode
from steadynorm.tensorflow.options import configured, initializer
from steadynorm.tensorflow.variables import Recipe

_UPDATE_OPS = tf.compat.v1.GraphKeys.UPDATE_OPS
_PARAMETERS = ("beta", "gamma")
_VARIABLES = ("beta", "gamma", "moving_mean", "moving_variance")


@ArgScoped
def batch_norm(
    inputs: Any,
    decay: Any = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Callable[[Any], Any] | None = None,
    param_initializers: Mapping[str, Any] | None = None,
    param_regularizers: Mapping[str, Any] | None = None,
    updates_collections: Any = _UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Mapping[str, Any] | None = None,
    renorm_decay: Any = 0.99,
    adjustment: Callable[[Any], tuple[Any, Any]] | None = None,
    *,
    bessel_correction: bool | None = None,
    statistics: str | None = None,
) -> Any:
    """Normalize a tensor: tf.contrib.layers.batch_norm with all its arguments, also as a `normalizer_fn`.

    Args:
        inputs: float tensor of two or more axes; only the number of channels must be known.
        decay: fraction of the old value that an update of the moving averages keeps; a number or a tensor.
        center: whether there is a beta.
        scale: whether there is a gamma.
        epsilon: added to the variance.
        activation_fn: applied to the output; None for none.
        param_initializers: initializers by name: beta, gamma, moving_mean, moving_variance.
        param_regularizers: regularizers by name: beta, gamma.
        updates_collections: name or names of collections for the updates, which the train step must run; None makes
            the updates part of the output, in training only.
        is_training: True (the default, as in the original), False, or a boolean scalar tensor, placeholder or variable.
        reuse: whether to take the variables of `scope` that exist.
        variables_collections: further collections of the variables: names for all, or a mapping from variable to names.
        outputs_collections: name or names of collections for the output, which has the scope among its `aliases`.
        trainable: False keeps gamma and beta from optimizers; it stops the averages, too, where the original handed
            over to tf.layers.
        batch_weights: how often each sample counts in the moments, shape (N,). If they sum to zero or less, there is
            no sample: the batch is normalized by the averages, which stay. Negative ones are not looked for: they go
            into the sums as they are, as in the original, which may make the variance negative and the output NaN.
        fused: False stores the variance as the original did without its fused kernel; nothing else changes. True is
            as None: with renorm or batch_weights, the original went without its kernel and said nothing. True with
            an adjustment is refused.
        data_format: NHWC has the channels on the last axis, NCHW on the second.
        zero_debias_moving_mean: whether moving_mean is divided by 1 − decayᵗ, so that it starts from the first batch.
        scope: variable scope; None is "BatchNorm", made unique.
        renorm: whether the batch is corrected towards averages (Ioffe, 2017).
        renorm_clipping: any of rmin, rmax and dmax, numbers or scalar tensors.
        renorm_decay: fraction kept of the averages that renorm measures against.
        adjustment: takes the shape of the input and returns (scale, bias) of the normalized values, in training only.
        bessel_correction: whether n / (n − 1) times the batch variance is averaged; None as the original's code path.
        statistics: which set of statistics to use, by name, for inputs of several distributions that share gamma and
            beta; None for the one set.

    Returns:
        A tensor of the shape and type of `inputs`, after the activation.

    Raises:
        ValueError: the input's shape does not fit the options, or options do not go together.
        TypeError: the input is no float tensor, or `is_training` or `bessel_correction` no bool.
        RuntimeError: TensorFlow executes eagerly.
    """
    layer = getattr(scope, "name", scope) or "BatchNorm"
    x = to_input(inputs, layer)
    with tf.compat.v1.variable_scope(scope, "BatchNorm", [x], reuse=reuse) as entered:
        layer = entered.name
        mode = resolve_mode(is_training, "is_training", layer)
        weights = None if batch_weights is None else check_weights(batch_weights, x, layer)
        options = configured(
            NormConfig.from_slim,
            layer,
            x,
            decay=("decay", decay),
            renorm_decay=("renorm_decay", renorm_decay),
            renorm_clipping=renorm_clipping,
            adjustment=adjustment,
            fused=fused,
            bessel_correction=bessel_correction,
            weights=weights,
            center=center,
            scale=scale,
            epsilon=epsilon,
            updates_collections=updates_collections,
            trainable=trainable,
            batch_weights=batch_weights is not None,
            data_format=data_format,
            zero_debias_moving_mean=zero_debias_moving_mean,
            renorm=renorm,
        )
        path = slim_path(
            rank=x.shape.rank,
            fused=fused,
            batch_weights=batch_weights is not None,
            renorm=renorm,
            adjustment=adjustment is not None,
            zero_debias=zero_debias_moving_mean,
            default_collection=updates_collections == _UPDATE_OPS,
        )
        recipe = Recipe(
            initializers=_by_name("param_initializers", param_initializers, _VARIABLES, layer),
            regularizers=_by_name("param_regularizers", param_regularizers, _PARAMETERS, layer),
            collections=lambda name: [*_named(variables_collections, name), tf.compat.v1.GraphKeys.MODEL_VARIABLES],
            trainable=trainable,
            beta_first=path != "layers",
        )
        output = build(x, options, recipe, mode, updates_collections, statistics).output
        output = output if activation_fn is None else activation_fn(output)
        if outputs_collections:
            # slim finds the end points of its networks by these names.
            output.aliases = [*getattr(output, "aliases", ()), layer]
            tf.compat.v1.add_to_collections(outputs_collections, output)
        return output


def _named(collections: Any, name: str) -> list[str]:
    """Return the collections of a variable from names for all variables or from a mapping."""
    found = collections.get(name) if isinstance(collections, Mapping) else collections
    return [found] if isinstance(found, str) else list(found or [])


def _by_name(argument: str, given: Mapping[str, Any] | None, known: tuple[str, ...], layer: str) -> dict[str, Any]:
    unknown = sorted(set(given or {}) - set(known))
    if unknown:
        raise ValueError(
            f"{argument} of batch normalization {layer!r} has the unknown {', '.join(map(repr, unknown))}; expected "
            f"only {', '.join(known)}: rename or drop the others"
        )
    if argument == "param_regularizers":
        return dict(given or {})
    return {name: initializer(value, name, layer) for name, value in (given or {}).items()}
