"""From files that belong together to the evidence about a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from steadynorm.artifacts import formats
from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.dangers import dangerous
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.grouping import Group, alone
from steadynorm.artifacts.naming import named_layers
from steadynorm.artifacts.ranks import are_ranks
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evidence

MOST_LAYERS = 25_000
"""The largest models have some thousands."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """One model, read.

    Arguments:
        path: what names it.
        files: what was read.
        format: what that is, in words.
        evidence: what it says; of several ranks, what the first one says, with the layers of the others beside it.
        code: functions that a file names and that loading it with pickle would run.
        ranks: what each of the other ranks says by itself, by file.
    """

    path: str
    files: tuple[str, ...]
    format: str
    evidence: Evidence
    code: tuple[str, ...] = ()
    ranks: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(slots=True)
class _Parts:
    checkpoints: dict[str, Contents] = field(default_factory=dict)
    graph: Contents | None = None


def assemble(
    group: Group, before: Contents | None, failed: Callable[[str, UnusableInputError], None]
) -> Iterator[Assembled]:
    """Reads what belongs together; several models come of it where the names only looked as if they were one's.

    Arguments:
        group: the files.
        before: an earlier checkpoint to compare with.
        failed: is told of every file that cannot be read, and why; what the others say remains.

    Raises:
        UnusableInputError: the contents do not fit together.
    """
    parts = _read(group, failed)
    contents = list(parts.checkpoints.values())
    if len(contents) < 2 or are_ranks(contents):
        if contents or parts.graph is not None:
            yield _assembled(group, parts, before)
    elif _are_shards(contents):
        whole = replace(contents[0], tensors=_together(contents))
        joined = _Parts({next(iter(parts.checkpoints)): whole}, parts.graph)
        yield replace(_assembled(group, joined, before), files=group.files)
    else:
        for single in alone(group):
            own = parts.checkpoints.get(single.path)
            if own is not None:
                yield _assembled(single, _Parts({single.path: own}), before)


def _read(group: Group, failed: Callable[[str, UnusableInputError], None]) -> _Parts:
    parts = _Parts()
    for path in group.checkpoints:
        try:
            parts.checkpoints[path] = formats.read(path)
        except UnusableInputError as error:
            failed(path, error)
    if group.graph is not None:
        try:
            parts.graph = formats.read(group.graph)
        except UnusableInputError as error:
            failed(group.graph, error)
    return parts


def _are_shards(contents: list[Contents]) -> bool:
    """Whether each is a part of the model: no tensor is in two of them."""
    return len(_together(contents)) == sum(len(each.tensors) for each in contents)


def _together(contents: list[Contents]) -> Mapping[str, Tensor]:
    return {name: tensor for each in contents for name, tensor in each.tensors.items()}


def _assembled(group: Group, parts: _Parts, before: Contents | None) -> Assembled:
    first = next(iter(parts.checkpoints), None)
    main = None if first is None else parts.checkpoints[first]
    for path, each in parts.checkpoints.items():
        _check_size(path, each)
    ranks = {path: each for path, each in parts.checkpoints.items() if path != first}
    evidence = evidence_of(main, graph=parts.graph, before=before, ranks=ranks)
    by_rank = {path: evidence_of(each, graph=parts.graph, before=before) for path, each in ranks.items()}
    files = (*parts.checkpoints, *([group.graph] if group.graph and parts.graph else []))
    return Assembled(group.path, files, _in_words(main, parts.graph), evidence, _code(parts), by_rank)


def _check_size(path: str, contents: Contents) -> None:
    """Refuses what no model is, before anything takes its time over each of the layers."""
    if len(contents.tensors) <= 2 * MOST_LAYERS:
        return
    complete, without = named_layers(contents.tensors, contents.framework)
    if (count := len(complete) + len(without)) > MOST_LAYERS:
        raise UnusableInputError(f"{path}: has {count} normalization layers; expected at most {MOST_LAYERS}")


def _code(parts: _Parts) -> tuple[str, ...]:
    read = (*parts.checkpoints.values(), *([parts.graph] if parts.graph is not None else []))
    return tuple(dict.fromkeys(name for each in read for name in dangerous(each.facts.get("foreign"))))


def _in_words(checkpoint: Contents | None, graph: Contents | None) -> str:
    first, *more = (each.format for each in (checkpoint, graph) if each is not None)
    # A TensorFlow checkpoint and MetaGraph: what both begin with is said once.
    return " and ".join([first, *(each.removeprefix(f"{first.split()[0]} ") for each in more)])
