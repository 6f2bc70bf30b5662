"""The one kind of thing that comes out of every check, whatever the evidence was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from steadynorm.fix import Fix
from steadynorm.place import Place


class Severity(StrEnum):
    """How bad a finding is, in the order info < warning < error."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error."""
        return list(Severity).index(self)


class Certainty(StrEnum):
    """`PROVEN` by values, by intervention or by a complete path; `LIKELY` otherwise."""

    LIKELY = "likely"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a remedy did when it was tried on a copy.

    Arguments:
        remedy: what was tried, in words.
        measure: the name of the number that was compared (`metric` or `loss`).
        before: its value on the validation data in inference mode, as handed over.
        after: its value on the same data after the remedy.
        share: the part of the gap between training and inference behaviour that the remedy closed;
            1 is all of it, `None` where there was no gap to close.
    """

    remedy: str
    measure: str
    before: float
    after: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One named cause.

    Arguments:
        code: the stable code of the check, as `SN101`.
        severity: how bad it is.
        certainty: proven, or likely.
        location: file:line, layer, node or tensor; layers are joined by commas.
        message: one sentence with its numbers.
        remedy: what to do, with the exact line or command where there is one; lines of code stand below the text that
            they belong to, indented by four.
        evidence: the numbers behind the message, JSON values only.
        layers: the layers that it is about.
        effect: metric before and after the remedy, where it was tried.
        settle: for a likely finding, what would settle it.
        place: where it is in source code; `None` for other evidence.
        fix: edits that would mend it; `None` where there are none. It stands here and not in a table beside the
            findings, since these are ranked, left out and reported one by one on the way.
    """

    code: str
    severity: Severity
    certainty: Certainty
    location: str
    message: str
    remedy: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    effect: Effect | None = None
    settle: str | None = None
    place: Place | None = None
    fix: Fix | None = None

    @property
    def share(self) -> float:
        """The share of the gap that this cause explains; 0 where no remedy was tried."""
        return 0.0 if self.effect is None or self.effect.share is None else self.effect.share
