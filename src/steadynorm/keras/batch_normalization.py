"""Keras' batch normalization with the options that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import keras
from keras import ops

from steadynorm.keras.averages import correction, debiased_share, move, usable
from steadynorm.keras.batch_moments import BatchMoments, batch_moments
from steadynorm.keras.weighting import joint_weights
from steadynorm.keras.weights_of_other_options import completed
from steadynorm.norm.config import NormConfig
from steadynorm.norm.renorm import Renorm

_INSTEAD = {
    "jax": "spread the batch by keras.distribution.DataParallel, which normalizes it as one",
    "torch": "build the model of torch modules with steadynorm.torch.SyncBatchNorm",
}
"""What normalizes all devices as one where Keras cannot, by backend."""


@keras.saving.register_keras_serializable(package="steadynorm")
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """keras.layers.BatchNormalization with more options, on TensorFlow, JAX and PyTorch.

    Drop-in: arguments, weights and their order, modes and what `trainable=False` means are Keras'. With a mask every
    position of the input's shape without the channel axis counts or not, wherever that axis is.

    Args:
        axis: the channel axis; all others are reduced.
        momentum: fraction of the old value that an update of the moving averages keeps.
        epsilon: added to the variance.
        center: whether there is a beta.
        scale: whether there is a gamma.
        renorm: whether the batch is corrected towards averages (Ioffe, 2017), as Keras does since 3.14.
        renorm_clipping: any of rmin, rmax and dmax.
        renorm_momentum: fraction kept of the averages that renorm measures against.
        virtual_batch_size: samples that are normalized together, neighbours in the batch, which must be a multiple
            (Hoffer et al., 2017); None for all. The moving variance is that of the whole batch.
        debias: whether the moving averages start from the first batch instead of from their initial value (Kingma &
            Ba, 2015). One more weight, a scalar, is the last.
        skip_nonfinite: whether a batch whose moments are not finite moves no average. Its output is what it is.
        synchronized: whether the replicas of a tf.distribute strategy are normalized as one batch, each by how much its
            part counts. TensorFlow only, as in Keras: on JAX, what is compiled normalizes a batch that is spread over
            devices as one in any case. Without it every replica has averages of its own, and files the first one's.
        options: beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint and the arguments of keras.Layer.

    Files and weights: without renorm and debias they are those of keras.layers.BatchNormalization, both ways, with
    renorm those of its renorm. A file from a layer without renorm, debias or both can be loaded as well: renorm then
    measures against the moving averages, and debias takes them as settled. Weights beyond what the layer has are left.

    Raises:
        ValueError: an option is invalid or does not go with another.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        *,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        virtual_batch_size: int | None = None,
        debias: bool = False,
        skip_nonfinite: bool = False,
        synchronized: bool = False,
        **options: Any,
    ) -> None:
        if renorm_clipping is not None and not renorm:
            raise ValueError(
                "renorm_clipping without renorm=True would do nothing; expected both: set renorm or drop it"
            )
        backend = keras.backend.backend()
        if synchronized and backend != "tensorflow":
            raise ValueError(
                f"synchronized=True on the {backend} backend; expected TensorFlow, the only one where Keras joins "
                f"replicas: leave it out and {_INSTEAD.get(backend, 'normalize by each device')}"
            )
        self._renorm = Renorm.from_clipping(renorm_clipping, renorm_momentum) if renorm else None
        # Rounded to float16, small weights would be zero; inputs become float32 here in any case.
        options.setdefault("autocast", False)
        super().__init__(axis, momentum, epsilon, center, scale, synchronized=synchronized, **options)
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        self.renorm_clipping = dict(renorm_clipping or {}) if renorm else None
        self.virtual_batch_size, self.debias, self.skip_nonfinite = virtual_batch_size, debias, skip_nonfinite
        self.settled = None
        _ = self.norm_config  # refuses what does not go together

    @property
    def norm_config(self) -> NormConfig:
        """The layer in the terms of `steadynorm.norm`."""
        basic = NormConfig.from_keras(
            axis=self.axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=self.center,
            scale=self.scale,
            trainable=bool(self.trainable),
            synchronized=self.synchronized,
            masked=True,
        )
        return replace(
            basic,
            renorm=self._renorm,
            virtual_batch_size=self.virtual_batch_size,
            virtual_batch_variance="pooled",
            debias="full" if self.debias else "none",
        )

    def build(self, input_shape: Any) -> None:
        """Make the weights.

        Args:
            input_shape: of the inputs; only the number of channels must be known.
        """
        super().build(input_shape)
        if self.renorm and not hasattr(self, "renorm_mean"):  # Keras before 3.14 makes none
            self.moving_stddev = self._average("moving_stddev", self._first_stddev)
            self.renorm_mean = self._average("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = self._average("renorm_stddev", self._first_stddev)
        if self.debias:
            self.settled = self._average("settled", "zeros", ())

    def _average(self, name: str, initializer: Any, shape: tuple[int, ...] | None = None) -> Any:
        shape = tuple(self.moving_mean.shape) if shape is None else shape
        return self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False, autocast=False)

    def _first_stddev(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def call(self, inputs: Any, training: Any = None, mask: Any = None, sample_weight: Any = None) -> Any:
        """Normalize by the batch in training, by the moving statistics in inference.

        Args:
            inputs: of any rank.
            training: whether to normalize by the batch and move the averages; not where `trainable` is False.
            mask: what counts in the moments of a training batch: per position, the shape of the input without the
                channel axis, or per sample (N,). Keras passes it on from Masking and Embedding.
            sample_weight: how much it counts, not negative; the same shapes. With a mask both apply. Every value is
                normalized, whatever its weight; a batch without any weight by the moving statistics.

        Returns:
            The output, of the shape of the input and the layer's compute type.

        Raises:
            ValueError: a shape does not fit the layer or its options.
        """
        if not training or not self.trainable:
            return super().call(inputs, training=training)
        if mask is None and sample_weight is None and self._is_plain():
            return super().call(inputs, training=True)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        axis = self.axis % len(x.shape)
        weights = joint_weights(x, axis, mask, sample_weight)
        by_batch = self._by_torch if keras.backend.backend() == "torch" else self._by_batch
        y = by_batch(x, axis, weights)
        return ops.cast(y, self.compute_dtype)

    def _is_plain(self) -> bool:
        if self.renorm or self.debias or self.skip_nonfinite or self.virtual_batch_size is not None:
            return False
        # Of replicas and on PyTorch, Keras takes E[x²] − E[x]², which loses the variance of values far from zero.
        return not self.synchronized and bool(keras.backend.backend() != "torch")

    def _by_batch(self, x: Any, axis: int, weights: Any) -> Any:
        size = self.virtual_batch_size
        if size is not None:
            shape = ops.shape(x)
            grouped, at = _grouped(x, size), axis + 1
            weights = None if weights is None else _grouped(weights, size, shape[0])
        else:
            grouped, at = x, axis
        kept = (at,) if size is None else (0, at)
        axes = tuple(each for each in range(len(grouped.shape)) if each not in kept)
        moments = batch_moments(
            grouped, axes, weights, grouped=size is not None, synchronized=self.synchronized and size is None
        )
        whole = moments.whole()
        mean, variance, _ = self._used(moments)
        scale, offset = self._affine(x, whole)
        self._move(whole)
        if size is None:
            return ops.batch_normalization(x, mean[0], variance[0], axis, offset, scale, self.epsilon)
        slope = ops.rsqrt(variance + self.epsilon)
        slope = slope if scale is None else slope * scale
        y = (grouped - ops.expand_dims(mean, axes)) * ops.expand_dims(slope, axes)
        y = ops.reshape(y, shape)
        if offset is None:
            return y
        return y + ops.reshape(offset, [-1 if each == axis else 1 for each in range(len(x.shape))])

    def _by_torch(self, x: Any, axis: int, weights: Any) -> Any:
        groups, size = 1, self.virtual_batch_size
        if size is not None:
            _check_divides(size, x.shape[0])
            groups = x.shape[0] // size
        batch = import_module("steadynorm.torch.keras_normalization").Batch(x, axis, groups, weights)
        moments = BatchMoments(*batch.moments())
        whole, used = moments.whole(), self._used(moments)
        scale, offset = self._affine(x, whole)
        self._move(whole)
        return batch.normalized(used, scale, offset, self.epsilon)

    def _used(self, moments: BatchMoments) -> BatchMoments:
        """The moments that groups are normalized by: the moving ones where a group is without any weight."""
        if moments.weight is None:
            return moments
        seen = moments.weight > 0
        mean = ops.where(seen, moments.mean, ops.cast(self.moving_mean, moments.mean.dtype))
        variance = ops.where(seen, moments.variance, ops.cast(self.moving_variance, moments.mean.dtype))
        return BatchMoments(mean, variance, moments.weight)

    def _affine(self, x: Any, whole: BatchMoments) -> tuple[Any, Any]:
        gamma = None if self.gamma is None else ops.cast(self.gamma, x.dtype)
        beta = None if self.beta is None else ops.cast(self.beta, x.dtype)
        if self._renorm is None:
            return gamma, beta
        mean, stddev = (ops.cast(each, x.dtype) for each in (self.renorm_mean, self.renorm_stddev))
        r, d = correction(self._renorm, whole, mean, stddev, self.epsilon)
        scale, offset = (r, d) if gamma is None else (r * gamma, d * gamma)
        return scale, offset if beta is None else offset + beta

    def _move(self, whole: BatchMoments) -> None:
        where = usable(whole, skip_nonfinite=self.skip_nonfinite)
        mean, variance = ops.stop_gradient(whole.mean[0]), ops.stop_gradient(whole.variance[0])
        share: Any = 1 - self.momentum
        if self.debias:
            share = debiased_share(self.settled, self.momentum, where, mean.dtype)
        move(self.moving_mean, mean, share, where)
        if self._renorm is None:
            move(self.moving_variance, variance, share, where)
            return
        stddev = ops.sqrt(variance + self.epsilon)
        move(self.moving_stddev, stddev, share, where)
        # The order of Keras and TensorFlow: the variance for inference follows from the averaged deviation.
        derived = ops.maximum(ops.square(ops.cast(self.moving_stddev, mean.dtype)) - self.epsilon, 0.0)
        self.moving_variance.assign(
            derived if where is None else ops.where(where, derived, ops.cast(self.moving_variance, mean.dtype))
        )
        move(self.renorm_mean, mean, 1 - self._renorm.decay, where)
        move(self.renorm_stddev, stddev, 1 - self._renorm.decay, where)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras' serialization takes them."""
        config: dict[str, Any] = super().get_config()
        for name in ("renorm", "renorm_clipping", "renorm_momentum"):
            config.pop(name, None)
        if self.renorm_clipping is not None:
            config |= {"renorm": True, "renorm_clipping": dict(self.renorm_clipping) or None}
            config["renorm_momentum"] = self.renorm_momentum
        own = ("virtual_batch_size", "debias", "skip_nonfinite")
        return {**config, **{name: getattr(self, name) for name in own}}

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the layer's weights from a file, also from one of other options; see the class.

        Args:
            store: arrays by their number.
        """
        super().load_own_variables(completed(self, store))


def _grouped(values: Any, size: int, samples: Any = None) -> Any:
    """Return the samples in groups of `size`: (groups, size, ...).

    Raises:
        ValueError: the batch is known to be no multiple of it.
    """
    shape = ops.shape(values)
    if samples is not None and values.shape[0] == 1:
        values = ops.broadcast_to(values, (samples, *shape[1:]))
    else:
        _check_divides(size, values.shape[0])
    return ops.reshape(values, (-1, size, *shape[1:]))


def _check_divides(size: int, samples: int | None) -> None:
    if samples is not None and samples % size:
        raise ValueError(
            f"virtual_batch_size {size} does not divide the batch of {samples}; expected a multiple: change one, or "
            "drop the last, smaller batch (batch(..., drop_remainder=True) of tf.data)"
        )
