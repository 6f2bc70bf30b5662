"""Where files lie: folders and companions, local or behind an fsspec scheme, as `s3://bucket/run/model.ckpt`."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import Any

from steadynorm.errors import UnusableInputError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")

MOST_NAMES = 100_000
"""Most names that are taken from one folder."""


def is_remote(path: str) -> bool:
    """Whether `path` begins with a scheme."""
    return _SCHEME.match(path) is not None


def file_system(path: str) -> tuple[Any, str]:
    """The fsspec file system of a remote path, and the path within it.

    Raises:
        UnusableInputError: nothing that is installed reads this scheme, or the path chains several.
        ModuleNotFoundError: fsspec is not installed.
    """
    import fsspec

    if "::" in path:
        raise UnusableInputError(f"{path}: chained file systems are not read; expected one scheme, as s3://bucket/name")
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise UnusableInputError(f"{path}: {error}") from error
    return found


def folder_of(path: str) -> str:
    """The folder that `path` lies in."""
    if not is_remote(path):
        return os.path.dirname(path) or "."
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """The last part of `path`."""
    return path.rstrip("/").rpartition("/")[2] if is_remote(path) else os.path.basename(path.rstrip(os.sep))


def inside(folder: str, name: str, named_by: str) -> str:
    """The path of a companion file that a file names.

    Arguments:
        folder: where the companion must lie, itself or in a folder below.
        name: the relative name, from the file.
        named_by: the file that has the name in it.

    Raises:
        UnusableInputError: the name leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name or ":" in parts[0]:
        raise UnusableInputError(
            f"{named_by}: names the file {shortened(name)}, which leads out of its folder; expected a name inside it"
        )
    return join(folder, *parts)


def join(folder: str, *names: str) -> str:
    """`folder` and the names below it as one path."""
    return "/".join((folder.rstrip("/"), *names)) if is_remote(folder) else os.path.join(folder, *names)


def is_folder(path: str) -> bool:
    """Whether `path` is a folder that can be listed."""
    if not is_remote(path):
        return os.path.isdir(path)
    if path.startswith(("http://", "https://")):
        return False  # fsspec would fetch the whole file to look for links in it
    files, within = file_system(path)
    return bool(_asked(files.isdir, path, within))


def is_file(path: str) -> bool:
    """Whether `path` is a file."""
    if not is_remote(path):
        return os.path.isfile(path)
    files, within = file_system(path)
    try:
        # fsspec's isfile() and exists() over HTTP begin to fetch the file; its info() asks for the head alone.
        return bool(files.info(within)["type"] == "file")
    except FileNotFoundError:
        return False
    except Exception as error:  # every file system raises errors of its own
        raise UnusableInputError(f"{path}: cannot be reached: {first_line(error)}") from error


def names_in(folder: str) -> frozenset[str]:
    """The names of the files and folders in a folder.

    Raises:
        UnusableInputError: it cannot be listed.
    """
    if is_remote(folder):
        files, within = file_system(folder)
        found = [name_of(f"x://{each}") for each in _asked(files.ls, folder, within, detail=False)]
    else:
        try:
            found = os.listdir(folder)
        except OSError as error:
            raise UnusableInputError(f"{folder}: cannot be listed: {error.strerror}") from error
    if len(found) > MOST_NAMES:
        raise UnusableInputError(f"{folder}: has {len(found)} files; expected at most {MOST_NAMES}")
    return frozenset(found)


def shortened(name: str, most: int = 80) -> str:
    """A name out of a file, quoted and short enough for one line."""
    return repr(name if len(name) <= most else name[:most] + "…")


def _asked(function: Any, path: str, within: str, **options: object) -> Any:
    """What a remote file system answers; each of them raises errors of its own."""
    try:
        return function(within, **options)
    except FileNotFoundError as error:
        raise UnusableInputError(f"{path}: there is no such file or folder") from error
    except Exception as error:
        raise UnusableInputError(f"{path}: cannot be reached: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """An error in one line."""
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:200]
