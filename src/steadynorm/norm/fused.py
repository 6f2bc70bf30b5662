"""When TensorFlow's layers run on the fused kernel: what decides whether the stored variance is corrected.

The fused kernel returns the batch variance with Bessel's correction, n / (n − 1), for the moving average, while it
normalizes with the biased one; the other code paths store the biased one. Nothing in a checkpoint tells which.
The rules are those of TensorFlow 2.12 and tf_slim 1.1; older TensorFlow fused inputs of four axes only.
"""

from __future__ import annotations

from typing import Literal

from steadynorm.norm.axes import channel_axes

# tf.nn.fused_batch_norm raises a smaller epsilon to this, which cuDNN demands.
FUSED_MINIMUM_EPSILON = 1.001e-5

_CHANNELS = {4: ((1,), (3,)), 5: ((1,), (4,))}
_DTYPES = ("float16", "bfloat16", "float32")

SlimPath = Literal["fused", "layers", "legacy"]


def layer_is_fused(axis: int | tuple[int, ...], rank: int, dtype: str, *, special: bool) -> bool:
    """Tell whether a layer that may use the fused kernel does.

    Args:
        axis: channel axis or axes.
        rank: number of axes of the input.
        dtype: the layer's compute type, by name.
        special: whether renorm, virtual batches, adjustment or synchronization is used.

    Raises:
        ValueError: `axis` does not exist in `rank` axes.
    """
    axes = channel_axes(axis, rank)
    return not special and dtype in _DTYPES and axes in _CHANNELS.get(rank, ())


def slim_path(
    *,
    rank: int,
    fused: bool | None,
    batch_weights: bool,
    renorm: bool,
    adjustment: bool,
    zero_debias: bool,
    default_collection: bool,
) -> SlimPath:
    """Tell which of its three implementations slim.batch_norm takes.

    "fused" is slim's own use of the fused kernel (inputs of two axes are reshaped to four), "layers" hands over to
    tf.layers, "legacy" is slim's own unfused arithmetic. The first and the last create beta before gamma.
    """
    plain = not (batch_weights or renorm or adjustment)
    forced = zero_debias or rank == 2 or not default_collection
    if fused is not False and plain and rank in (2, 4) and forced:
        return "fused"
    if not batch_weights and default_collection and not zero_debias:
        return "layers"
    return "legacy"
