"""Files that are either complete or not there at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from steadynorm.errors import UnusableInputError


def check_folder(path: Path) -> None:
    """Refuses a place that cannot be written to, before the work is done that is to be written there.

    Raises:
        UnusableInputError: `path` is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise UnusableInputError(f"cannot write to {path}: it is a folder; expected a file's name")
    if not path.parent.is_dir():
        raise UnusableInputError(f"cannot write to {path}: there is no folder {path.parent}")


def write_text(path: Path, text: str) -> None:
    """Writes a text file in one step: beside its place, to the disk, then renamed, so that no half of it is ever seen.

    Raises:
        UnusableInputError: the file cannot be written; what stood there before still does.
    """
    _write(path, text.encode("utf-8"), None)


def rewrite(path: Path, data: bytes) -> None:
    """Gives a file other bytes, likewise in one step; its mode stays, and a link to it stays a link.

    Raises:
        UnusableInputError: the file cannot be written; what stood there before still does.
    """
    try:
        there = path.resolve(strict=True)
        _write(there, data, stat.S_IMODE(there.stat().st_mode))
    except OSError as error:
        raise UnusableInputError(f"cannot write to {path}: {error.strerror}") from error


def _write(path: Path, data: bytes, mode: int | None) -> None:
    check_folder(path)
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        raise UnusableInputError(f"cannot write to {path}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
