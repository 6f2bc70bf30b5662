"""What the nested dicts, lists and modules of a checkpoint hold: tensors, optimizers, modules and plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.artifacts.pickle_arrays import InlineArray, array_of, number_of
from steadynorm.artifacts.pickle_records import Record
from steadynorm.artifacts.torch_values import Strided
from steadynorm.errors import UnusableInputError

MOST_DEPTH = 64
MOST_VISITS = 500_000
MOST_NAME = 1 << 12
"""A dotted name of a real model is far shorter."""

RENORM = "steadynorm.renorm"
"""Where a state dict notes, layer by layer, what the renormalization of steadynorm's layers measures against."""

_PARTS = ("_parameters", "_buffers", "_modules")

Leaf: TypeAlias = Strided | InlineArray
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The state of one optimizer, as its state_dict has it.

    Arguments:
        path: where it is.
        steps: the entries `step` of its parameters, numbers or tensors.
        groups: its parameter groups, plain values only.
        slots: the types of the averages that it keeps of each parameter's gradients.
    """

    path: str
    steps: tuple[object, ...]
    groups: tuple[dict[str, object], ...]
    slots: frozenset[str] = frozenset()


@dataclass(slots=True)
class Tree:
    """Everything that was found, by path.

    Arguments:
        leaves: the tensors outside optimizers.
        values: plain numbers, texts and flags near the top.
        modules: class and plain attributes of whole modules.
        optimizers: the optimizers.
        versions: by state dict, the module versions that PyTorch notes in it (`_metadata`).
        renorm: by state dict and layer, the averages of renormalization that are noted there.
    """

    leaves: dict[Path, Leaf] = field(default_factory=dict)
    values: dict[Path, object] = field(default_factory=dict)
    modules: dict[Path, dict[str, object]] = field(default_factory=dict)
    optimizers: list[Optimizer] = field(default_factory=list)
    versions: dict[Path, dict[str, int]] = field(default_factory=dict)
    renorm: dict[Path, dict[str, list[Strided]]] = field(default_factory=dict)


def tree_of(root: object, path: str) -> Tree:
    """Walks through a value that a pickle was read into.

    Arguments:
        root: the value.
        path: the file, for the error.

    Raises:
        UnusableInputError: the value refers to itself so often that it has no end.
    """
    walker = _Walker(path)
    walker.visit(root, ())
    return walker.tree


class _Walker:
    def __init__(self, path: str) -> None:
        self.tree = Tree()
        self._path = path
        self._visits = 0
        self._inside: set[int] = set()

    def visit(self, value: object, at: Path) -> None:
        array = value if isinstance(value, Strided) else array_of(value)
        if array is not None:
            self._count()
            if at:
                self.tree.leaves[at] = array
            return
        if not isinstance(value, dict | list | tuple | Record):
            self._keep_value(value, at)
            return
        if len(at) > MOST_DEPTH or id(value) in self._inside:
            return
        self._count()
        self._inside.add(id(value))
        self._container(value, at)
        self._inside.discard(id(value))

    def _container(self, value: object, at: Path) -> None:
        if isinstance(value, list | tuple):
            for index, each in enumerate(value):
                if isinstance(each, dict | list | tuple | Record | Strided):
                    self.visit(each, (*at, str(index)))
        elif isinstance(value, dict):
            self._mapping(value, at)
        elif isinstance(value, Record):
            self._record(value, at)

    def _mapping(self, value: dict[object, object], at: Path) -> None:
        if (optimizer := _optimizer(value, at)) is not None:
            self.tree.optimizers.append(optimizer)
            return
        noted = _noted(getattr(value, "attributes", None))
        versions = {name: version for name, each in noted.items() if isinstance(version := each.get("version"), int)}
        if versions:
            self.tree.versions[at] = versions
        renorm = {name: _vectors(each.get(RENORM)) for name, each in noted.items() if RENORM in each}
        if renorm:
            self.tree.renorm[at] = renorm
        for key, each in value.items():
            if isinstance(key, str | int) and not isinstance(key, bool) and len(name := str(key)) < MOST_NAME:
                self.visit(each, (*at, name))

    def _record(self, value: Record, at: Path) -> None:
        number = number_of(value)
        if number is not None:
            self._keep_value(number, at)
        state = value.state[0] if isinstance(value.state, tuple) and value.state else value.state
        if isinstance(state, dict):
            if (optimizer := _optimizer(state, at)) is not None:
                self.tree.optimizers.append(optimizer)
                return
            self._attributes(value, state, at)
        for inside in (value.entries, value.items):
            if inside:
                self._container(inside, at)

    def _attributes(self, value: Record, state: dict[object, object], at: Path) -> None:
        if "training" in state:
            plain = {
                name: each
                for name, each in state.items()
                if isinstance(name, str) and isinstance(each, str | int | float | bool | type(None))
            }
            self.tree.modules[at] = {"class": value.path, **plain}
        for name, each in state.items():
            if name in _PARTS and isinstance(each, dict):
                self._mapping(each, at)
            elif isinstance(name, str) and len(name) < MOST_NAME and "hooks" not in name:
                self.visit(each, (*at, name))

    def _keep_value(self, value: object, at: Path) -> None:
        if 0 < len(at) <= 2 and isinstance(value, str | int | float | bool):
            self.tree.values[at] = value

    def _count(self) -> None:
        self._visits += 1
        if self._visits > MOST_VISITS:
            raise UnusableInputError(f"{self._path}: its pickle has parts within each other without end")


def _optimizer(value: dict[object, object], at: Path) -> Optimizer | None:
    """An optimizer's state_dict, known by its two entries."""
    state, groups = value.get("state"), value.get("param_groups")
    if not isinstance(state, dict) or not isinstance(groups, list):
        return None
    steps = tuple(each["step"] for each in state.values() if isinstance(each, dict) and "step" in each)
    return Optimizer(".".join(at), steps, tuple(_groups(groups)), frozenset(_slots(state)))


def _slots(state: dict[object, object]) -> Iterator[str]:
    for each in state.values():
        for value in each.values() if isinstance(each, dict) else ():
            # A lone number is a count of steps, which is kept in float32 whatever the parameters are.
            if isinstance(value, Strided) and value.shape and "float" in value.dtype:
                yield value.dtype


def _groups(groups: list[object]) -> Iterator[dict[str, object]]:
    for group in groups[:1000]:
        if not isinstance(group, dict):
            continue
        plain: dict[str, object] = {
            name: each
            for name, each in group.items()
            if isinstance(name, str) and isinstance(each, str | int | float | bool)
        }
        parameters = group.get("params")
        if isinstance(parameters, list | tuple):
            plain["params"] = tuple(each for each in parameters if isinstance(each, int | str))
        yield plain


def _noted(attributes: object) -> dict[str, dict[object, object]]:
    """What PyTorch notes in a state dict of each module, by the module's name."""
    metadata = attributes.get("_metadata") if isinstance(attributes, dict) else None
    if not isinstance(metadata, dict):
        return {}
    return {name: each for name, each in metadata.items() if isinstance(name, str) and isinstance(each, dict)}


def _vectors(value: object) -> list[Strided]:
    return [each for each in value if isinstance(each, Strided)] if isinstance(value, list | tuple) else []
