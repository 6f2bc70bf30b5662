"""Fixes made: which of them go together, what the files say afterwards, and that it is still Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby

from steadynorm.errors import UnusableInputError
from steadynorm.fix import Edit, Fix
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.reading.parsing import parsed

NO_END = "\\ No newline at end of file\n"
"""How a difference says that a text ends within its last line."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What some fixes come to.

    Arguments:
        texts: the new text of each file that changes, by its path.
        edits: the edits that lead to it, by the file's path.
        made: the fixes that were made; others overlap with one of these, or what they lead to is no Python.
    """

    texts: Mapping[str, str]
    edits: Mapping[str, tuple[Edit, ...]]
    made: tuple[Fix, ...]


def fixed(files: Mapping[str, SourceFile], fixes: Iterable[Fix]) -> Fixed:
    """Makes fixes, on the text and not on the disk. Of those that overlap the first one is made.

    Arguments:
        files: the files by their paths.
        fixes: the fixes, the more important ones first.
    """
    made: list[Fix] = []
    for fix in dict.fromkeys(fixes):
        if _goes_with(fix, made):
            made.append(fix)
    texts = _texts(files, _by_path(made))
    if texts is None:
        # Together they are no Python, so that one of them is not; whichever it is.
        together, made = made, []
        for fix in together:
            if _texts(files, _by_path([*made, fix])) is not None:
                made.append(fix)
        texts = _texts(files, _by_path(made)) or {}
    changed = {path: text for path, text in texts.items() if text != files[path].text}
    edits = {path: each for path, each in _by_path(made).items() if path in changed}
    return Fixed(changed, edits, tuple(made))


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made, which must not overlap; the same edit twice is one."""
    parts: list[str] = []
    position = 0
    for edit in sorted(set(edits)):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def diff(file: SourceFile, text: str) -> str:
    """The difference between a file and its new text, as `diff -u` and `patch` have it."""
    return compared(file.path, file.text, text)


def compared(name: str, before: str, after: str) -> str:
    """The difference between two texts of one name; empty if there is none."""
    lines = unified_diff(_diff_lines(before), _diff_lines(after), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_END}" for line in lines)


def _diff_lines(text: str) -> list[str]:
    """The lines with their ends, all of which a terminal shows alike."""
    *lines, last = text.replace("\r\n", "\n").split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _goes_with(fix: Fix, others: Sequence[Fix]) -> bool:
    taken = [edit for other in others for edit in other.edits]
    return not any(edit.overlaps(each) and edit != each for edit in fix.edits for each in taken)


def _by_path(fixes: Iterable[Fix]) -> dict[str, tuple[Edit, ...]]:
    edits = sorted({edit for fix in fixes for edit in fix.edits})
    return {path: tuple(each) for path, each in groupby(edits, key=lambda edit: edit.path)}


def _texts(files: Mapping[str, SourceFile], edits: Mapping[str, Iterable[Edit]]) -> dict[str, str] | None:
    """The new texts; `None` if one of them is no Python."""
    texts = {path: applied(files[path].text, each) for path, each in edits.items()}
    try:
        for path, text in texts.items():
            parsed(path, text)
    except UnusableInputError:
        return None
    return texts
