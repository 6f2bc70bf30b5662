"""New files that belong together: complete under their names, or not there at all, and never in place of another."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from steadynorm.errors import UnusableInputError


def check_new(path: Path) -> None:
    """Refuses a path that cannot become a new file or folder, before any work is done for it.

    Raises:
        UnusableInputError: something is there already, or its folder is missing or cannot be written to.
    """
    # Of an address such as s3://bucket/name a path keeps one of the two slashes.
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", str(path)) and not path.parent.is_dir():
        raise UnusableInputError(
            f"{path} cannot be written: new files go to local folders only; copy it there yourself"
        )
    if os.path.lexists(path):
        raise UnusableInputError(f"{path} exists: nothing is ever written over; name what does not exist yet")
    if not path.parent.is_dir():
        raise UnusableInputError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UnusableInputError(f"{path} cannot be written: nothing may be written to the folder {path.parent}")


@contextmanager
def new_files(paths: list[Path]) -> Iterator[list[Path]]:
    """Gives a place beside for each file; at the end all of them are put to their names, the last one last.

    Arguments:
        paths: the new files; the last one is the one that makes the others count, as an index.

    Raises:
        UnusableInputError: one exists by then, or cannot be written; none is there afterwards.
    """
    for path in paths:
        check_new(path)
    beside = [_beside(path) for path in paths]
    done: list[Path] = []
    try:
        yield beside
        for place in beside:
            sync(place)
        for place, path in zip(beside, paths, strict=True):
            _put(place, path)
            done.append(path)
        for folder in {path.parent for path in paths}:
            sync(folder)
        done.clear()
    except OSError as error:
        raise UnusableInputError(f"{paths[-1]} cannot be written: {error.strerror or error}") from error
    finally:
        for path in (*beside, *done):
            with suppress(OSError):
                path.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Gives a folder beside, which at the end has the name `path` and all of its files on the disk.

    Raises:
        UnusableInputError: `path` exists, or something in it cannot be written; it is not there afterwards.
    """
    check_new(path)
    beside = _beside(path)
    try:
        beside.mkdir()
        yield beside
        for folder, _, names in os.walk(beside, topdown=False):
            for name in names:
                sync(Path(folder, name))
            sync(Path(folder))
        check_new(path)
        beside.rename(path)
        sync(path.parent)
    except OSError as error:
        raise UnusableInputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sync(path: Path) -> None:
    """Sees to it that a file, or what a folder lists, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # on Windows a folder cannot be opened, and renames are journaled
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    # A long name would not fit with more in front of it.
    return path.with_name(f".{path.name[:64]}.{secrets.token_hex(4)}.tmp")


def _put(place: Path, path: Path) -> None:
    """Gives a file its name; a link fails where something has taken the name meanwhile, a rename would replace it."""
    try:
        os.link(place, path)
    except FileExistsError:
        check_new(path)
        raise
    except OSError:  # a file system without links
        check_new(path)
        place.rename(path)
