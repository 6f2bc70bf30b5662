"""Writes new checkpoints: a file is there complete or not at all, and none is ever replaced."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from steadynorm.errors import UnusableInputError


def check_new(path: Path) -> None:
    """Refuses a path that cannot become a new file, before any work is done for it.

    Raises:
        UnusableInputError: something is there already (the checkpoint that the model came from, it may be), or its
            folder does not exist.
    """
    if path.exists() or path.is_symlink():
        raise UnusableInputError(f"'{path}' exists: a repair never writes over a file; name one that does not exist")
    if not path.parent.is_dir():
        raise UnusableInputError(f"'{path}' cannot be written: there is no folder '{path.parent}'; make it first")


def write_new(path: Path, save: Callable[[Path], object]) -> None:
    """Writes a new file.

    It is written beside its place, flushed to the disk, and renamed only then, so that neither a crash nor a full
    disk leaves half a file under the name.

    Arguments:
        path: the file.
        save: writes to the place that it is given, whose name ends as the file's does.

    Raises:
        UnusableInputError: see `check_new`; or the file cannot be written.
    """
    check_new(path)
    beside = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        save(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        check_new(path)
        beside.replace(path)
        _sync_folder(path.parent)
    except UnusableInputError:
        raise
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        raise UnusableInputError(f"'{path}' cannot be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes the rename last too; on Windows a folder cannot be opened, and renames are journaled."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
