"""Orbax's arrays, read with tensorstore; only to be called in the process that `isolation` starts."""

from __future__ import annotations

import os
from typing import Any

import tensorstore

from steadynorm.errors import UnusableInputError

MOST_ARRAYS = 200_000
MOST_EAGER = 1 << 16
MOST_EAGER_TOTAL = 1 << 26
MOST_VALUES = 1 << 28
_METADATA = {".zarray": "zarr", "zarr.json": "zarr3"}


def structure(path: str) -> tuple[object, bytes]:
    """The arrays in a folder.

    Arguments:
        path: the folder that has the arrays, or the database of them.

    Returns:
        by name in the store: `shape`, `dtype`, and for small arrays the `piece` of the bytes returned that are its
        values.
    """
    found: dict[str, dict[str, object]] = {}
    pieces: list[bytes] = []
    total = 0
    for name, driver in _arrays(path):
        store = _opened(path, name, driver)
        dtype = store.dtype.name
        entry: dict[str, object] = {"shape": list(store.shape), "dtype": dtype, "driver": driver}
        size = store.size * (store.dtype.numpy_dtype.itemsize or 1)
        if size <= MOST_EAGER and total + size <= MOST_EAGER_TOTAL:
            try:
                piece = _bytes(store)
            except ValueError as error:
                entry["problem"] = str(error).splitlines()[0][:300] if str(error) else "its values cannot be read"
            else:
                entry["piece"] = [total, total + len(piece)]
                total += len(piece)
                pieces.append(piece)
        found[name] = entry
    return found, b"".join(pieces)


def values(path: str, name: str, driver: str) -> tuple[object, bytes]:
    """The values of one array, in its own type.

    Arguments:
        path: the folder.
        name: the array's, in the store.
        driver: as `structure` said.
    """
    store = _opened(path, name, driver)
    if store.size * store.dtype.numpy_dtype.itemsize > MOST_VALUES:
        raise UnusableInputError(f"{path}: the array {name!r} of shape {list(store.shape)} is too large to be read")
    return None, _bytes(store)


def _arrays(path: str) -> list[tuple[str, str]]:
    if os.path.isfile(os.path.join(path, "manifest.ocdbt")):
        keys = tensorstore.KvStore.open(_base(path)).result().list().result()
        names = [each.decode("utf-8", "replace") for each in keys]
        found = [
            (name.rpartition("/")[0], _METADATA[last])
            for name in names
            if (last := name.rpartition("/")[2]) in _METADATA
        ]
    else:
        found = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found += [
                        (entry.name, driver)
                        for last, driver in _METADATA.items()
                        if os.path.isfile(os.path.join(entry.path, last))
                    ]
    if len(found) > MOST_ARRAYS:
        raise UnusableInputError(f"{path}: has {len(found)} arrays; expected at most {MOST_ARRAYS}")
    return sorted(found)


def _base(path: str) -> dict[str, Any]:
    return {"driver": "ocdbt", "base": {"driver": "file", "path": os.path.join(path, "")}}


def _opened(path: str, name: str, driver: str) -> Any:
    if os.path.isfile(os.path.join(path, "manifest.ocdbt")):
        store: dict[str, Any] = {**_base(path), "path": f"{name}/"}
    else:
        store = {"driver": "file", "path": os.path.join(path, name, "")}
    return tensorstore.open({"driver": driver, "kvstore": store}, open=True, read=True, context=_context()).result()


def _context() -> Any:
    return tensorstore.Context({"file_io_concurrency": {"limit": 2}, "data_copy_concurrency": {"limit": 1}})


def _bytes(store: Any) -> bytes:
    data: bytes = store.read().result().tobytes()
    return data
