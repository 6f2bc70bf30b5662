"""The node that a finding is about."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from steadynorm.finding import Finding
from steadynorm.source.editing.nodes import Standing, node_at, standing_at
from steadynorm.source.fixes.errors import NoFixError
from steadynorm.source.fixes.index import index_of
from steadynorm.source.reading.files import SourceFile


def file_of(found: Finding, files: Mapping[str, SourceFile]) -> SourceFile:
    """The file that a finding is about.

    Raises:
        NoFixError: it is about none.
    """
    if found.place is None or found.place.path not in files:
        raise NoFixError("no file")
    return files[found.place.path]


def call_of(found: Finding, files: Mapping[str, SourceFile]) -> tuple[SourceFile, ast.Call]:
    """The call that a finding is about, and its file.

    Raises:
        NoFixError: no call stands at its place.
    """
    file = file_of(found, files)
    call = None if found.place is None else node_at(file, found.place, ast.Call)
    if call is None:
        raise NoFixError("no call")
    return file, call


def standing_of(found: Finding, files: Mapping[str, SourceFile]) -> tuple[SourceFile, Standing]:
    """The statement that a finding is about or lies in, and its file.

    Raises:
        NoFixError: no statement stands at its place.
    """
    file = file_of(found, files)
    standing = None if found.place is None else standing_at(file, found.place)
    if standing is None:
        raise NoFixError("no statement")
    return file, standing


def lines_of(found: Finding, file: SourceFile) -> list[int | None]:
    """The lines of the places that belong to a finding, in their order; `None` for those in other files."""
    places = (str(each).rpartition(":") for each in found.evidence.get("related", ()))  # type: ignore[attr-defined]
    return [int(line) if path == file.path and line.isdigit() else None for path, _, line in places]


def nodes_of(found: Finding, files: Mapping[str, SourceFile]) -> Iterator[tuple[SourceFile, ast.Call]]:
    """The calls that begin in the lines that belong to a finding, with their files, the outer ones first."""
    for file in files.values():
        for line in lines_of(found, file):
            calls = () if line is None else index_of(file.tree).begun.get(line, ())
            yield from ((file, each) for each in calls)
