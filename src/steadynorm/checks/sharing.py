"""SN4: checks on statistics that several inputs share."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.causes import no_gap, runs_on_population, sites_apart
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding, Severity


@check("SN401", "calls")
def shared_by_different_inputs(evidence: Evidence) -> Iterator[Finding]:
    """One layer, several call sites, moments that differ between them."""
    apart: dict[str, float] = {}
    for layer in evidence.layers:
        if layer.statistics is None or layer.per_instance or runs_on_population(evidence, layer):
            continue
        spread = sites_apart(evidence, layer)
        if spread is not None:
            apart[layer.name] = spread
    fine = no_gap(evidence)
    if apart:
        worst = max(apart, key=lambda name: apart[name])
        yield finding(
            "SN401",
            apart,
            f"{many(apart, 'are')} fed by inputs whose moments differ by up to {apart[worst]:.2g} standard "
            f"deviations or log variance ('{worst}'), and average them into one set of statistics"
            f"{'' if fine else ' that fits none'}",
            f"{'Nothing, while inference does as well as here; else give' if fine else 'Give'} each input its own "
            "normalization layer (or its own statistics over shared gamma and beta), or put both into one batch.",
            evidence={"spread": apart},
            severity=Severity.INFO if fine else None,
        )
