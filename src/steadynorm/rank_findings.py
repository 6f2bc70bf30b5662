"""The findings of all ranks of a run as one list: what several of them show is said once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from steadynorm.artifacts.places import name_of
from steadynorm.finding import Finding
from steadynorm.report.words import counted, folded

_NUMBER = re.compile(r"[-+]?(?:\d[\d.,]*(?:e[-+]?\d+)?)", re.IGNORECASE)


def of_all_ranks(first: Sequence[Finding], others: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """The findings of the first rank, and those of the others, with the files that they are about.

    Arguments:
        first: what was found in the first rank, and between all of them.
        others: by file, what was found in each of the others by itself.
    """
    merged = {_key(found): found for found in first}
    unmerged = [found for found in first if merged[_key(found)] is not found]
    where: dict[object, list[str]] = {}
    for path, findings in others.items():
        for found in findings:
            merged.setdefault(_key(found), found)
            files = where.setdefault(_key(found), [])
            if path not in files:
                files.append(path)
    known = {_key(found) for found in first}
    told = [_told(found, where.get(key, []), key in known, len(others)) for key, found in merged.items()]
    return [*told, *unmerged]


def _key(found: Finding) -> object:
    """The same for findings that differ in their numbers only."""
    return found.code, found.severity, found.certainty, found.layers, _NUMBER.sub("0", found.message)


def _told(found: Finding, files: list[str], in_first: bool, others: int) -> Finding:
    if not files:
        return found
    names = [name_of(path) for path in files]
    if not in_first:
        message = f"in {folded(names)}: {found.message}"
    elif len(files) == others:
        message = f"{found.message} (likewise in {'the other rank' if others == 1 else f'all {others} other ranks'})"
    else:
        message = f"{found.message} (likewise in {folded(names) if len(names) < 3 else counted(len(names), 'rank')})"
    return replace(found, message=message, evidence={**found.evidence, "files": files})
