"""What a program that uses keras does about normalization."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.source.seen import Seen
from steadynorm.source.trace import Run


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    return Seen()
