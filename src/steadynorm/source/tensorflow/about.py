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
    ours = False
    normalizes = False
    for call in run.calls():
        name = call.name
        ours = ours or name.startswith(("tensorflow.", "slim."))
        normalizes = normalizes or name.endswith(_SUBJECT) or "normalizer_fn" in call.keywords or is_of_networks(name)
        if ours and normalizes:
            return True
    return False
