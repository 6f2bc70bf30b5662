"""TorchScript archives: the modules of the saved model from its pickle, and the modes from its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.pickle_records import Record
from steadynorm.artifacts.source import Source
from steadynorm.artifacts.torch_archive import PICKLE, prefix_of, read_entry, storages
from steadynorm.artifacts.torch_tensors import Place, Places
from steadynorm.artifacts.torch_tree import MOST_DEPTH, Path, Tree, tree_of
from steadynorm.artifacts.torch_values import Strided
from steadynorm.artifacts.zip_directory import Archive
from steadynorm.errors import UnusableInputError
from steadynorm.graphs.script_code import ScriptCode
from steadynorm.graphs.script_flow import Module, Weight, follow
from steadynorm.graphs.torch_flow import NAMELESS, Step, graph_of

CONSTANTS = "constants.pkl"


def read(source: Source) -> Contents:
    """What a saved TorchScript model holds.

    Raises:
        UnusableInputError: it is damaged, or has neither tensors nor code.
    """
    archive = Archive(source)
    prefix = prefix_of(archive, PICKLE)
    pickled = read_entry(archive, prefix + PICKLE)
    folder = "data/" if any(name.startswith(f"{prefix}data/") for name in archive.entries) else "tensors/"
    places = storages(archive, prefix, folder, pickled)
    tree = tree_of(pickled.value, source.path)
    constants: dict[str, object] = {}
    if prefix + CONSTANTS in archive.entries:
        constants = _constants(archive, prefix, tree, places)
    program = None
    if isinstance(pickled.value, Record):
        code = ScriptCode(lambda name: _code(archive, prefix, name))
        program = follow(_module(pickled.value, "", ()), code, constants)
    if not tree.leaves:
        raise UnusableInputError(f"{source.path}: is a TorchScript model without any weights")
    read_as = Places(source, places)
    tensors = {".".join(path): leaf for path, leaf in tree.leaves.items()}
    return Contents(
        format="TorchScript",
        framework="torch",
        tensors={name: read_as.tensor(name, leaf) for name, leaf in tensors.items()},
        graph=None if program is None else graph_of(program.steps, program.outputs),
        facts={
            "modules": _with_options(tree.modules, program.steps if program is not None else []),
            "traced": any(name.endswith("traced_inputs.pkl") for name in archive.entries),
            "complete": program is not None and program.complete,
            "foreign": pickled.foreign,
        },
    )


def _constants(archive: Archive, prefix: str, tree: Tree, places: dict[str, Place]) -> dict[str, object]:
    """Tensors that the code names; a frozen model has all of its weights among them."""
    pickled = read_entry(archive, prefix + CONSTANTS)
    values = pickled.value if isinstance(pickled.value, tuple | list) else ()
    for key, place in storages(archive, prefix, "constants/", pickled).items():
        places[f"constants/{key}"] = place
    found: dict[str, object] = {}
    for index, value in enumerate(values):
        if not isinstance(value, Strided) or value.storage is None:
            continue
        moved = replace(value, storage=replace(value.storage, key=f"constants/{value.storage.key}"))
        name = f"{NAMELESS}c{index}"
        if moved.storage is not None and moved.storage.key in places:
            tree.leaves[tuple(name.split("."))] = moved
        found[f"c{index}"] = Weight(name, value.shape, value.dtype)
    return found


def _module(record: Record, path: str, around: tuple[Record, ...]) -> Module:
    """A module, without those of its parts that it is itself a part of."""
    around = (*around, record)
    attributes: dict[str, object] = {}
    state = record.state if isinstance(record.state, dict) else {}
    for name, value in state.items():
        if not isinstance(name, str):
            continue
        where = f"{path}.{name}".lstrip(".")
        if isinstance(value, Record):
            if value not in around and len(around) < MOST_DEPTH:
                attributes[name] = _module(value, where, around)
        elif isinstance(value, Strided):
            attributes[name] = Weight(where, value.shape, value.dtype)
        elif isinstance(value, str | int | float | bool | type(None)):
            attributes[name] = value
    return Module(path, record.path, attributes)


def _code(archive: Archive, prefix: str, module: str) -> bytes | None:
    name = f"{prefix}code/{module.replace('.', '/')}.py"
    if name not in archive.entries:
        return None
    return archive.text(name)


def _with_options(modules: Mapping[Path, dict[str, object]], steps: list[Step]) -> dict[str, dict[str, object]]:
    """The modules with what their calls say about them: a traced module has its options only there."""
    found = {".".join(path): dict(attributes) for path, attributes in modules.items()}
    for step in steps:
        norm = step.normalization
        if norm is not None:
            known = found.setdefault(norm.layer, {"class": norm.kind})
            known.setdefault("eps", norm.epsilon)
            known.setdefault("momentum", norm.momentum)
            known.setdefault("track_running_stats", norm.mean is not None)
            known.setdefault("affine", norm.gamma is not None)
    return found
