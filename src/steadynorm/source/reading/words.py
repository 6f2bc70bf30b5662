"""The words that a file must have in it to be about the subject; a file without them is never parsed.

This is the one list. It is about text and not about meaning: a word in a comment counts, and what is found costs no
more than a parse. What is missed here is missed altogether, unless another file imports it.
"""

from __future__ import annotations

import re

FRAMEWORKS = (
    "torch", "torchvision", "tensorflow", "tf_slim", "tflearn", "tensorpack", "tensorlayer", "sonnet", "keras", "jax",
    "flax", "equinox", "haiku", "optax", "lightning", "pytorch_lightning", "ignite", "accelerate", "transformers",
    "fastai", "timm", "mmcv", "mmengine", "segmentation_models_pytorch", "monai",
)  # fmt: skip
"""Packages whose layers, loops and savers are understood, and those built on them that bring such layers along."""

LAYERS = (
    "batch_norm", "batchnorm", "instance_norm", "instancenorm", "normalizer_fn", "normalizer_params", "sync_bn",
    "syncbn", "use_bn", "is_training", "moving_mean", "moving_var", "moving_average", "movingaverage", "running_mean",
    "running_var", "batch_stats", "update_ops", "nn.moments",
)  # fmt: skip
"""Layers with statistics and the statistics, in any case. Layers that normalize each sample by itself have none."""

USES = (
    ".eval(", ".train(", ".fit(", "_grad(", "state_dict(", "init.normal_(", ".backward(", ".minimize(", ".run(",
    "DataLoader", ".evaluate(", ".predict(", "compute_gradients", "train_op", "training_step", "Trainer(",
    "configure_optimizers", "apply_gradients", ".grad(", "GradientTape", "latest_checkpoint", "Saver(", "saver(",
    ".restore(", "save_weights", "load_weights", "torch.save", ".batch(", ".export(", "jit.trace", "jit.script",
    "stddev", "random_normal", "RandomNormal",
)  # fmt: skip
"""What trains, evaluates, saves, restores and exports; the usual ones first. A file that only builds a network without
such layers is read where one that does any of this imports it."""

STEPS = (
    ".eval(", ".train(", ".fit(", ".backward(", ".minimize(", "apply_gradients", "_grad(", "_step(", "GradientTape",
    "Saver(", "saver(", "state_dict", "requires_grad", "DataLoader", "training=True", "train=True",
    ".assign(",
)  # fmt: skip
"""What a function must do to be looked at for itself, where nobody in the project calls it, and it has no layers."""

_FRAMEWORK = re.compile(rf"\b(?:{'|'.join(FRAMEWORKS)})\b".encode())
_LAYERS = tuple(each.encode() for each in LAYERS)
_USES = tuple(each.encode() for each in USES)


class Concern:
    """What functions and classes of one file may be about the subject, where nobody in the project uses them.

    A library has hundreds of them that are not, and whatever they call is looked at where it stands. Most of the words
    are nowhere in a file, and need not be searched for in each of its functions.

    Arguments:
        text: the text of the file.
    """

    def __init__(self, text: str) -> None:
        lowered = text.lower()
        self._steps = [each for each in STEPS if each in text]
        self._layers = [each for each in LAYERS if each in lowered]

    def has(self, text: str) -> bool:
        """Whether a function or class of the file is about the subject, by its own text."""
        return any(map(text.__contains__, self._steps)) or any(map(text.lower().__contains__, self._layers))


def mentions(data: bytes) -> bool:
    """Whether a file may be about the subject: it names a framework and a use of it, or a normalization layer.

    Files that only compute with arrays, settings, or tests of something else are told apart at the speed of a search
    for text: word by word, which takes a sixth of the time that one regular expression of all of them takes. A module
    that gets its model handed over has no framework's name in it, but the layer's or none at all; it is parsed if a
    file that is about the subject imports it.
    """
    # Most files about the subject have a layer in them, and half of those are found by the first two words.
    if any(map(data.lower().__contains__, _LAYERS)):
        return True
    return _FRAMEWORK.search(data) is not None and any(map(data.__contains__, _USES))
