"""The order in which findings are reported."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.finding import Certainty, Finding


def rank(findings: Sequence[Finding]) -> list[Finding]:
    """Causes first by the share of the gap that they explain, then by severity, those last whose remedy did nothing.

    Proven ones stand before likely ones; otherwise they keep the order of the catalogue, in which causes stand before
    consequences.
    """
    return sorted(
        findings,
        key=lambda found: (
            -round(found.share, 2),
            -found.severity.rank,
            found.effect is not None and found.effect.share is not None and round(found.share, 2) == 0,
            found.certainty is not Certainty.PROVEN,
        ),
    )
