"""What a report keeps of evidence: a check of a thousand checkpoints must not hold all of their statistics at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from steadynorm.evidence import Array, Evidence, Layer, Statistics

NOTHING: Array = np.zeros(0)
NOTHING.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Condensed(Statistics):
    """Statistics whose arrays are empty.

    Arguments:
        initial: whether they were those of an initialization.
        digest: of the values, the same for the same ones.
    """

    initial: bool = False
    digest: bytes = b""

    @property
    def at_initialization(self) -> bool:
        """Whether every mean was exactly 0 and every variance exactly 1."""
        return self.initial


def condensed(evidence: Evidence) -> Evidence:
    """The same evidence without the arrays of its layers, once all checks have run over it."""
    stored = evidence.stored
    if stored is not None:
        stored = replace(
            stored,
            before=None if stored.before is None else _layers(stored.before),
            ranks={path: _layers(each) for path, each in stored.ranks.items()},
        )
    return replace(evidence, layers=tuple(map(_layer, evidence.layers)), stored=stored)


def digest_of(statistics: Statistics) -> bytes:
    """A digest of the values; 0 is -0, and every value that is no number is the same."""
    if isinstance(statistics, Condensed):
        return statistics.digest
    digest = hashlib.blake2b(digest_size=16)
    for values in (statistics.mean, statistics.variance):
        digest.update(np.where(np.isnan(values), np.nan, values + 0.0).tobytes())
    return digest.digest()


def _layers(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    return {name: _layer(each) for name, each in layers.items()}


def _layer(layer: Layer) -> Layer:
    return replace(
        layer,
        statistics=None if layer.statistics is None else _statistics(layer.statistics),
        gamma=None if layer.gamma is None else NOTHING,
        beta=None if layer.beta is None else NOTHING,
    )


def _statistics(known: Statistics) -> Condensed:
    return Condensed(NOTHING, NOTHING, known.updates, known.dtype, known.at_initialization, digest_of(known))
