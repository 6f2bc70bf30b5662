"""What the paths of a check stand for: models, each with the files that belong to it."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from steadynorm.artifacts import formats, places, recognition
from steadynorm.artifacts.grouping import DATA_FILE, SHARD, Group, Piece, grouped, prefix_of
from steadynorm.artifacts.source import open_source
from steadynorm.artifacts.walk import walk
from steadynorm.errors import UnusableInputError
from steadynorm.extras import missing_module

UNKNOWN = "of no format that is read"

STATE = "checkpoint"
"""The file in which TensorFlow notes the checkpoints of a run."""

_STATE_ENTRY = re.compile(r'^\s*(?:all_)?model_checkpoint_paths?:[ \t]*"((?:[^"\\\n]|\\.)*)"', re.MULTILINE)

MOST_STATE = 1 << 20
MOST_INDEX = 1 << 25
"""No state of a run and no index of shards is larger."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came upon.

    Arguments:
        groups: the models, in natural order of their paths.
        unread: what could not be read, by path, with the reason in one line.
        skipped: how many files were left aside, by why.
        others: files that are no models, as source code, each with the folder whose search came upon it; `None` for one
            that the user named.
    """

    groups: tuple[Group, ...]
    unread: dict[str, str]
    skipped: Counter[str]
    others: dict[str, str | None]


def search(
    paths: Iterable[str | os.PathLike[str]],
    exclude: Iterable[str] = (),
    is_other: Callable[[str, bool], bool] = lambda path, named: False,
) -> Found:
    """Finds the models that the paths stand for; a path that cannot be read does not keep the others from it.

    Arguments:
        paths: files, folders, prefixes of checkpoints, or remote ones of these.
        exclude: names and patterns that a search of a folder leaves out.
        is_other: whether a path is that of a file which is no model and is wanted all the same, given whether the user
            named it; it is not opened here.
    """
    searched = _Search(tuple(exclude), is_other)
    for path in paths:
        searched.take(_without_dot(os.fspath(path)))
    groups, skipped = grouped(searched.pieces.values(), searched.shards, searched.states)
    return Found(tuple(groups), searched.unread, searched.skipped + skipped, searched.others)


class _Search:
    """The state of one search."""

    def __init__(self, exclude: tuple[str, ...], is_other: Callable[[str, bool], bool]) -> None:
        self.exclude = exclude
        self.is_other = is_other
        self.others: dict[str, str | None] = {}
        self.pieces: dict[str, Piece] = {}
        self.shards: dict[str, frozenset[str]] = {}
        self.states: dict[str, tuple[str, ...]] = {}
        self.unread: dict[str, str] = {}
        self.skipped: Counter[str] = Counter()

    def take(self, path: str) -> None:
        """Finds what one path stands for."""
        try:
            if _is_part(path):
                path = places.folder_of(path)
            if _is_folder(path):
                self._below(path.rstrip("/" + os.sep) or path)
            else:
                self._named(path)
        except UnusableInputError as error:
            self.unread[path] = str(error)
        except ModuleNotFoundError as error:
            self.unread[path] = missing_module(error, path, "files")

    def _below(self, top: str) -> None:
        found = walk(top, _artifact, self.exclude)
        self.skipped += found.skipped
        self.unread.update(found.refused)
        for path, form in found.folders.items():
            self._add(Piece(_without_dot(path), form, named=path == top))
        files = [_without_dot(path) for path in found.files]
        indexed = {path for path in files if path.endswith(".index")}
        for path in files:
            data = DATA_FILE.fullmatch(path)
            if data and f"{data[1]}.index" in indexed:
                continue
            if self.is_other(path, False):
                self.others.setdefault(path, top)
                continue
            try:
                if not self._state(path):
                    self._recognised(path, named=False)
            except UnusableInputError as error:
                # A run that goes on while it is searched replaces its checkpoints.
                if places.is_remote(path) or os.path.lexists(path):
                    self.unread[path] = str(error)

    def _named(self, path: str) -> None:
        if places.name_of(path) == STATE and places.is_file(path) and self._state(path):
            path = _beside(path, self.states.pop(places.folder_of(path))[0])
        standing = _without_dot(formats.standing_for(path))
        if not places.is_remote(path) and not os.path.lexists(standing) and os.path.isfile(f"{path}.meta"):
            standing = f"{path}.meta"
        if not places.is_remote(path) and not os.path.exists(standing):
            raise UnusableInputError(_absent(path))
        if self.is_other(path, True):
            self.others[path] = None
            return
        shard = SHARD.fullmatch(standing)
        index = f"{shard[1]}{shard[2]}.index.json" if shard and shard[2] else None
        if index is not None and places.is_file(index):
            standing = index
        if not self._recognised(standing, named=True):
            if not _size(standing):
                raise UnusableInputError(f"{path}: is empty")
            with open_source(standing) as source:
                raise UnusableInputError(formats.refusal(path, source))
        for companion in self._companions(standing):
            self._recognised(companion, named=True)

    def _companions(self, path: str) -> Iterator[str]:
        piece = self.pieces.get(path)
        prefix = prefix_of(path)
        if path.endswith(".meta"):
            beside = formats.standing_for(prefix)
            if beside != path and places.is_file(beside) and self._format(beside) == "TensorFlow checkpoint":
                yield beside
        elif piece is not None and piece.format == "TensorFlow checkpoint" and places.is_file(f"{prefix}.meta"):
            yield f"{prefix}.meta"

    def _recognised(self, path: str, named: bool) -> bool:
        name = self._format(path)
        if name is None:
            self.skipped[UNKNOWN] += not named
            return False
        if path.endswith((".index.json", ".weights.json")):
            self.shards[path] = _shards(path)
        self._add(Piece(path, name, named))
        return True

    def _format(self, path: str) -> str | None:
        with open_source(path) as source:
            found = formats.recognise(source)
        return found.name if found else None

    def _add(self, piece: Piece) -> None:
        known = self.pieces.get(piece.path)
        if known is None or not known.named:
            self.pieces[piece.path] = piece

    def _state(self, path: str) -> bool:
        """Whether a file notes the checkpoints of a run; they are noted here, too, the last one first."""
        if places.name_of(path) != STATE:
            return False
        with open_source(path) as source:
            text = source.head(MOST_STATE).decode("utf-8", "replace")
        # A run may have been moved since: the names count, not the folders that they were in.
        names = [re.split(r"[/\\]", entry)[-1] for entry in _STATE_ENTRY.findall(text)]
        if names:
            self.states[places.folder_of(path)] = tuple(dict.fromkeys(names))
        return bool(names)


def _is_folder(path: str) -> bool:
    # A web server has no folders that could be told from its pages.
    return not path.startswith(("http://", "https://")) and places.is_folder(path)


def _is_part(path: str) -> bool:
    """Whether a file is one of a folder's that is read, or not read, as a whole."""
    name, folder = places.name_of(path), places.folder_of(path)
    if name == ".metadata" or name.endswith(".distcp"):
        return places.is_folder(folder) and recognition.is_distributed(places.names_in(folder))
    return name == "saved_model.pb"


def _artifact(names: frozenset[str]) -> str | None:
    """The format of a folder with these names in it if it is one artifact."""
    return next((each.name for each in formats.FOLDERS if each.whole and each.recognise(names)), None)


def _without_dot(path: str) -> str:
    return path.removeprefix(os.path.join(".", "")) or path


def _beside(path: str, name: str) -> str:
    return path[: len(path) - len(places.name_of(path))] + name


def _size(path: str) -> int:
    with open_source(path) as source:
        return source.size


def _absent(path: str) -> str:
    if not path:
        return "the path is empty; expected a file, a folder or the prefix of a checkpoint"
    if os.path.islink(path):
        return f"{path}: is a link to {os.readlink(path)}, which does not exist"
    return f"{path}: there is no such file or folder, and no checkpoint of that prefix"


def _shards(path: str) -> frozenset[str]:
    """The files that an index names; what is wrong with it is the reader's to say."""
    with open_source(path) as source:
        text = source.head(MOST_INDEX)
    try:
        named = json.loads(text)["weight_map"].values()
        # Keras has a list of files for each group of tensors.
        names = [name for each in named for name in (each if isinstance(each, list) else [each])]
        return frozenset(_beside(path, name) for name in names if isinstance(name, str))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()
