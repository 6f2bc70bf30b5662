"""Which runs are TensorFlow's business: told here, so that the reader need not be loaded to say that none is."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Run
from steadynorm.source.tensorflow.published import is_of_networks

_SUBJECT = (
    "batch_norm",
    "batch_normalization",
    "BatchNormalization",
    "BatchNorm",
    "moments",
    "batch_norm_with_global_normalization",
    "ExponentialMovingAverage",
)


def is_about(run: Run) -> bool:
    """Whether a run uses TensorFlow, and something in it normalizes or restores averages."""
    return any(call.name.startswith(("tensorflow.", "slim.")) for call in run.calls()) and any(
        call.name.endswith(_SUBJECT) or "normalizer_fn" in call.keywords or is_of_networks(call.name)
        for call in run.calls()
    )
