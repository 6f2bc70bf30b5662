"""Every message that a check of source code can give is brought up by a fixture, and every sighting has a message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from steadynorm.checks import (
    registry,
    source_checkpoints,
    source_fine_tuning,
    source_mode,
    source_sanity,
    source_sharing,
    source_statistics,
)
from steadynorm.checks.source_words import Words
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding
from steadynorm.program import Program
from steadynorm.source.reader import read
from steadynorm.source.reading.files import read_source

HERE = Path(__file__).parent
MODULES = (
    source_checkpoints,
    source_fine_tuning,
    source_mode,
    source_sanity,
    source_sharing,
    source_statistics,
)


def tables(modules: tuple[ModuleType, ...], patch: pytest.MonkeyPatch) -> dict[str, Words]:
    """By code the words that its check would look a sighting up in."""
    found: dict[str, Words] = {}

    def noted(evidence: Evidence, code: str, words: Words) -> Iterator[Finding]:
        found[code] = words
        return iter(())

    for module in modules:
        patch.setattr(module, "worded", noted)
    registry.run(Evidence("source", (), program=Program(())))
    return found


@cache
def sighted() -> frozenset[tuple[str, str, str]]:
    """What the broken fixtures bring up: codes, frameworks, cases."""
    found: set[tuple[str, str, str]] = set()
    for case in sorted(HERE.glob("SN???/*")):
        if case.stem.endswith(("_healthy", ".fixed")) or case.name.startswith("__"):
            continue
        paths = sorted(case.rglob("*")) if case.is_dir() else [case]
        files = [read_source(str(path)) for path in paths if path.suffix in (".py", ".ipynb")]
        program = read([file for file in files if file is not None])
        found |= {(each.code, each.framework, each.how) for each in program.sightings}
    return frozenset(found)


def test_every_word_is_brought_up_by_a_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {(code, *key) for code, table in tables(MODULES, monkeypatch).items() for key in table}
    # What has no words of its own is said in those of the framework's other cases.
    others = {(code, framework, "") for code, framework, how in sighted() if (code, framework, how) not in words}

    assert len(words) > 150
    assert words - sighted() - others == set()


def test_every_sighting_has_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tables(MODULES, monkeypatch)
    silent = {
        (code, framework, how)
        for code, framework, how in sighted()
        if code in found and not {(framework, how), (framework, "")} & found[code].keys()
    }

    assert len(sighted()) > 200
    assert silent == set()
