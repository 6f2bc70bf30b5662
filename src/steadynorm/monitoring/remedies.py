"""What to do about a cause where a framework has other words for it than PyTorch, whose words the checks have."""

from __future__ import annotations

from dataclasses import replace

from steadynorm.finding import Finding

_UPDATE_OPS = (
    "Make the train op with steadynorm.tensorflow.create_train_op or minimize, or build it under "
    "tf.control_dependencies(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)), after all layers. Then "
    "re-estimate the statistics: 'steadynorm repair'."
)

REMEDIES = {
    ("tensorflow", "SN101"): _UPDATE_OPS,
    ("tensorflow", "SN102"): _UPDATE_OPS,
    ("tensorflow", "SN202"): "Build the layers of the training graph with is_training=True (training=True), or with a "
    "placeholder that every step feeds True.",
    ("tensorflow", "SN601"): "Build frozen layers with is_training=False (training=False), or leave gamma and beta "
    "among the variables to train.",
    ("keras", "SN202"): "Call the layers with training=True in the train step: a call() has to hand its argument "
    "`training` on.",
    ("keras", "SN601"): "Set layer.trainable = False, which freezes gamma, beta and the statistics together, and "
    "compile again; or leave gamma and beta trainable.",
}
"""By framework and code."""


def in_words_of(framework: str, found: Finding) -> Finding:
    """The finding with the framework's own remedy."""
    return replace(found, remedy=REMEDIES.get((framework, found.code), found.remedy))
