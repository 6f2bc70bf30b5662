"""Reads a pickle of PyTorch's as data: names, storages, plain values. Nothing in it is imported, called or loaded."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.artifacts.pickle_machine import PickleMachine
from steadynorm.artifacts.pickle_records import Global, Record
from steadynorm.artifacts.pickle_stream import PickleStream
from steadynorm.artifacts.torch_types import SIZES, STORAGES
from steadynorm.artifacts.torch_values import Storage, rebuilt, storage_of

_FAMILIAR = (
    "collections.", "numpy.dtype", "numpy.ndarray", "numpy.core.", "numpy._core.", "_codecs.encode", "__torch__.",
    "torch._utils._rebuild", "torch._tensor._rebuild", "torch.nn.", "torch.optim.", "torch.Size", "torch.device",
    "torch.serialization._get_layout", "torch.storage.", "torch.jit._pickle.", "builtins.set", "builtins.frozenset",
    "builtins.object", "builtins.complex", "builtins.bytearray", "copyreg._reconstructor",
)  # fmt: skip
"""How the names begin that models, optimizers and their tensors consist of."""

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Pickled:
    """One pickle.

    Arguments:
        value: what it describes.
        storages: the storages that its tensors are views of, by key; the largest claim for each.
        foreign: what loading it would import beyond PyTorch, NumPy and containers.
    """

    value: object
    storages: dict[str, Storage]
    foreign: tuple[str, ...]


def read_pickle(stream: PickleStream) -> Pickled:
    """Reads one pickle from a stream, which afterwards stands behind it.

    Raises:
        UnusableInputError: it is damaged, or absurdly large.
    """
    storages: dict[str, Storage] = {}

    def persistent(given: object) -> object:
        if isinstance(given, tuple) and len(given) >= 2 and given[0] in ("module", b"module"):
            return given[1]  # a class, with its source code behind it
        storage = storage_of(given)
        if storage is None:
            return Record(Global("", "persistent"), given)
        known = storages.get(storage.key)
        if known is None or _reach(storage) > _reach(known):
            storages[storage.key] = storage
        return storage

    machine = PickleMachine(stream, rebuilt, persistent)
    value = machine.run()
    foreign = tuple(_shown(name) for name in machine.globals if not _is_familiar(name))
    return Pickled(value, storages, foreign[:_SHOWN])


def _reach(storage: Storage) -> int:
    return (storage.start + storage.elements) * SIZES[storage.dtype]


def _is_familiar(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module == "torch":
        return last in SIZES or last in STORAGES or name.startswith(_FAMILIAR)
    return name.startswith(_FAMILIAR)


def _shown(name: str) -> str:
    return name[:100] if name.isprintable() else ascii(name[:100])[1:-1]
