"""From validated options to variables and one application: what all functions and the class share."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.application import apply_layer
from steadynorm.tensorflow.inputs import arrange
from steadynorm.tensorflow.registry import LayerRecord
from steadynorm.tensorflow.training import Options
from steadynorm.tensorflow.variables import Recipe, Variables, create_parameters, create_statistics, with_shadows
from steadynorm.tensorflow.view import View


def build(
    x: Any,
    options: Options,
    recipe: Recipe,
    mode: Any,
    updates_collections: Any,
    domain: str | None,
) -> LayerRecord:
    """Make or reuse the variables in the current variable scope and apply the layer to the input.

    Args:
        x: the input.
        options: the layer.
        recipe: how variables are made.
        mode: True, False or a boolean tensor.
        updates_collections: where the updates go; None makes them part of the output.
        domain: name of the set of statistics; None for the only one.

    Returns:
        The record of this application.

    Raises:
        ValueError: the options do not fit the input.
    """
    variables = make_variables(x, options, recipe, domain)
    if options.config.debias != "none" and mode is not False:
        variables = with_shadows(variables, domain)
    return apply_variables(x, options, variables, mode, updates_collections, domain, not recipe.beta_first)


def make_variables(x: Any, options: Options, recipe: Recipe, domain: str | None) -> Variables:
    """Make or reuse the variables in the current variable scope.

    Args:
        x: the input, or a tf.TensorSpec of it; so are the others those of `build`.

    Raises:
        ValueError: the options do not fit the input.
    """
    name = tf.compat.v1.get_variable_scope().name
    shape = _variable_shape(arrange(x, options.config, name))
    _check_domain(domain, name)
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    parameters = create_parameters(options.config, shape, dtype, recipe)
    return create_statistics(options.config, shape, dtype, recipe, domain, parameters)


def apply_variables(
    x: Any,
    options: Options,
    variables: Variables,
    mode: Any,
    updates_collections: Any,
    domain: str | None,
    as_operations: bool,
) -> LayerRecord:
    """Apply the layer of the current variable scope to the input; arguments as of `build` and `apply_layer`."""
    name = tf.compat.v1.get_variable_scope().name
    view = arrange(x, options.config, name)
    return apply_layer(name, x, view, variables, options, mode, updates_collections, domain, as_operations)


def _variable_shape(view: View) -> tuple[int, ...]:
    """Return the shape that the original gave its variables, and so old checkpoints have.

    One channel axis gives (C,); several keep an axis of one for each that is reduced, and so does the original's
    axis for the virtual batches.
    """
    if len(view.kept) == 1 and view.group_size is None:
        return (view.channels,)
    first, *others = view.per_channel
    return (first, *others) if view.group_size is None else (first, 1, *others)


def _check_domain(domain: Any, layer: str) -> None:
    if domain is not None and not (isinstance(domain, str) and domain and "/" not in domain):
        raise ValueError(
            f"statistics of batch normalization {layer!r} is {domain!r}; expected a name without '/', such as 'real', "
            "or None for the one set of statistics"
        )
