"""The files of a project as modules: which file an import means, parsed when it is first needed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from steadynorm.source.reading.files import SourceFile

MOST_PARENTS = 6
"""Folders above a file from which its absolute imports may start."""


@dataclass(slots=True, eq=False)
class Module:
    """A source file.

    Arguments:
        file: what was read.
        parts: its path without the ending, folder by folder; of a package's `__init__` the folder's.
        package: whether it is a package's `__init__`.
    """

    file: SourceFile
    parts: tuple[str, ...]
    package: bool

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.parts[-1] if self.parts else ""

    @property
    def path(self) -> str:
        """The file's path."""
        return self.file.path

    def parsed(self) -> ast.Module:
        """Its syntax tree.

        Raises:
            UnusableInputError: it cannot be parsed.
        """
        return self.file.tree


@dataclass(slots=True, eq=False)
class Project:
    """All files that may belong together."""

    modules: tuple[Module, ...]
    _by_parts: Mapping[tuple[str, ...], Module] = field(default_factory=dict)
    _last: frozenset[str] = frozenset()

    def resolve(self, name: str, level: int, importer: Module) -> Module | None:
        """The module that an import in `importer` means; `None` where it is none of the project's.

        Arguments:
            name: the dotted name; may be empty in a relative import.
            level: the number of dots before it.
            importer: the module with the import.
        """
        wanted = tuple(name.split(".")) if name else ()
        folder = importer.parts if importer.package else importer.parts[:-1]
        if level:
            if level - 1 > len(folder):
                return None
            return self._by_parts.get(folder[: len(folder) - (level - 1)] + wanted)
        if wanted and wanted[-1] not in self._last:
            return None
        for up in range(min(len(folder), MOST_PARENTS) + 1):
            found = self._by_parts.get(folder[: len(folder) - up] + wanted)
            if found is not None and found is not importer:
                return found
        return None

    def inside(self, package: Module, name: str) -> Module | None:
        """The module called `name` in a package; `None` where there is none."""
        return self._by_parts.get((*package.parts, name)) if package.package else None


def project_of(files: Iterable[SourceFile]) -> Project:
    """The modules of some files."""
    modules = tuple(_module(file) for file in files)
    return Project(
        modules,
        {module.parts: module for module in reversed(modules)},
        frozenset(module.parts[-1] for module in modules if module.parts),
    )


def _module(file: SourceFile) -> Module:
    path = PurePath(file.path)
    parts = (*path.parent.parts, path.stem)
    package = path.name == "__init__.py"
    return Module(file, parts[:-1] if package else parts, package)
