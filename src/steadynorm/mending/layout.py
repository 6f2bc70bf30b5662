"""Which files a mended checkpoint is, and where they go: a file, a prefix with several, or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from steadynorm.artifacts import formats, places
from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.mending.new_files import check_new, new_files, new_folder

MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a checkpoint and their new places.

    Arguments:
        files: by file of the input, the new one; an index comes last.
        folder: the new folder that all of them lie in, `None` where they are put beside what is there already.
        index: the file of the input that lists the tensors of the others, `None` if none does.
    """

    files: Mapping[str, Path]
    folder: Path | None = None
    index: str | None = None

    @property
    def written(self) -> tuple[Path, ...]:
        """The new files."""
        return tuple(self.files.values())

    def check(self) -> None:
        """Refuses what is there already or cannot be written to, before any work is done.

        Raises:
            UnusableInputError: see `check_new`.
        """
        for path in [self.folder] if self.folder is not None else self.files.values():
            check_new(path)

    @contextmanager
    def opened(self) -> Iterator[Mapping[str, Path]]:
        """By file of the input, where its successor is written; all of them get their names at the end, or none does.

        Raises:
            UnusableInputError: one exists by then, or cannot be written.
        """
        if self.folder is None:
            with new_files(list(self.files.values())) as beside:
                yield dict(zip(self.files, beside, strict=True))
            return
        with new_folder(self.folder) as folder:
            inside = {path: folder / new.relative_to(self.folder) for path, new in self.files.items()}
            for place in inside.values():
                place.parent.mkdir(parents=True, exist_ok=True)
            yield inside


def layout_of(contents: Contents, checkpoint: str, output: Path) -> Layout:
    """Where the files of a checkpoint go.

    Raises:
        UnusableInputError: they are not local, or some of them are missing.
    """
    if places.is_remote(checkpoint):
        raise UnusableInputError(f"{checkpoint}: is mended from local files only; copy it here first")
    if missing := contents.facts.get("missing"):
        raise UnusableInputError(f"{checkpoint}: misses its data file {_first(missing)}; copy it beside the others")
    if places.is_folder(checkpoint) and contents.format == "SavedModel":
        index = next((each for each in _files(contents) if each.endswith(".index")), None)
        return Layout({path: output / os.path.relpath(path, checkpoint) for path in _below(checkpoint)}, output, index)
    files = _files(contents)
    if contents.format == "TensorFlow checkpoint":
        return _prefix(files, output)
    main = files[0] if files else formats.standing_for(checkpoint)
    beside = [each for each in dict.fromkeys((*files, *_beside(contents))) if each != main]
    if not beside:
        return Layout({main: output})
    folder = places.folder_of(main)
    new = {path: output / os.path.relpath(path, folder) for path in (*beside, main)}
    return Layout(new, output)


def _prefix(files: list[str], output: Path) -> Layout:
    index, data = files[0], files[1:]
    stem = index.removesuffix(".index")
    meta = [f"{stem}.meta"] if os.path.isfile(f"{stem}.meta") else []
    new = str(output).removesuffix(".index")
    return Layout({path: Path(new + path.removeprefix(stem)) for path in (*data, *meta, index)}, index=index)


def _below(folder: str) -> list[str]:
    found = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in sorted(names)]
    if len(found) > MOST_FILES:
        raise UnusableInputError(f"{folder}: has {len(found)} files; expected at most {MOST_FILES}")
    return found


def _files(contents: Contents) -> list[str]:
    found = contents.facts.get("files")
    return [str(each) for each in found] if isinstance(found, tuple) else []


def _beside(contents: Contents) -> Iterator[str]:
    yield from (tensor.extent.path for tensor in contents.tensors.values() if tensor.extent is not None)


def _first(files: object) -> str:
    return str(files[0]) if isinstance(files, tuple) else str(files)
