"""The files that are fixed together, and what was found out about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, TypeVarTuple, cast

from steadynorm.source.reading.files import SourceFile

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class Project(Mapping[str, SourceFile]):
    """Files by their paths, with the answers to what many findings ask of all of them.

    It lives as long as one round of fixing: files that a fix has changed are another project.

    Arguments:
        files: the files by their paths; they do not change.
    """

    def __init__(self, files: Mapping[str, SourceFile]) -> None:
        self._files = dict(files)
        self._answers: dict[tuple[Any, ...], Any] = {}

    def __getitem__(self, path: str) -> SourceFile:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def once(self, function: Callable[[Project, *_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """What a function says of this project, worked out once.

        Arguments:
            function: what is asked; its answer depends on nothing else, and nobody changes it.
            arguments: what else it takes: syntax nodes, numbers.
        """
        key = (function, *arguments)
        if key not in self._answers:
            self._answers[key] = function(self, *arguments)
        return cast("_Result", self._answers[key])
