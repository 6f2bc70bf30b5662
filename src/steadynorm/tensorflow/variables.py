"""The variables of one batch-normalization layer: names, order, collections and types of the original."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.report.words import folded
from steadynorm.tensorflow.layer_variables import variables_by_name

GraphKeys = tf.compat.v1.GraphKeys
_SHOWN = 4


@dataclass(frozen=True)
class Recipe:
    """How the variables of a layer are made.

    Attributes:
        initializers: by variable name; zeros and ones where there is none.
        regularizers: of gamma and beta.
        constraints: of gamma and beta.
        collections: further collections of each variable by name.
        trainable: whether gamma and beta are.
        beta_first: whether beta is made before gamma, as slim's own implementations do.
    """

    initializers: Mapping[str, Any] = field(default_factory=dict)
    regularizers: Mapping[str, Any] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    collections: Callable[[str], list[str]] = lambda _: []
    trainable: bool = True
    beta_first: bool = False


@dataclass(frozen=True, eq=False)
class Variables:
    """The variables of one layer and one set of statistics; what the layer does not use is None."""

    moving_mean: Any
    moving_variance: Any
    gamma: Any = None
    beta: Any = None
    moving_stddev: Any = None
    renorm_mean: Any = None
    renorm_stddev: Any = None
    biased: Any = None
    local_step: Any = None

    @property
    def extras(self) -> dict[str, Any]:
        """The statistics beside moving_mean and moving_variance, by name."""
        names = ("moving_stddev", "renorm_mean", "renorm_stddev", "biased", "local_step")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def statistics(self) -> tuple[Any, ...]:
        """All variables but gamma and beta."""
        return (self.moving_mean, self.moving_variance, *self.extras.values())


def create_parameters(config: NormConfig, shape: tuple[int, ...], dtype: tf.DType, recipe: Recipe) -> dict[str, Any]:
    """Return gamma and beta of the current variable scope, as far as the layer has them.

    Args:
        config: the layer.
        shape: of the variables.
        dtype: of the variables.
        recipe: how they are made.
    """
    wanted = [name for name, used in (("gamma", config.scale), ("beta", config.center)) if used]
    defaults = {"gamma": tf.compat.v1.ones_initializer(), "beta": tf.compat.v1.zeros_initializer()}
    layer = tf.compat.v1.get_variable_scope().name
    return {
        name: _get_variable(
            layer,
            name,
            shape,
            dtype,
            recipe.initializers.get(name) or defaults[name],
            regularizer=recipe.regularizers.get(name),
            constraint=recipe.constraints.get(name),
            trainable=recipe.trainable,
            collections=[*recipe.collections(name), GraphKeys.GLOBAL_VARIABLES],
        )
        for name in (reversed(wanted) if recipe.beta_first else wanted)
    }


def create_statistics(
    config: NormConfig,
    shape: tuple[int, ...],
    dtype: tf.DType,
    recipe: Recipe,
    domain: str | None,
    parameters: Mapping[str, Any],
) -> Variables:
    """Return the statistics of the current variable scope, those of renorm initialized from the moving ones.

    They are in one piece even under a partitioner, as in the original, and under no regularizer of the scope, which
    would only add a constant to the loss.

    Args:
        config: the layer.
        shape: of the variables.
        dtype: of the variables.
        recipe: how they are made.
        domain: the scope within the layer's for one of several sets of statistics, made when it is first used; None
            for the only set.
        parameters: gamma and beta, from `create_parameters`.

    Returns:
        All variables of the layer for these statistics.
    """
    mean = recipe.initializers.get("moving_mean") or tf.compat.v1.zeros_initializer()
    variance = recipe.initializers.get("moving_variance") or tf.compat.v1.ones_initializer()
    stddev = _root_of(variance)
    wanted = {"moving_mean": mean, "moving_variance": variance}
    if config.renorm is not None:
        wanted |= {"moving_stddev": stddev, "renorm_mean": mean, "renorm_stddev": stddev}
    layer = tf.compat.v1.get_variable_scope().name
    with _statistics_scope(domain) as scope:
        scope.set_partitioner(None)
        made = {
            name: _get_variable(
                layer,
                name,
                shape,
                dtype,
                initializer,
                regularizer=tf.compat.v1.no_regularizer,
                trainable=False,
                collections=[*recipe.collections(name), GraphKeys.GLOBAL_VARIABLES],
            )
            for name, initializer in wanted.items()
        }
    return Variables(**made, **parameters)


def with_shadows(variables: Variables, domain: str | None) -> Variables:
    """Add what zero_debias_moving_mean needs: the biased mean and the number of updates.

    TensorFlow names them by the scope they are made in and the name of what they debias, so that the scope is in
    it twice, and numbers further ones unless the scope is reused.

    Args:
        variables: the statistics.
        domain: their name if there are several sets, which are made when they are first used.
    """
    moving_mean = variables.moving_mean
    layer = tf.compat.v1.get_variable_scope().name
    reuse = None if domain is None else tf.compat.v1.AUTO_REUSE
    with tf.compat.v1.variable_scope(moving_mean.op.name, reuse=reuse, auxiliary_name_scope=False) as scope:
        scope.set_partitioner(None)
        zeros = tf.compat.v1.zeros_initializer()
        shapes = {"biased": moving_mean.shape, "local_step": []}
        made = {
            name: _get_variable(
                layer,
                _unused(scope, name),
                shape,
                moving_mean.dtype.base_dtype,
                zeros,
                regularizer=tf.compat.v1.no_regularizer,
                trainable=False,
            )
            for name, shape in shapes.items()
        }
    return replace(variables, **made)


def _get_variable(layer: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Call get_variable for a layer; where a variable to reuse does not exist, say which ones could be meant."""
    scope = tf.compat.v1.get_variable_scope()
    try:
        return tf.compat.v1.get_variable(name, *arguments, **options)
    except AttributeError as error:  # of get_variable itself
        raise RuntimeError(
            f"batch normalization {layer!r} was called in a tf.function of eager mode, which cannot make variables by "
            "name; expected a graph, as in TensorFlow 1: build the model within tf.Graph().as_default()"
        ) from error
    except ValueError as error:
        whole = f"{scope.name}/{name}" if scope.name else name
        known = list(variables_by_name())
        if not scope.reuse or any(each == whole or each.startswith(f"{whole}/part_") for each in known):
            raise
        raise ValueError(_absent(layer, whole, known)) from error


def _absent(layer: str, variable: str, known: list[str]) -> str:
    problem = (
        f"batch normalization {layer!r} is to reuse its variables (reuse=True), but the variable {variable!r} does not "
        "exist"
    )
    beside = [each for each in known if each.startswith(f"{layer}/")]
    if beside:
        return (
            f"{problem}; the scope {layer!r} has {folded(beside, _SHOWN)}: build both layers with the same options, "
            "such as center, scale and renorm"
        )
    alike = get_close_matches(variable, known, n=_SHOWN, cutoff=0.5)
    there = f"similar ones are {folded(alike, _SHOWN)}" if alike else "the graph has none with a similar name"
    return (
        f"{problem}; {there}: build the layer that makes them first, name its scope, or pass "
        "reuse=tf.compat.v1.AUTO_REUSE to make what is missing"
    )


def _statistics_scope(domain: str | None) -> Any:
    if domain is None:
        return tf.compat.v1.variable_scope(tf.compat.v1.get_variable_scope(), auxiliary_name_scope=False)
    return tf.compat.v1.variable_scope(domain, reuse=tf.compat.v1.AUTO_REUSE, auxiliary_name_scope=False)


def _root_of(initializer: Any) -> Any:
    if isinstance(initializer, type):
        initializer = initializer()

    def root(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        del partition_info
        return tf.sqrt(initializer(shape, dtype=dtype))

    return root


def _unused(scope: Any, name: str) -> str:
    if scope.reuse:
        return name
    taken = {variable.op.name for variable in scope.global_variables()}
    names = [name, *(f"{name}_{number}" for number in range(1, len(taken) + 1))]
    return next(each for each in names if f"{scope.name}/{each}" not in taken)
