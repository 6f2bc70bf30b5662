"""What the few names that torch.save writes stand for: storages, views of them, shapes, arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from steadynorm.artifacts.pickle_records import Attributed, Global, Piece, Record, as_key
from steadynorm.artifacts.torch_types import ALIASES, SIZES, STORAGES

MOST_AXES = 64
LARGEST = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A flat piece of memory that tensors are views of.

    Arguments:
        key: its name in the file.
        dtype: the type of its elements.
        elements: how many it has.
        start: the element of the memory called `key` that it begins with; not 0 for the views of old files.
    """

    key: str
    dtype: str
    elements: int
    start: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Strided:
    """A tensor: a view of a storage.

    Arguments:
        storage: its memory, `None` if the file does not have its values.
        dtype: the type of its elements.
        offset: the element of the storage that it begins with.
        shape: its shape.
        stride: by axis, how many elements of the storage lie between neighbours.
        why: why its values cannot be read, empty if they can.
        negative: whether the file has the values with the other sign.
        conjugate: whether the file has the complex conjugates.
        parameter: whether it is a parameter of a module.
        requires_grad: whether it is trained.
    """

    storage: Storage | None
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    why: str = ""
    negative: bool = False
    conjugate: bool = False
    parameter: bool = False
    requires_grad: bool = False


def dtype_of(value: object) -> str | None:
    """The name of a type, if the value is `torch.float32` or the like."""
    if not isinstance(value, Global) or value.module != "torch":
        return None
    name = ALIASES.get(value.name, value.name)
    return name if name in SIZES else None


def storage_of(given: object) -> Storage | None:
    """The storage of a persistent id: ("storage", class, key, place, elements[, (key, offset, elements)])."""
    if not isinstance(given, tuple) or not 5 <= len(given) <= 6 or given[0] not in ("storage", b"storage"):
        return None
    kind, key, _, elements = given[1:5]
    dtype = _storage_type(kind)
    name = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
    if dtype is None or not isinstance(name, str) or not _is_size(elements):
        return None
    view = given[5] if len(given) == 6 else None
    if view is None:
        return Storage(name, dtype, elements)
    if not isinstance(view, tuple) or len(view) != 3 or not all(_is_size(each) for each in view[1:]):
        return None
    return Storage(name, dtype, view[2], view[1])


def _storage_type(kind: object) -> str | None:
    if not isinstance(kind, Global) or kind.module.split(".")[0] not in ("torch", "__torch__"):
        return None
    return STORAGES.get(kind.name)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def sizes(value: object) -> tuple[int, ...] | None:
    """A shape or strides: a tuple or list of whole numbers, none of them negative."""
    if not isinstance(value, (tuple, list)) or len(value) > MOST_AXES:
        return None
    for each in value:
        # Asked for every axis of every tensor; a flag is no size, and of another type.
        if type(each) is not int or not 0 <= each < LARGEST:
            return None
    return tuple(value)


def rebuilt(record: Record) -> object:
    """A value of ours for one of the calls that torch.save writes; any other record as it is."""
    maker = _MAKERS.get(record.path)
    if maker is None or not isinstance(record.arguments, tuple):
        return record
    made = maker(*record.arguments[:16])
    return record if made is None else made


def _tensor(*given: object, dtype: str | None = None, metadata: object = None) -> Strided | None:
    if len(given) < 4:
        return None
    storage, offset, shape, stride = given[0], given[1], sizes(given[2]), sizes(given[3])
    if not isinstance(storage, Storage) or not _is_size(offset) or shape is None or stride is None:
        return None
    if len(shape) != len(stride):
        return None
    flags = metadata if isinstance(metadata, dict) else {}
    return Strided(
        storage,
        dtype or storage.dtype,
        offset if isinstance(offset, int) else 0,
        shape,
        stride,
        negative=flags.get("neg") is True,
        conjugate=flags.get("conj") is True,
        requires_grad=len(given) > 4 and given[4] is True,
    )


def _tensor_v2(*given: object) -> Strided | None:
    return _tensor(*given, metadata=given[6] if len(given) > 6 else None)


def _tensor_v3(*given: object) -> Strided | None:
    dtype = dtype_of(given[6]) if len(given) > 6 else None
    if dtype is None:
        return None
    return _tensor(*given, dtype=dtype, metadata=given[7] if len(given) > 7 else None)


def _quantized(*given: object) -> Strided | None:
    made = _tensor(*given[:4])
    return None if made is None else replace(made, why="it is quantized")


def _parameter(*given: object) -> object | None:
    if not given or not isinstance(given[0], Strided):
        return None
    return replace(given[0], parameter=True, requires_grad=len(given) > 1 and given[1] is True)


def _without_storage(*given: object) -> Strided | None:
    if len(given) < 3 or (dtype := dtype_of(given[0])) is None:
        return None
    shape, stride = sizes(given[1]), sizes(given[2])
    if shape is None or stride is None or len(shape) != len(stride):
        return None
    return Strided(None, dtype, 0, shape, stride, why="it is on the meta device: the file does not have its values")


def _from_other_device(*given: object) -> object | None:
    data = given[0] if given else None
    return data if isinstance(data, Strided | Record) else None


def _subclassed(*given: object) -> object | None:
    """_rebuild_from_type_v2(function, class, arguments, state): the tensor, without its class."""
    if len(given) < 3 or not isinstance(given[0], Global) or given[0].path == "torch._tensor._rebuild_from_type_v2":
        return None
    made = rebuilt(Record(given[0], given[2]))
    return made if isinstance(made, Strided) else None


def _mapping(*given: object) -> Attributed | None:
    made = Attributed()
    pairs = given[0] if given else ()
    if isinstance(pairs, dict):
        made.update(pairs)
        return made
    if not isinstance(pairs, list | tuple):
        return None
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            return None
        made[as_key(pair[0])] = pair[1]
    return made


def _default_mapping(*given: object) -> Attributed | None:
    return _mapping(*given[1:])


def _size(*given: object) -> tuple[int, ...] | None:
    return sizes(given[0]) if given else ()


def _encoded(*given: object) -> object | None:
    """_codecs.encode(text, "latin1"): how protocol 2 writes bytes."""
    if len(given) != 2 or not isinstance(given[0], str | Piece) or given[1] not in ("latin1", "latin-1"):
        return None
    if isinstance(given[0], Piece):
        return given[0]
    try:
        return given[0].encode("latin-1")
    except UnicodeEncodeError:
        return None


def _reconstructed(*given: object) -> Record | None:
    """copyreg._reconstructor(class, base, state): an instance, as protocols 0 and 1 write it."""
    return Record(given[0]) if given and isinstance(given[0], Global) else None


def _new_object(*given: object) -> Record | None:
    """copyreg.__newobj__(class, arguments…): likewise."""
    return Record(given[0], given[1:]) if given and isinstance(given[0], Global) else None


_MAKERS: dict[str, Callable[..., object | None]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_qtensor": _quantized,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_meta_tensor_no_storage": _without_storage,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _from_other_device,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_other_device,
    "torch._utils._rebuild_xla_tensor": _from_other_device,
    "torch._tensor._rebuild_from_type_v2": _subclassed,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.Size": _size,
    "collections.OrderedDict": _mapping,
    "collections.Counter": _mapping,
    "collections.defaultdict": _default_mapping,
    "_codecs.encode": _encoded,
    "copyreg._reconstructor": _reconstructed,
    "copyreg.__newobj__": _new_object,
}
