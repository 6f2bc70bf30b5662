"""Protobuf messages without their frameworks: classes built at run time from a table of the fields that are read.

A table has the fields in the notation of .proto files, one string each:

    {"NodeDef": ("string name = 1", "repeated string input = 3", "map<string, AttrValue> attr = 5"),
     "AttrValue": ("oneof value: bytes s = 2", "oneof value: int64 i = 3")}

Enumerations are written as int32. Fields that the table leaves out are skipped by protobuf itself. Each table has a
pool of its own, so that nothing collides with the classes of a framework that is imported as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from steadynorm.artifacts.budget import Budget
from steadynorm.artifacts.protobuf_memory import memory_of
from steadynorm.errors import UnusableInputError

Table: TypeAlias = Mapping[str, Iterable[str]]

_FIELD = re.compile(
    r"(?:oneof (?P<oneof>\w+): )?(?P<repeated>repeated )?(?P<type>\w+|map<\w+, \w+>) (?P<name>\w+) = (?P<number>\d+)"
)
_MAP = re.compile(r"map<(\w+), (\w+)>")

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in (
        "double",
        "float",
        "int32",
        "int64",
        "uint32",
        "uint64",
        "fixed32",
        "fixed64",
        "bool",
        "string",
        "bytes",
    )
}


def build(package: str, table: Table) -> dict[str, type[Message]]:
    """Message classes, by their names in the table.

    Arguments:
        package: a name for the messages' package; on the wire it does not show.
        table: the fields by message.

    Raises:
        ValueError: a field is not in the notation, or names a message that the table does not have.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in table.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add(message, field, f".{package}", table)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in table}


def parse(kind: type[Message], data: bytes, path: str, what: str, budget: Budget | None = None) -> Any:
    """A message from its bytes.

    Arguments:
        kind: a class that `build` made.
        data: the bytes.
        path: the file that they come from, for the error.
        what: what they should be, as `a MetaGraphDef`, for the error.
        budget: what is left to be spent on the file; without one the message may take all of one by itself.

    Raises:
        UnusableInputError: the bytes are no such message, are damaged, nest deeper than protobuf allows, or would take
            too much memory.
    """
    budget = budget or Budget()
    if not budget.is_free(len(data)):
        budget.take(memory_of(kind.DESCRIPTOR, data, budget.memory), path)
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise UnusableInputError(
            f"{path}: {len(data)} bytes are not {what}; the file is damaged, cut short or of another kind"
        ) from error
    return message


def _add(message: Any, text: str, package: str, table: Table) -> None:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a field as 'repeated string input = 3', got {text!r} in {message.name}")
    field = message.field.add(name=match["name"], number=int(match["number"]), label=_Field.LABEL_OPTIONAL)
    map_types = _MAP.fullmatch(match["type"])
    if map_types is not None:
        entry = message.nested_type.add(name=f"{_camel(field.name)}Entry")
        entry.options.map_entry = True
        for number, (name, kind) in enumerate(zip(("key", "value"), map_types.groups(), strict=True), start=1):
            _set_type(entry.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL), kind, package, table)
        field.label = _Field.LABEL_REPEATED
        field.type, field.type_name = _Field.TYPE_MESSAGE, f"{package}.{message.name}.{entry.name}"
        return
    _set_type(field, match["type"], package, table)
    if match["repeated"]:
        field.label = _Field.LABEL_REPEATED
    if match["oneof"]:
        names = [each.name for each in message.oneof_decl]
        if match["oneof"] not in names:
            message.oneof_decl.add(name=match["oneof"])
            names.append(match["oneof"])
        field.oneof_index = names.index(match["oneof"])


def _set_type(field: Any, kind: str, package: str, table: Table) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in table:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f"{package}.{kind}"
    else:
        raise ValueError(f"field {field.name!r} is of the type {kind!r}, which is neither a scalar nor in the table")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
