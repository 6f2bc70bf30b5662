"""tf.layers.batch_normalization and the class behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.tensorflow.building import apply_variables, make_variables
from steadynorm.tensorflow.inputs import check_graph, check_rank, to_input
from steadynorm.tensorflow.layer_base import Layer
from steadynorm.tensorflow.mode import resolve_mode
from steadynorm.tensorflow.options import configured, initializer
from steadynorm.tensorflow.training import Options
from steadynorm.tensorflow.variables import Recipe, Variables

_UPDATE_OPS = tf.compat.v1.GraphKeys.UPDATE_OPS
_DEFAULT_NAME = "batch_normalization"
_OF_KERAS = ("input_shape", "batch_input_shape", "batch_size", "autocast", "experimental_autocast")
_SAME: Any = object()


class BatchNormalization(Layer):
    """The layer of tf.layers.batch_normalization: the same arguments, variables and updates.

    Normalizes by the moments of the batch in training (Ioffe & Szegedy, 2015) and by moving averages of them in
    inference. The updates of the averages go to the collection UPDATE_OPS. Called again, it shares its variables.

    Args:
        axis: the channel axis, or several; all others are reduced.
        momentum: fraction of the old value that an update of the moving averages keeps; a number or a tensor.
        epsilon: added to the variance.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer: of beta; None is zeros. Names "zeros" and "ones" are understood.
        gamma_initializer: of gamma; None is ones.
        moving_mean_initializer: of moving_mean; None is zeros.
        moving_variance_initializer: of moving_variance; None is ones.
        beta_regularizer: takes beta and returns a loss, which goes to the collection REGULARIZATION_LOSSES.
        gamma_regularizer: the same for gamma.
        beta_constraint: takes beta after an optimizer's step and returns what it becomes.
        gamma_constraint: the same for gamma.
        renorm: whether the batch is corrected towards averages (Ioffe, 2017).
        renorm_clipping: any of rmin, rmax and dmax, numbers or scalar tensors.
        renorm_momentum: fraction kept of the averages that renorm measures against.
        fused: False stores the variance as the original did without its fused kernel; nothing else changes. True is
            as None: with renorm or virtual_batch_size, the original went without its kernel and said nothing. True
            with an adjustment is refused.
        trainable: False keeps gamma and beta from optimizers and, as in the original, stops the averages.
        virtual_batch_size: samples that are normalized together; sample n of N is in virtual batch n mod (N / size).
        adjustment: takes the shape of the input and returns (scale, bias) of the normalized values, in training only.
        name: variable scope; made unique where the layer is first called. None is "batch_normalization".
        bessel_correction: whether n / (n − 1) times the batch variance is averaged; None as the original's code path.
        statistics: which set of statistics calls use, by name, for inputs of several distributions that share gamma and
            beta; None for the one set. A call can name another.
        dtype: type of the inputs; None takes that of the first one. The variables are float64 for float64 and float32
            for all others; inputs are not cast.
        activity_regularizer: takes the output of a call and returns a loss, which is divided by the number of samples
            and goes to the collection REGULARIZATION_LOSSES.
        kwargs: input_shape, batch_input_shape, batch_size and autocast, which are for models of Keras, are accepted
            and mean nothing here.

    Raises:
        TypeError: an initializer, a type or a further argument is none that is known.

    Source: tf.layers.BatchNormalization of TensorFlow 1.15 and 2.12.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: Any = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = None,
        gamma_initializer: Any = None,
        moving_mean_initializer: Any = None,
        moving_variance_initializer: Any = None,
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, Any] | None = None,
        renorm_momentum: Any = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Callable[[Any], tuple[Any, Any]] | None = None,
        name: str | None = None,
        *,
        bessel_correction: bool | None = None,
        statistics: str | None = None,
        dtype: Any = None,
        activity_regularizer: Callable[[Any], Any] | None = None,
        _scope: Any = None,
        _reuse: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, _DEFAULT_NAME, trainable, dtype, activity_regularizer)
        unknown = sorted(set(kwargs) - set(_OF_KERAS))
        if unknown:
            raise TypeError(
                f"batch normalization {self._name!r} got the unknown {', '.join(map(repr, unknown))}; expected the "
                "arguments of tf.layers.BatchNormalization: rename or drop it"
            )
        self._arguments: dict[str, Any] = {
            "axis": axis,
            "epsilon": epsilon,
            "center": center,
            "scale": scale,
            "renorm": renorm,
            "renorm_clipping": renorm_clipping,
            "fused": fused,
            "virtual_batch_size": virtual_batch_size,
            "adjustment": adjustment,
            "bessel_correction": bessel_correction,
            "decay": ("momentum", momentum),
            "renorm_decay": ("renorm_momentum", renorm_momentum),
        }
        given = {
            "gamma": gamma_initializer,
            "beta": beta_initializer,
            "moving_mean": moving_mean_initializer,
            "moving_variance": moving_variance_initializer,
        }
        self._recipe = Recipe(
            initializers={key: initializer(value, key, self._name) for key, value in given.items()},
            regularizers={"gamma": gamma_regularizer, "beta": beta_regularizer},
            constraints={"gamma": gamma_constraint, "beta": beta_constraint},
        )
        self._domain = statistics
        self._wanted_scope, self._reuse = _scope, _reuse

    def __call__(self, inputs: Any, training: Any = False, *, statistics: str | None = _SAME) -> Any:
        """Normalize a tensor.

        Args:
            inputs: float tensor of any known rank; only the sizes of the channel axes must be known.
            training: True, False, or a boolean scalar tensor, placeholder or variable.
            statistics: which set of statistics to use, by name; the layer's own if left out.

        Returns:
            A tensor of the shape and type of `inputs`.

        Raises:
            ValueError: the input's shape does not fit the options, options do not go together, or the layer belongs to
                another graph.
            TypeError: the input is no float tensor or does not go with `dtype`, or `training` or `bessel_correction`
                is no bool.
            RuntimeError: TensorFlow executes eagerly.
        """
        x = to_input(inputs, self._name)
        self._check_graph()
        self._check_dtype(x)
        domain = self._domain if statistics is _SAME else statistics
        with self._enter() as scope:
            mode = resolve_mode(training, "training", scope.name)
            options = self._options(x, scope.name)
            variables = self._keep_variables(lambda: make_variables(x, options, self._current_recipe, domain))
            record = apply_variables(x, options, variables, mode, _UPDATE_OPS, domain, as_operations=True)
            self._keep_call(x, record)
        self._dtype = self._dtype or x.dtype.name
        return record.output

    apply = __call__

    def build(self, input_shape: Any) -> None:
        """Make the variables before the first call, which otherwise does; a second time it does nothing.

        Without a `dtype` the layer is then one for float32.

        Args:
            input_shape: of the inputs, as a tf.TensorShape takes it; only the sizes of the channel axes must be known.

        Raises:
            ValueError: the shape does not fit the options, or options do not go together.
            RuntimeError: TensorFlow executes eagerly.
        """
        if self.built:
            return
        check_graph(self._name)
        x = tf.TensorSpec(input_shape, self._dtype or tf.float32, "given to build")
        check_rank(x, self._name)
        with self._enter() as scope:
            options = self._options(x, scope.name)
            self._keep_variables(lambda: make_variables(x, options, self._current_recipe, self._domain))
        self._dtype = x.dtype.name

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, which is that of the input, as it was given."""
        return input_shape

    @property
    def gamma(self) -> Any:
        """The scale; None without."""
        return self._first.gamma

    @property
    def beta(self) -> Any:
        """The offset; None without."""
        return self._first.beta

    @property
    def moving_mean(self) -> Any:
        """The averaged mean of the first call's statistics."""
        return self._first.moving_mean

    @property
    def moving_variance(self) -> Any:
        """The averaged variance of the first call's statistics."""
        return self._first.moving_variance

    @property
    def _first(self) -> Variables:
        if self._variables is None:
            raise ValueError(self._unbuilt("no variables"))
        return self._variables

    @property
    def _current_recipe(self) -> Recipe:
        return replace(self._recipe, trainable=self.trainable)

    def _options(self, x: Any, scope: str) -> Options:
        return configured(NormConfig.from_tf_layers, scope, x, trainable=self.trainable, **self._arguments)

    @contextmanager
    def _enter(self) -> Iterator[Any]:
        """Enter the variable scope, which the first time settles, and its operations' name scope."""
        with self._variable_scope() as scope:
            self._scope = self._scope or scope
            with tf.name_scope(self._scope.original_name_scope):
                yield scope

    def _variable_scope(self) -> Any:
        if self._scope is not None:
            return tf.compat.v1.variable_scope(self._scope, reuse=self.built or self._reuse, auxiliary_name_scope=False)
        if self._wanted_scope is None and not self._reuse:
            return tf.compat.v1.variable_scope(None, self._name)
        return tf.compat.v1.variable_scope(self._wanted_scope or self._name, reuse=self._reuse)


def batch_normalization(
    inputs: Any,
    axis: int | Sequence[int] = -1,
    momentum: Any = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = None,
    gamma_initializer: Any = None,
    moving_mean_initializer: Any = None,
    moving_variance_initializer: Any = None,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: Mapping[str, Any] | None = None,
    renorm_momentum: Any = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Callable[[Any], tuple[Any, Any]] | None = None,
    *,
    bessel_correction: bool | None = None,
    statistics: str | None = None,
) -> Any:
    """Normalize a tensor by a new layer, or by an existing one with `reuse`: tf.layers.batch_normalization.

    Args:
        inputs: float tensor of any known rank; only the sizes of the channel axes must be known.
        training: True, False (the default, as in the original), or a boolean scalar tensor, placeholder or variable.
        name: variable scope; None is "batch_normalization", made unique.
        reuse: whether to take the variables of the scope `name` that exist.

    The other arguments are those of `BatchNormalization`. The train step must run the updates, which are in the
    collection UPDATE_OPS.

    Returns:
        A tensor of the shape and type of `inputs`.

    Raises:
        ValueError: the input's shape does not fit the options, or options do not go together.
        TypeError: the input is no float tensor, or `training` or `bessel_correction` is no bool.
        RuntimeError: TensorFlow executes eagerly.
    """
    layer = BatchNormalization(
        axis,
        momentum,
        epsilon,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        moving_mean_initializer,
        moving_variance_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        renorm,
        renorm_clipping,
        renorm_momentum,
        fused,
        trainable,
        virtual_batch_size,
        adjustment,
        name,
        bessel_correction=bessel_correction,
        statistics=statistics,
        _scope=name,
        _reuse=reuse,
    )
    return layer(inputs, training)
