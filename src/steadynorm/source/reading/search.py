"""Which files are source code, and which of those in a folder are the user's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from steadynorm.artifacts.places import is_remote
from steadynorm.source.reading.files import NOTEBOOK

SUFFIXES = (".py", ".pyw", NOTEBOOK)
"""Stubs (.pyi) are not among them: they declare and do nothing, and where code is checked they stand beside it."""

COPIES = "copy of sources in a build folder"

_BUILT = frozenset({"build", "dist", "_build", "bazel-bin", "bazel-out", "__pypackages__"})
_SHEBANG = re.compile(rb"#![^\n]*\bpython[\d.]*\b")


def is_source(path: str, named: bool = False) -> bool:
    """Whether a file is source code by its name or, if the user named it, by a first line that says so."""
    return path.lower().endswith(SUFFIXES) or (named and _is_script(path))


def once(paths: Iterable[str]) -> list[str]:
    """The paths, each file once: by the first of the names that it was given."""
    return list({path if is_remote(path) else os.path.abspath(path): path for path in reversed(list(paths))}.values())[
        ::-1
    ]


def _is_script(path: str) -> bool:
    if is_remote(path):
        return False
    try:
        with open(path, "rb") as file:
            return _SHEBANG.match(file.read(256)) is not None
    except OSError:
        return False


def is_copy(path: str, top: str) -> bool:
    """Whether a file that was found below a folder lies in what a build made, which repeats what stands elsewhere.

    A folder of that name that is a package, as `detectron/build/__init__.py`, is the user's own.
    """
    inside = os.path.relpath(os.path.dirname(path) or ".", top) if not is_remote(path) else ""
    folder = top
    for part in () if inside in ("", ".") else inside.split(os.sep):
        folder = os.path.join(folder, part)
        is_built = part in _BUILT or part.endswith((".egg-info", ".dist-info", ".egg"))
        if is_built and not os.path.isfile(os.path.join(folder, "__init__.py")):
            return True
    return False


def root_of(paths: Iterable[str]) -> str:
    """What names a project of these files: the file where it is one, else the folder that holds them all."""
    given = list(paths)
    if len(given) == 1 or any(map(is_remote, given)):
        return given[0]
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(each)) for each in given])
    here = os.path.relpath(folder)
    return folder if here.startswith(os.pardir) and not given[0].startswith(os.pardir) else here
