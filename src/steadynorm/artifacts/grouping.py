"""Files that belong together: a graph with its checkpoint, shards with their index, the ranks of one run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from steadynorm.artifacts import places
from steadynorm.artifacts.walk import natural

DATA_FILE = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
"""The data of a TensorFlow checkpoint: bytes without names, which its index has."""

SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}(\.\w+)?")

OLDER = "older checkpoint of a run whose last one is checked"
SHARDS = "shard that its index names"

_MEMBER = re.compile(r"(?:(?<![A-Za-z])(?:rank|replica|worker)[_-]?\d+|-\d+-of-\d+)")
"""What tells the files of one run apart: the number of a rank, or of a part."""

_USUAL = {
    "pickle": (".pt", ".pth", ".bin", ".ckpt", ".tar"),
    "Flax msgpack": (".msgpack", ".flax"),
    "ONNX model": (".onnx",),
    "SavedModel file": (".pb",),
    "TensorFlow GraphDef": (".pb",),
    "TensorFlow MetaGraph": (".meta",),
}
"""Formats that other files have too, or could be taken for, and the suffixes that say that a model is meant."""

_STEP = re.compile(r"-\d+$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or a folder that is one artifact.

    Arguments:
        path: where it is.
        format: the name of its format.
        named: whether the user named it, in contrast to a search that came upon it.
    """

    path: str
    format: str
    named: bool = False

    @property
    def certain(self) -> bool:
        """Whether it must be a model's, and not just of a format that other files have too."""
        usual = _USUAL.get(self.format)
        return self.named or usual is None or self.path.lower().endswith(usual)


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are about one model.

    Arguments:
        path: what names it: a file, a folder, or a checkpoint's prefix.
        checkpoints: what holds the tensors, to be read one by one; several where one run wrote several: its ranks, or
            parts of one checkpoint.
        graph: the graph beside the checkpoint, `None` without one. A file of its own may hold both and is a checkpoint.
        named: whether the user named one of them.
        certain: whether it must be a model, so that it is a failure if it cannot be read.
    """

    path: str
    checkpoints: tuple[str, ...] = ()
    graph: str | None = None
    named: bool = False
    certain: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """All that is read."""
        return (*self.checkpoints, *([self.graph] if self.graph else []))


def prefix_of(path: str) -> str:
    """The prefix of a TensorFlow checkpoint that a file belongs to by its name; the path itself if to none."""
    data = DATA_FILE.fullmatch(path)
    if data:
        return data[1]
    for suffix in (".index", ".meta"):
        if path.endswith(suffix):
            return path.removesuffix(suffix)
    shard = SHARD.fullmatch(path)
    return shard[1] if shard and not shard[2] else path


def grouped(
    pieces: Iterable[Piece],
    shards: Mapping[str, frozenset[str]],
    states: Mapping[str, tuple[str, ...]],
) -> tuple[list[Group], Counter[str]]:
    """The models in the pieces, and how many of these were left aside, by why.

    Arguments:
        pieces: what was found, each once.
        shards: by the path of an index, the paths of the files that it names.
        states: by folder, the names of the checkpoints of the run that was written to it, the last one first.
    """
    skipped: Counter[str] = Counter()
    covered = frozenset().union(*shards.values())
    by_prefix: dict[str, list[Piece]] = {}
    by_template: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        if piece.path in covered and not piece.named:
            skipped[SHARDS] += 1
        elif piece.format == "TensorFlow checkpoint" or piece.path.endswith(".meta"):
            by_prefix.setdefault(prefix_of(piece.path), []).append(piece)
        else:
            by_template.setdefault(_template(piece), []).append(piece)
    groups = [_of_prefix(prefix, members) for prefix, members in by_prefix.items()]
    kept = _last_ones(groups, states)
    skipped[OLDER] += len(groups) - len(kept)
    kept += [_of_template(members) for members in by_template.values()]
    return sorted(kept, key=lambda group: natural(group.path)), +skipped


def alone(group: Group) -> list[Group]:
    """Each checkpoint of a group as a model of its own, for those that turn out not to belong together."""
    return [replace(group, path=path, checkpoints=(path,)) for path in group.checkpoints]


def _template(piece: Piece) -> tuple[str, str]:
    name = places.name_of(piece.path)
    return places.join(places.folder_of(piece.path), _MEMBER.sub("*", name)), piece.format


def _of_prefix(prefix: str, members: list[Piece]) -> Group:
    graphs = [each.path for each in members if each.path.endswith(".meta")]
    checkpoints = sorted(each.path for each in members if not each.path.endswith(".meta"))
    # The reader finds the other shards of a checkpoint by itself.
    return Group(prefix, tuple(checkpoints[:1]), graphs[0] if graphs else None, any(each.named for each in members))


def _of_template(members: list[Piece]) -> Group:
    return Group(
        members[0].path,
        tuple(each.path for each in members),
        named=any(each.named for each in members),
        certain=any(each.certain for each in members),
    )


def _last_ones(groups: list[Group], states: Mapping[str, tuple[str, ...]]) -> list[Group]:
    """The groups without the older checkpoints of a run; what the user named stays."""
    older: set[str] = set()
    for folder, names in states.items():
        stems = {_STEP.sub("", name) for name in names}
        run = [
            group.path
            for group in groups
            if places.folder_of(group.path) == folder and _STEP.sub("", places.name_of(group.path)) in stems
        ]
        # A state that was copied along may name a checkpoint that was not.
        last = next((path for path in run if places.name_of(path) == names[0]), max(run, key=natural, default=None))
        older |= {path for path in run if path != last}
    return [group for group in groups if group.named or group.path not in older]
