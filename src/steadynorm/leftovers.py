"""The last, smaller batch of data, where layers normalize by virtual batches that do not divide it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from steadynorm.evidence import Layer


def divided(batches: Sequence[Any], layers: Iterable[Layer], samples: Callable[[Any], int]) -> list[Any]:
    """The batches that a training takes: it drops those that its virtual batches do not divide.

    Arguments:
        batches: the batches.
        layers: the model's normalization layers.
        samples: the number of samples of a batch.

    Returns:
        those that every virtual batch size divides; all where there is none, since the size then is the mistake.
    """
    sizes = {layer.config.virtual_batch_size or 1 for layer in layers}
    return [each for each in batches if not any(samples(each) % size for size in sizes)] or list(batches)
