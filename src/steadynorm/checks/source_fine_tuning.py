"""SN6 in source: frozen layers whose statistics move, and freezes that are undone."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_tensorflow as tensorflow
from steadynorm.checks.registry import check
from steadynorm.checks.source_words import Words, worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding

_FROZEN: Words = {}


@check("SN601", "program")
def frozen_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Parameters are frozen, and the statistics still move."""
    yield from worded(evidence, "SN601", {**_FROZEN, **tensorflow.FROZEN})
