"""What is said about a sighting in source: one table per check, by framework and case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from steadynorm.checks.registry import sighted
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding
from steadynorm.program import Sighting

Words: TypeAlias = Mapping[tuple[str, str], tuple[str, str]]
"""By framework and case (`Sighting.how`; "" for all others) the message and the remedy; `{subject}` and the names of
facts stand for their values."""


def seen(evidence: Evidence, code: str) -> Iterator[Sighting]:
    """What was seen in the source for a check."""
    assert evidence.program is not None
    return evidence.program.seen(code)


def worded(evidence: Evidence, code: str, words: Words) -> Iterator[Finding]:
    """The findings of a check whose every sighting is one, in the words of its framework and case."""
    for each in seen(evidence, code):
        found = words.get((each.framework, each.how)) or words.get((each.framework, ""))
        if found is not None:
            facts = {**each.facts, "subject": each.subject}
            yield sighted(each, found[0].format_map(facts), found[1].format_map(facts))
