"""Every option of a batch-normalization layer, validated once, with each framework's names for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from steadynorm.norm.fused import FUSED_MINIMUM_EPSILON, layer_is_fused, slim_path
from steadynorm.norm.renorm import Renorm
from steadynorm.norm.validation import check_config

Axis = int | Sequence[int]


@dataclass(frozen=True)
class NormConfig:
    """One batch-normalization layer, complete.

    Attributes:
        axis: the channel axis, or several; all others are reduced.
        decay: fraction of the old value that an update keeps (PyTorch's momentum = 1 − decay); None averages all
            batches equally (PyTorch's momentum=None).
        epsilon: added to the variance under the root.
        center: whether beta is added.
        scale: whether gamma multiplies.
        renorm: batch renormalization, or None.
        virtual_batch_size: samples per virtual ("ghost") batch, each normalized on its own; None for one batch.
        virtual_batch_layout: which samples share a virtual batch. "contiguous" puts neighbours together;
            "strided" is TensorFlow's quirk: sample n of N goes to batch n mod (N / virtual_batch_size).
        virtual_batch_variance: what of the virtual batches is stored. "within" averages their variances, as
            TensorFlow does, and so leaves out how their means differ; "pooled" is the variance of the whole batch.
        weighted: whether the layer takes sample or position weights for its moments.
        adjusted: whether a scale and a bias are applied to the normalized value, before gamma and beta, in
            training only (TensorFlow's adjustment).
        debias: whether the moving averages are divided by 1 − decayᵗ, as in Kingma & Ba (2015), and so start
            from the first batch instead of from their initial value. "mean" is TensorFlow's
            zero_debias_moving_mean, which leaves the variance's average as it is; "full" does both.
        bessel_correction: whether n / (n − 1) times the batch variance is stored, as PyTorch and TensorFlow's
            fused kernel do; the batch itself is always normalized with the biased variance.
        frozen: training too uses the moving statistics and changes nothing.
        update_statistics: False normalizes with the batch in training and yet never updates: TensorFlow 1's quirk
            for a layer with trainable=False.
        track_statistics: False has no moving statistics at all and uses the batch in inference as well, as
            PyTorch's track_running_stats=False.
        synchronized: the moments are those of the batches of all replicas together; whoever computes with this
            configuration in one place passes that joint batch.
    """

    axis: int | tuple[int, ...] = -1
    decay: float | None = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    renorm: Renorm | None = None
    virtual_batch_size: int | None = None
    virtual_batch_layout: Literal["contiguous", "strided"] = "contiguous"
    virtual_batch_variance: Literal["within", "pooled"] = "within"
    weighted: bool = False
    adjusted: bool = False
    debias: Literal["none", "mean", "full"] = "none"
    bessel_correction: bool = False
    frozen: bool = False
    update_statistics: bool = True
    track_statistics: bool = True
    synchronized: bool = False

    def __post_init__(self) -> None:
        check_config(self)

    @classmethod
    def from_torch(
        cls,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        bias: bool = True,
        track_running_stats: bool = True,
        frozen: bool = False,
        synchronized: bool = False,
    ) -> NormConfig:
        """Describe torch.nn.BatchNorm1d/2d/3d by its own options; SyncBatchNorm with synchronized=True.

        Raises:
            ValueError: an option is invalid.
        """
        return cls(
            axis=1,
            decay=None if momentum is None else 1 - momentum,
            epsilon=eps,
            center=affine and bias,
            scale=affine,
            bessel_correction=True,
            frozen=frozen,
            track_statistics=track_running_stats,
            synchronized=synchronized,
        )

    @classmethod
    def from_keras(
        cls,
        *,
        axis: Axis = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        trainable: bool = True,
        synchronized: bool = False,
        masked: bool = False,
        version: Literal[2, 3] = 3,
        fused: bool | None = None,
        virtual_batch_size: int | None = None,
        adjustment: object = None,
        rank: int | None = None,
        dtype: str = "float32",
    ) -> NormConfig:
        """Describe keras.layers.BatchNormalization by its own options.

        Args:
            version: 3 stores the biased variance; 2 (tf.keras) the corrected one where it uses the fused kernel,
                for which `rank` and `dtype` are needed. Only 2 has fused, virtual_batch_size and adjustment.
            trainable: False freezes the layer, which then uses its moving statistics in training too.
            masked: whether a mask comes with the inputs; Keras 2 ignores it where it uses the fused kernel.
            rank: number of axes of the input.
            dtype: compute type of the layer, by name.
            adjustment: anything but None means that there is one.

        The other arguments are Keras's.

        Raises:
            ValueError: an option is invalid, or does not go with another or with the version.
        """
        special = renorm or synchronized or virtual_batch_size is not None or adjustment is not None
        if version == 3 and (fused or virtual_batch_size is not None or adjustment is not None):
            raise ValueError(
                "fused, virtual_batch_size and adjustment are options of Keras 2 (tf.keras); "
                "expected none of them in Keras 3: drop them or pass version=2"
            )
        _refuse_adjusted_virtual_batches(virtual_batch_size, adjustment)
        use_fused = False
        if version == 2 and fused is not False:
            if rank is None:
                raise ValueError(
                    "rank is None, and the number of axes of the input decides whether Keras 2 uses the fused "
                    "kernel, which stores another variance; expected 2 to 5: pass rank, or fused=False"
                )
            use_fused = layer_is_fused(_axis(axis), rank, dtype, special=special)
            if fused and not use_fused:
                raise ValueError(
                    f"fused=True is not possible with axis {axis}, rank {rank}, {dtype} and the options given; "
                    "expected 4 or 5 axes, channels first or last, 16- or 32-bit floats, and no renorm, "
                    "virtual_batch_size, adjustment or synchronization: pass fused=None"
                )
        return cls(
            axis=_axis(axis),
            decay=momentum,
            epsilon=max(epsilon, FUSED_MINIMUM_EPSILON) if use_fused else epsilon,
            center=center,
            scale=scale,
            renorm=Renorm.from_clipping(renorm_clipping, renorm_momentum) if renorm else None,
            virtual_batch_size=virtual_batch_size,
            virtual_batch_layout="contiguous" if virtual_batch_size is None else "strided",
            weighted=masked and not use_fused,
            adjusted=adjustment is not None,
            bessel_correction=use_fused,
            frozen=not trainable,
            synchronized=synchronized,
        )

    @classmethod
    def from_tf_layers(
        cls,
        *,
        rank: int,
        dtype: str = "float32",
        axis: Axis = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: object = None,
    ) -> NormConfig:
        """Describe tf.layers.batch_normalization by its own options.

        Args:
            rank: number of axes of the input; with `dtype`, `axis` and the options it decides on the fused kernel
                and so on the variance that is stored. fused=True is a wish here, not a demand.
            dtype: type of the input, by name.
            trainable: False stops the updates of the moving statistics, though training still uses the batch.
            adjustment: anything but None means that there is one.

        The other arguments are TensorFlow's.

        Raises:
            ValueError: an option is invalid or does not go with another.
        """
        _refuse_adjusted_virtual_batches(virtual_batch_size, adjustment)
        special = renorm or virtual_batch_size is not None or adjustment is not None
        use_fused = fused is not False and layer_is_fused(_axis(axis), rank, dtype, special=special)
        return cls(
            axis=_axis(axis),
            decay=momentum,
            epsilon=max(epsilon, FUSED_MINIMUM_EPSILON) if use_fused else epsilon,
            center=center,
            scale=scale,
            renorm=Renorm.from_clipping(renorm_clipping, renorm_momentum) if renorm else None,
            virtual_batch_size=virtual_batch_size,
            virtual_batch_layout="contiguous" if virtual_batch_size is None else "strided",
            adjusted=adjustment is not None,
            bessel_correction=use_fused,
            update_statistics=trainable,
        )

    @classmethod
    def from_slim(
        cls,
        *,
        rank: int,
        dtype: str = "float32",
        decay: float = 0.999,
        center: bool = True,
        scale: bool = False,
        epsilon: float = 1e-3,
        updates_collections: object = "update_ops",
        trainable: bool = True,
        batch_weights: object = None,
        fused: bool | None = None,
        data_format: str = "NHWC",
        zero_debias_moving_mean: bool = False,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_decay: float = 0.99,
        adjustment: object = None,
    ) -> NormConfig:
        """Describe slim.batch_norm (tf.contrib.layers.batch_norm) by its own options.

        Args:
            rank: number of axes of the input; with the options it decides which implementation slim takes.
            dtype: type of the input, by name.
            updates_collections: anything but the default leaves the tf.layers implementation for slim's own.
            trainable: False stops the updates of the moving statistics only in the tf.layers implementation;
                slim's own ones go on updating.
            batch_weights: anything but None or False means that there are weights, one per sample.
            adjustment: anything but None means that there is one.

        The other arguments are slim's; activation_fn and the initializers are no part of the normalization.

        Raises:
            ValueError: an option is invalid, or slim would refuse or silently ignore it.
        """
        if data_format not in ("NHWC", "NCHW"):
            raise ValueError(f"data_format is {data_format!r}; expected NHWC or NCHW: pass one of these")
        axis = 1 if data_format == "NCHW" else -1
        weighted = batch_weights is not None and batch_weights is not False
        adjusted = adjustment is not None
        path = slim_path(
            rank=rank,
            fused=fused,
            batch_weights=weighted,
            renorm=renorm,
            adjustment=adjusted,
            zero_debias=zero_debias_moving_mean,
            default_collection=updates_collections == "update_ops",
        )
        if path == "legacy" and (renorm or adjusted):
            raise ValueError(
                "renorm and adjustment are not possible together with batch_weights, zero_debias_moving_mean or "
                "other updates_collections (slim refuses the one and silently ignores the other); "
                "expected one side only: drop the other"
            )
        if path == "layers":
            return cls.from_tf_layers(
                rank=rank,
                dtype=dtype,
                axis=axis,
                momentum=decay,
                epsilon=epsilon,
                center=center,
                scale=scale,
                renorm=renorm,
                renorm_clipping=renorm_clipping,
                renorm_momentum=renorm_decay,
                fused=fused,
                trainable=trainable,
                adjustment=adjustment,
            )
        return cls(
            axis=axis,
            decay=decay,
            epsilon=max(epsilon, FUSED_MINIMUM_EPSILON) if path == "fused" else epsilon,
            center=center,
            scale=scale,
            weighted=weighted,
            debias="mean" if zero_debias_moving_mean else "none",
            bessel_correction=path == "fused",
        )


def _axis(axis: Axis) -> int | tuple[int, ...]:
    return axis if isinstance(axis, int) else tuple(axis)


def _refuse_adjusted_virtual_batches(virtual_batch_size: int | None, adjustment: object) -> None:
    if virtual_batch_size is not None and adjustment is not None:
        raise ValueError(
            f"adjustment together with virtual_batch_size {virtual_batch_size}, which TensorFlow refuses; "
            "expected one of them: drop the other"
        )
