"""torch.save's zip archives: a pickle beside one stored entry for each storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.pickle_stream import PickleStream
from steadynorm.artifacts.source import Order, Source
from steadynorm.artifacts.torch_checkpoint import contents_of
from steadynorm.artifacts.torch_pickle import Pickled, read_pickle
from steadynorm.artifacts.torch_tensors import Place, Places
from steadynorm.artifacts.torch_tree import tree_of
from steadynorm.artifacts.zip_directory import Archive
from steadynorm.errors import UnusableInputError

PICKLE = "data.pkl"
_ORDERS: dict[bytes, Order] = {b"little": "<", b"big": ">"}


def read(source: Source) -> Contents:
    """What an archive of torch.save holds.

    Raises:
        UnusableInputError: it is damaged, or has no tensors.
    """
    archive = Archive(source)
    prefix = prefix_of(archive, PICKLE)
    pickled = read_entry(archive, prefix + PICKLE)
    # Most storages of a checkpoint are an optimizer's, which nobody looks at.
    places = Places(source, Stored(archive, prefix))
    return contents_of(tree_of(pickled.value, source.path), places, "PyTorch checkpoint", pickled.foreign)


class Stored(Mapping[str, Place]):
    """Where each storage is, found out when it is asked for.

    Arguments:
        archive: the archive.
        prefix: its folder.

    Raises:
        UnusableInputError: the byte order is unknown; on a look-up, the storage is compressed or reaches beyond the
            file.
    """

    def __init__(self, archive: Archive, prefix: str) -> None:
        self._archive, self._folder = archive, f"{prefix}data/"
        self._order = byte_order(archive, prefix)

    def __getitem__(self, key: str) -> Place:
        name = self._folder + key
        if name not in self._archive.entries:
            raise KeyError(key)
        return Place(self._archive.source, *self._archive.range_of(name), self._order)

    def __iter__(self) -> Iterator[str]:
        return (name[len(self._folder) :] for name in self._archive.entries if name.startswith(self._folder))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def prefix_of(archive: Archive, name: str) -> str:
    """The folder of an archive that has an entry `name`, with its slash; empty if there is none.

    Raises:
        UnusableInputError: no folder at the top has it, or several do.
    """
    found = [each for each in archive.entries if each == name or (each.endswith(f"/{name}") and each.count("/") == 1)]
    if len(found) != 1:
        raise UnusableInputError(f"{archive.source.path}: its archive has {len(found)} entries {name}; expected one")
    return found[0].removesuffix(name)


def read_entry(archive: Archive, name: str) -> Pickled:
    """Reads a pickle within an archive."""
    inside = archive.opened(name)
    return read_pickle(PickleStream(inside))


def storages(archive: Archive, prefix: str, folder: str, pickled: Pickled) -> dict[str, Place]:
    """Where each storage is that the pickle names; those that the archive lacks are left out.

    Raises:
        UnusableInputError: one is compressed or reaches beyond the file, or the byte order is unknown.
    """
    order = byte_order(archive, prefix)
    return {
        key: Place(archive.source, *archive.range_of(prefix + folder + key), order)
        for key in pickled.storages
        if prefix + folder + key in archive.entries
    }


def byte_order(archive: Archive, prefix: str) -> Order:
    """`<` or `>`; archives without a note are little-endian."""
    if f"{prefix}byteorder" not in archive.entries:
        return "<"
    noted = archive.text(f"{prefix}byteorder")
    if noted not in _ORDERS:
        raise UnusableInputError(f"{archive.source.path}: its byte order is {noted[:16]!r}; expected little or big")
    return _ORDERS[noted]
