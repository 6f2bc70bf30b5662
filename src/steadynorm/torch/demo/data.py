"""The demonstration's data: scikit-learn's handwritten digits as batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from steadynorm.errors import UnusableInputError

Batches: TypeAlias = list[tuple[Any, Tensor]]
"""Batches of (inputs, labels); labels are int64 (N,), inputs float32 (N, 1, 8, 8) or a tuple of such."""

TRAINING_IMAGES = 1400
BATCH = 64


@dataclass(frozen=True)
class Digits:
    """1797 images of 8×8 in [0, 1], in a fixed random order: 1400 to train on, 397 held out."""

    train: Batches
    validation: Batches

    @classmethod
    def load(cls) -> Digits:
        """Reads the digits, which come with scikit-learn.

        Raises:
            UnusableInputError: scikit-learn is not installed.
        """
        try:
            from sklearn.datasets import load_digits  # type: ignore[import-untyped, unused-ignore]
        except ModuleNotFoundError as error:
            raise UnusableInputError(
                f"the demo trains on scikit-learn's digits, and there is no module {error.name!r} here: "
                "pip install 'steadynorm[demo]'"
            ) from error
        pixels, labels = load_digits(return_X_y=True)
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
        images = torch.tensor(pixels / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)[order]
        targets = torch.tensor(labels, dtype=torch.int64)[order]
        batches = [
            list(zip(torch.split(images[part], BATCH), torch.split(targets[part], BATCH), strict=True))
            for part in (slice(TRAINING_IMAGES), slice(TRAINING_IMAGES, None))
        ]
        return cls(*batches)

    def in_two_kinds(self) -> Digits:
        """The same with inputs of two kinds, (images, photographs of them); labels cover both in turn."""
        return Digits(_with_photographs(self.train), _with_photographs(self.validation))


def _with_photographs(batches: Batches) -> Batches:
    return [((images, _photographs(images)), torch.cat([labels, labels])) for images, labels in batches]


def _photographs(images: Tensor) -> Tensor:
    """The same digits from another camera: dark on light, with three times the contrast."""
    return 3 * (1 - images)
