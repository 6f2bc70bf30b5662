"""Averaged and target copies of a network in its own file: which layers they are, and what they are copies of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import numpy as np

from steadynorm.artifacts.contents import Tensor
from steadynorm.artifacts.matching import relative_change
from steadynorm.artifacts.naming import Named
from steadynorm.errors import UnusableInputError

NEAR = 0.5
"""Weights that differ by less of their size are the same network's at two times."""

SAMPLED = 8

_COPY = re.compile(r"(?:.*_)?(?:ema|swa|teacher|target|averaged?|shadow|polyak)(?:_.*)?|(?:ema|swa|target|teacher)\w*")
_PERHAPS = re.compile(r".*_(?:k|m)|(?:.*_)?(?:key|momentum|slow|mean|avg)(?:_.*)?")
"""Names that copies have in contrastive learning; other things have them too, so that the weights must agree."""

_MEMBER = re.compile(r"(?P<list>.+)[./](?P<index>\d+)")


class Copies:
    """The copies in one file.

    Arguments:
        tensors: all tensors of the file.
        told: prefixes of copies that the file's structure shows, with the prefix that each is a copy of.
    """

    def __init__(self, tensors: Mapping[str, Tensor], told: object) -> None:
        self._tensors = tensors
        self._told = {str(copy): str(main) for copy, main in told.items()} if isinstance(told, Mapping) else {}
        self._near: dict[tuple[str, str], bool] = {}

    def original(self, name: str, among: Collection[str]) -> str | None:
        """The layer, one of these, that the layer `name` is a copy of."""
        named = (each for each in self._named(name) if each in among and each != name)
        return next(named, None) or self._beside(name, among)

    def _named(self, name: str) -> Iterable[str]:
        """What the layer may be called that `name` is a copy of, going by its name alone."""
        candidates = []
        for copy, main in self._told.items():
            if name.startswith(f"{copy}."):
                candidates.append(".".join(filter(None, (main, name[len(copy) + 1 :]))))
        separator, parts = _split(name)
        if _COPY.fullmatch(parts[0]):
            candidates += [separator.join(parts[1:]), separator.join(("model", *parts[1:]))]
        plain = [each.replace("module.", "", 1) for each in candidates]
        return [*candidates, *plain, *(f"module.{each}" for each in candidates)]

    def _beside(self, name: str, among: Collection[str]) -> str | None:
        """The layer of the same name in the network beside the copy, whose weights are near those of the copy."""
        separator, parts = _split(name)
        for at, part in enumerate(parts[:-1]):
            if not _is_copy(part):
                continue
            front, back = parts[:at], parts[at + 1 :]
            for other in (None, *sorted(self._siblings.get((separator, *front), ()))):
                if other is not None and (other == part or _is_copy(other)):
                    continue
                main = (*front, *(() if other is None else (other,)))
                original = separator.join((*main, *back))
                if main and original in among and self._are_near((*front, part), main, separator):
                    return original
        return None

    @cached_property
    def _siblings(self) -> dict[tuple[str, ...], set[str]]:
        """The parts of names by what stands before them, the first of which is the separator."""
        found: dict[tuple[str, ...], set[str]] = {}
        for name in self._tensors:
            separator, parts = _split(name)
            for at, part in enumerate(parts[:-1]):
                found.setdefault((separator, *parts[:at]), set()).add(part)
        return found

    def _are_near(self, copy: tuple[str, ...], main: tuple[str, ...], separator: str) -> bool:
        first, second = (separator.join(each) + separator for each in (copy, main))
        if (first, second) not in self._near:
            self._near[first, second] = self._compared(first, second)
        return self._near[first, second]

    def _compared(self, copy: str, main: str) -> bool:
        own = [name for name, tensor in self._tensors.items() if name.startswith(copy) and len(tensor.shape) > 1]
        pairs = [
            (self._tensors[name], other)
            for name in own
            if (other := self._tensors.get(main + name[len(copy) :])) is not None
            and other.shape == self._tensors[name].shape
        ]
        if not pairs or 2 * len(pairs) < len(own):
            return False
        pairs.sort(key=lambda pair: np.prod(pair[0].shape, dtype=float))
        changes = []
        for first, second in pairs[:SAMPLED]:
            try:
                values = [np.asarray(each.load(), np.float64) for each in (second, first)]
            except (UnusableInputError, TypeError, ValueError):
                continue
            changes.append(relative_change(*values))
        return bool(changes) and float(np.median(changes)) < NEAR


def add_lists(groups: Iterable[Named], tensors: Mapping[str, Tensor]) -> None:
    """Takes a list of averages, one per parameter in the order of the model, as averages of the layers' parameters."""
    lists: dict[str, list[str]] = {}
    for name in tensors:
        member = _MEMBER.fullmatch(name)
        if member and any(_COPY.fullmatch(part) for part in _split(member["list"])[1]):
            lists.setdefault(member["list"], []).append(name)
    if not lists:
        return
    groups = list(groups)
    kept = {
        tensor.name
        for group in groups
        for role, tensor in group.tensors.items()
        if role in ("mean", "variance", "updates")
    }
    kept |= {name for names in lists.values() for name in names}
    parameters = [name for name, each in tensors.items() if name not in kept and each.shape]
    for members in lists.values():
        if [tensors[name].shape for name in members] != [tensors[name].shape for name in parameters]:
            continue
        average = dict(zip(parameters, members, strict=True))
        for group in groups:
            for role in ("gamma", "beta"):
                if role in group.tensors and group.tensors[role].name in average:
                    group.averages.setdefault(role, tensors[average[group.tensors[role].name]])


def _is_copy(part: str) -> bool:
    return _COPY.fullmatch(part) is not None or _PERHAPS.fullmatch(part) is not None


def _split(name: str) -> tuple[str, tuple[str, ...]]:
    separator = "/" if "/" in name else "."
    return separator, tuple(name.split(separator))
