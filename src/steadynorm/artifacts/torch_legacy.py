"""torch.save before the zip archives: pickles one after the other, and behind them the bytes of the storages.

A file that is only a pickle, with NumPy arrays in it or with nothing, is read here too.
"""

from __future__ import annotations

from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.pickle_stream import PickleStream
from steadynorm.artifacts.recognition import TORCH_MAGIC
from steadynorm.artifacts.source import Order, Source
from steadynorm.artifacts.torch_checkpoint import contents_of
from steadynorm.artifacts.torch_pickle import Pickled, read_pickle
from steadynorm.artifacts.torch_tensors import Place, Places
from steadynorm.artifacts.torch_tree import tree_of
from steadynorm.artifacts.torch_types import SIZES
from steadynorm.errors import UnusableInputError

PROTOCOL = 1001


def read(source: Source) -> Contents:
    """What a file of pickles holds.

    Raises:
        UnusableInputError: it is damaged, or has no tensors.
    """
    stream = PickleStream(source)
    if source.head(len(TORCH_MAGIC)) != TORCH_MAGIC:
        pickled = read_pickle(stream)
        return contents_of(tree_of(pickled.value, source.path), Places(source, {}), "pickle", pickled.foreign)
    read_pickle(stream)
    if (version := read_pickle(stream).value) != PROTOCOL:
        raise stream.broken(f"the format's version is {str(version)[:20]!r}; expected {PROTOCOL}")
    system = read_pickle(stream).value
    order: Order = ">" if isinstance(system, dict) and system.get("little_endian") is False else "<"
    pickled = read_pickle(stream)
    places = Places(source, _storages(stream, pickled, order))
    return contents_of(tree_of(pickled.value, source.path), places, "legacy PyTorch checkpoint", pickled.foreign)


def _storages(stream: PickleStream, pickled: Pickled, order: Order) -> dict[str, Place]:
    """Each storage is its number of elements in 8 bytes, and then the elements, in the order of a list of keys."""
    keys = read_pickle(stream).value
    if not isinstance(keys, list):
        raise stream.broken("the list of storages is missing")
    form = f"{order}q"
    places: dict[str, Place] = {}
    for key in keys:
        storage = pickled.storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise stream.broken("it lists a storage that nothing refers to")
        elements = stream.number(form, 8)
        if elements < 0:
            raise stream.broken(f"a storage of {elements} elements")
        places[storage.key] = Place(stream.source, *stream.skip(elements * SIZES[storage.dtype]), order)
    missing = [key for key in pickled.storages if key not in places]
    if missing:
        raise UnusableInputError(f"{stream.source.path}: {len(missing)} storages are missing from its list")
    return places
