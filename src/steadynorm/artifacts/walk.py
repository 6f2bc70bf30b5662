"""The files below a folder, whatever lies there: loops of links, pipes, what vanishes, what may not be read."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch

from steadynorm.artifacts import places
from steadynorm.errors import UnusableInputError

LEFT_OUT = frozenset({"venv", "node_modules", "__pycache__", "site-packages"})
"""Folders that no search enters, besides hidden ones; they are full of files, and none of them is the user's."""

SPECIAL = "neither file nor folder"
TWICE = "the same file under another name"
NOWHERE = "link that leads nowhere"


@dataclass(slots=True)
class Walk:
    """What was found below a folder.

    Arguments:
        files: paths of files, in natural order.
        folders: the formats of folders that are one artifact each, by path.
        refused: folders that could not be listed, with the reason.
        skipped: how many entries were left aside, by why.
    """

    files: list[str] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name in a folder; `identity` is the same for all names of one file, `None` where that is not known."""

    path: str
    is_folder: bool
    is_link: bool = False
    identity: tuple[int, int] | None = None


def walk(top: str, artifact: Callable[[frozenset[str]], str | None], exclude: Iterable[str] = ()) -> Walk:
    """Searches a folder and all below it.

    Arguments:
        top: a folder, local or remote.
        artifact: the format of a folder with these names in it, if it is one artifact and is not entered.
        exclude: names, or patterns of names or of paths, from here or from `top`, that are left out.
    """
    found, excluded = Walk(), tuple(exclude)
    files: list[_Entry] = []
    seen: set[tuple[int, int] | None] = {_identity(top)}
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            entries = _remote(folder) if places.is_remote(folder) else _local(folder, found.skipped)
        except UnusableInputError as error:
            found.refused[folder] = str(error)
            continue
        form = artifact(frozenset(places.name_of(entry.path) for entry in entries))
        if form is not None:
            found.folders[folder] = form
            continue
        below = []
        for entry in sorted(entries, key=lambda entry: natural(entry.path)):
            if _left_out(entry, top, excluded):
                continue
            if not entry.is_folder:
                files.append(entry)
            elif not _upwards(entry, top) and (entry.identity is None or entry.identity not in seen):
                below.append(entry.path)
                seen.add(entry.identity)
        folders += reversed(below)
    found.files = _once(files, found.skipped)
    found.skipped = +found.skipped
    return found


def natural(path: str) -> list[tuple[int, int, str]]:
    """What paths are ordered by, so that step 9 comes before step 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", path) if part]


def _left_out(entry: _Entry, top: str, excluded: tuple[str, ...]) -> bool:
    name = places.name_of(entry.path)
    if entry.is_folder and (name.startswith(".") or name in LEFT_OUT):
        return True
    path = entry.path.replace(os.sep, "/").removeprefix("./")
    inside = entry.path[len(top) :].replace(os.sep, "/").lstrip("/")
    return any(
        fnmatch(each, pattern.rstrip("/"))
        for pattern in excluded
        for each in ((path, inside) if "/" in pattern.rstrip("/") else (name,))
    )


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


def _upwards(entry: _Entry, top: str) -> bool:
    """Whether a link leads to a folder that the search began in or below: all of a disk, at worst."""
    if not entry.is_link:
        return False
    above, below = os.path.realpath(entry.path), os.path.realpath(top)
    return os.path.join(below, "").startswith(os.path.join(above, ""))


def _local(folder: str, skipped: Counter[str]) -> list[_Entry]:
    entries = []
    try:
        with os.scandir(folder) as listing:
            for each in listing:
                entry = _examined(each, skipped)
                if entry is not None:
                    entries.append(entry)
    except OSError as error:
        raise UnusableInputError(f"{folder}: cannot be listed: {error.strerror}") from error
    # A virtual environment may have any name.
    return [] if any(os.path.basename(each.path) == "pyvenv.cfg" for each in entries) else entries


def _examined(each: os.DirEntry[str], skipped: Counter[str]) -> _Entry | None:
    link = each.is_symlink()
    try:
        # Not DirEntry.stat(), which has no inode on Windows.
        status = os.stat(each.path)
    except OSError:
        # What has vanished since the folder was listed was never there; a link that loops or leads nowhere is counted.
        skipped[NOWHERE] += link
        return None
    identity = (status.st_dev, status.st_ino) if status.st_ino else None
    if stat.S_ISDIR(status.st_mode):
        return _Entry(each.path, True, link, identity)
    if stat.S_ISREG(status.st_mode):
        return _Entry(each.path, False, link, identity)
    skipped[SPECIAL] += 1
    return None


def _remote(folder: str) -> list[_Entry]:
    files, within = places.file_system(folder)
    try:
        listing = files.ls(within, detail=True)
    except Exception as error:  # every file system raises errors of its own
        raise UnusableInputError(f"{folder}: cannot be listed: {places.first_line(error)}") from error
    # Some stores list a folder as a file of no bytes in itself.
    inside = [each for each in listing if each["name"].rstrip("/") != within.rstrip("/")]
    return [
        _Entry(places.join(folder, places.name_of(f"x://{each['name']}")), each["type"] == "directory")
        for each in inside
    ]


def _once(files: list[_Entry], skipped: Counter[str]) -> list[str]:
    """Each file once. A link's name is taken before the name of what it leads to: stores name files by their hash."""
    chosen: dict[tuple[int, int], str] = {}
    for entry in sorted(files, key=lambda entry: not entry.is_link):
        if entry.identity is not None:
            chosen.setdefault(entry.identity, entry.path)
    kept = [each.path for each in files if each.identity is None or chosen[each.identity] == each.path]
    skipped[TWICE] += len(files) - len(kept)
    return kept
