"""A large project in two parts that have nothing to do with each other, by what its files import.

A library is a few modules that all others import, and many that import these and not each other: its models, say. Which
ones are which is guessed from the text, where star imports are not followed, since little ever comes by them. The guess
may be wrong: whoever runs the parts sees whether one comes to another's module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from steadynorm.source.reading.imports import imports
from steadynorm.source.symbolic.modules import Module, Project

WORTH = 1_000_000
"""Characters of source about the subject from which on a project is divided: a second's work."""

MOST_OF_ALL = 0.55
"""How much of a project one part may be; with more in one, little is gained by two."""

MOST_SHARED = 0.4
"""How much of a project may be shared: it is run by itself."""

_IMPORT = re.compile(r"[ \t]*(?:from +(\.*)([\w.]*)[ \t]+import\s*(\([^)]*\)|[^\n]*)|import +([^\n#;]+))")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Division:
    """The modules of a project that are run for themselves, in parts.

    Arguments:
        shared: what the parts import, and all that it imports in turn.
        subject: those of the shared ones that are run for themselves.
        parts: two sequences of modules that are run for themselves.
    """

    shared: tuple[Module, ...]
    subject: tuple[Module, ...]
    parts: tuple[tuple[Module, ...], tuple[Module, ...]]


def divided(project: Project, wanted: Sequence[Module]) -> Division | None:
    """Divides a project; `None` where it is small, or hangs together.

    Arguments:
        project: all its modules.
        wanted: those whose entry points are run; they alone count for the size.
    """
    sizes = {module: len(module.file.text) for module in wanted}
    total = sum(sizes.values())
    if total < WORTH:
        return None
    imported = {module: _imported(project, module) for module in project.modules}
    importers = Counter(each for found in imported.values() for each in found)
    shared: set[Module] = set()
    for module, count in [(None, 2), *importers.most_common()]:
        if module in shared or count < 2:
            continue
        if module is not None:
            shared |= _closure(module, imported)
        pieces = _pieces([each for each in project.modules if each not in shared], imported)
        weights = [_size(piece, sizes) for piece in pieces]
        if sum(weights) < (1 - MOST_SHARED) * total:
            break
        if max(weights, default=0) <= MOST_OF_ALL * sum(weights):
            return _halved(project.modules, shared, pieces, sizes)
    return None


def _size(modules: Iterable[Module], sizes: Mapping[Module, int]) -> int:
    return sum(sizes.get(each, 0) for each in modules)


def _halved(
    modules: Iterable[Module], shared: set[Module], pieces: list[set[Module]], sizes: Mapping[Module, int]
) -> Division:
    """The pieces in two parts, of which the first leaves time for what is shared."""
    weights = [min(_size(shared, sizes), sum(_size(each, sizes) for each in pieces) // 4), 0]
    parts: list[set[Module]] = [set(), set()]
    for piece in sorted(pieces, key=lambda piece: -_size(piece, sizes)):
        lighter = weights.index(min(weights))
        parts[lighter] |= piece
        weights[lighter] += _size(piece, sizes)
    first, second = (tuple(each for each in modules if each in part and each in sizes) for part in parts)
    everywhere = tuple(each for each in modules if each in shared)
    return Division(everywhere, tuple(each for each in everywhere if each in sizes), (first, second))


def _imported(project: Project, module: Module) -> set[Module]:
    """The modules that a module imports; a package is what it is imported for, and its folder."""
    found: set[Module | None] = set()
    for statement in imports(_IMPORT, module.file.text):
        found |= _meant(project, module, *statement.groups(""))
    return {each for each in found if each is not None} - {module}


def _meant(project: Project, importer: Module, dots: str, name: str, names: str, plain: str) -> set[Module | None]:
    """The modules that one import means."""
    if plain:
        return {project.resolve(each.split()[0], 0, importer) for each in plain.split(",") if each.strip()}
    if names.strip() == "*":
        return set()
    package = project.resolve(name, len(dots), importer)
    if package is not None and not package.package:
        return {package}
    inner = (f"{name}.{each}" if name else each for each in _WORD.findall(names))
    return {package, *(project.resolve(each, len(dots), importer) for each in inner)}


def _closure(module: Module, imported: Mapping[Module, set[Module]]) -> set[Module]:
    found = {module}
    pending = [module]
    while pending:
        new = imported[pending.pop()] - found
        found |= new
        pending += new
    return found


def _pieces(modules: Sequence[Module], imported: Mapping[Module, set[Module]]) -> list[set[Module]]:
    """Modules that hang together, whichever of them imports which."""
    inside = set(modules)
    tied: dict[Module, set[Module]] = {module: set() for module in modules}
    for module in modules:
        for each in imported[module] & inside:
            tied[module].add(each)
            tied[each].add(module)
    pieces: list[set[Module]] = []
    left = dict.fromkeys(modules)
    while left:
        piece = _closure(next(iter(left)), tied)
        pieces.append(piece)
        for each in piece:
            del left[each]
    return pieces
