"""SN6 in source: frozen layers whose statistics move, and freezes that are undone."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_jax as jax
from steadynorm.checks import source_keras as keras
from steadynorm.checks import source_tensorflow as tensorflow
from steadynorm.checks import source_torch as torch
from steadynorm.checks.registry import check
from steadynorm.checks.source_words import worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding


@check("SN601", "program")
def frozen_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Parameters are frozen, and the statistics still move."""
    yield from worded(evidence, "SN601", {**jax.FROZEN, **keras.FROZEN, **tensorflow.FROZEN, **torch.FROZEN})


@check("SN603", "program")
def freeze_undone_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Layers that are frozen one by one are thawed with all the others."""
    yield from worded(evidence, "SN603", {**jax.THAWED, **keras.THAWED, **torch.THAWED})
