"""tf.layers.batch_normalization and the class behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from steadynorm.norm.config import NormConfig
from steadynorm.tensorflow.building import build
from steadynorm.tensorflow.inputs import to_input
from steadynorm.tensorflow.mode import resolve_mode
from steadynorm.tensorflow.options import configured, initializer
from steadynorm.tensorflow.registry import LayerRecord
from steadynorm.tensorflow.variables import Recipe

_UPDATE_OPS = tf.compat.v1.GraphKeys.UPDATE_OPS
_DEFAULT_NAME = "batch_normalization"
_SAME: Any = object()


class BatchNormalization:
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
        _scope: Any = None,
        _reuse: Any = None,
    ) -> None:
        self._name = name or _DEFAULT_NAME
        self._arguments: dict[str, Any] = {
            "axis": axis,
            "epsilon": epsilon,
            "center": center,
            "scale": scale,
            "renorm": renorm,
            "renorm_clipping": renorm_clipping,
            "fused": fused,
            "trainable": trainable,
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
            trainable=trainable,
        )
        self._domain = statistics
        self._wanted_scope, self._reuse = _scope, _reuse
        self._scope: Any = None
        self._records: list[LayerRecord] = []

    def __call__(self, inputs: Any, training: Any = False, *, statistics: str | None = _SAME) -> Any:
        """Normalize a tensor.

        Args:
            inputs: float tensor of any known rank; only the sizes of the channel axes must be known.
            training: True, False, or a boolean scalar tensor, placeholder or variable.
            statistics: which set of statistics to use, by name; the layer's own if left out.

        Returns:
            A tensor of the shape and type of `inputs`.

        Raises:
            ValueError: the input's shape does not fit the options, or options do not go together.
            TypeError: the input is no float tensor, or `training` no bool.
            RuntimeError: TensorFlow executes eagerly.
        """
        x = to_input(inputs, self._name)
        scope = self._scope
        with self._enter(scope) as entered:
            self._scope = scope or entered
            mode = resolve_mode(training, "training", entered.name)
            options = configured(NormConfig.from_tf_layers, entered.name, x, **self._arguments)
            domain = self._domain if statistics is _SAME else statistics
            with tf.name_scope(self._scope.original_name_scope):
                record = build(x, options, self._recipe, mode, _UPDATE_OPS, domain)
        self._records.append(record)
        return record.output

    apply = __call__

    @property
    def name(self) -> str:
        """Last part of the variable scope."""
        return self._name if self._scope is None else str(self._scope.name).rsplit("/", 1)[-1]

    @property
    def scope_name(self) -> str:
        """The variable scope.

        Raises:
            ValueError: the layer has not been called.
        """
        return self._first.name

    @property
    def built(self) -> bool:
        """Whether the layer has variables, which its first call makes."""
        return bool(self._records)

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
    def trainable_variables(self) -> list[Any]:
        """Gamma and beta if they are trainable."""
        return list(self._first.parameters) if self._recipe.trainable and self.built else []

    @property
    def non_trainable_variables(self) -> list[Any]:
        """All statistics, and gamma and beta if they are not trainable."""
        if not self.built:
            return []
        frozen = [] if self._recipe.trainable else list(self._first.parameters)
        statistics = [variable for record in self._records for variable in record.statistics]
        return list({id(variable): variable for variable in frozen + statistics}.values())

    @property
    def variables(self) -> list[Any]:
        """All variables, the trainable ones first."""
        return self.trainable_variables + self.non_trainable_variables

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables

    @property
    def updates(self) -> list[Any]:
        """What runs the updates of all calls; also in the collection UPDATE_OPS."""
        return [each for record in self._records for each in record.updates]

    @property
    def _first(self) -> LayerRecord:
        if not self._records:
            raise ValueError(
                f"batch normalization {self._name!r} has no variables yet; expected a call before: apply it to a tensor"
            )
        return self._records[0]

    def _enter(self, scope: Any) -> Any:
        if scope is not None:
            return tf.compat.v1.variable_scope(scope, reuse=self.built or self._reuse, auxiliary_name_scope=False)
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
        TypeError: the input is no float tensor, or `training` no bool.
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
