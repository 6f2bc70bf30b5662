"""SN3 in source: what is saved, restored, averaged and copied without the statistics, or initialized after it."""

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


@check("SN301", "program")
def not_saved_in_source(evidence: Evidence) -> Iterator[Finding]:
    """What is saved has gamma and beta and not the statistics."""
    yield from worded(
        evidence, "SN301", {**jax.NOT_SAVED, **keras.NOT_SAVED, **tensorflow.NOT_SAVED, **torch.NOT_SAVED}
    )


@check("SN302", "program")
def not_restored_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A restore leaves the statistics out."""
    yield from worded(
        evidence, "SN302", {**jax.NOT_RESTORED, **keras.NOT_RESTORED, **tensorflow.NOT_RESTORED, **torch.NOT_RESTORED}
    )


@check("SN303", "program")
def list_lost_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A list of variables is what extend() gives: nothing."""
    yield from worded(evidence, "SN303", tensorflow.LIST_LOST)


@check("SN305", "program")
def averaged_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Weights are averaged or copied without the statistics that belong to them."""
    yield from worded(evidence, "SN305", {**jax.AVERAGED, **keras.AVERAGED, **tensorflow.AVERAGED, **torch.AVERAGED})


@check("SN306", "program")
def wiped_in_source(evidence: Evidence) -> Iterator[Finding]:
    """An initializer runs after a restore."""
    yield from worded(evidence, "SN306", {**jax.WIPED, **keras.WIPED, **tensorflow.WIPED})
