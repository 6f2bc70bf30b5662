"""The other end of `isolation`: a process that reads files with native libraries, under limits, for its parent.

A message, in both directions, is two lengths of 8 bytes, a JSON object and then raw bytes. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from steadynorm.errors import UnusableInputError

Answer: TypeAlias = tuple[object, bytes]
"""A JSON value, and bytes that it points into."""

LENGTHS = struct.Struct("<QQ")
MOST_MEMORY = 1 << 30
MOST_SECONDS = 10
MOST_REPLY = 1 << 28

TASKS = {
    "hdf5.structure": "steadynorm.artifacts.hdf5_child",
    "hdf5.values": "steadynorm.artifacts.hdf5_child",
    "orbax.values": "steadynorm.artifacts.orbax_child",
    "orbax.structure": "steadynorm.artifacts.orbax_child",
}
"""What a parent may ask for, and the module that has it under the name behind the dot."""


def read_exactly(descriptor: int, count: int) -> bytes:
    """`count` bytes from a pipe, or fewer where it ends."""
    parts = []
    while count > 0 and (part := os.read(descriptor, min(count, 1 << 20))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def message(head: object, body: bytes = b"") -> bytes:
    """A message in the form that both ends read."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def limit(resource: Any, name: str, soft: int) -> None:
    """Lowers a limit of this process, where the system has it and does not set a lower one already."""
    kind = getattr(resource, name, None)
    if kind is not None:
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (soft if hard < 0 else min(soft, hard), hard))


def answer(task: str, arguments: dict[str, Any], data: bytes) -> tuple[dict[str, object], bytes]:
    """Does a task; whatever goes wrong in it becomes one line.

    Arguments:
        task: one of `TASKS`.
        arguments: of its function.
        data: bytes that the function gets as `data`, if there are any.
    """
    try:
        function: Callable[..., Answer] = getattr(import_module(TASKS[task]), task.partition(".")[2])
        result, body = function(**arguments, **({"data": data} if data else {}))
        if len(body) > MOST_REPLY:
            return {"unusable": f"the file holds {len(body)} bytes of statistics; expected at most {MOST_REPLY}"}, b""
        return {"result": result}, body
    except ModuleNotFoundError as error:
        return {"missing": error.name or str(error)}, b""
    except UnusableInputError as error:
        return {"unusable": str(error)}, b""
    except MemoryError:
        return {"failed": "it asks for more memory than any checkpoint needs"}, b""
    except Exception as error:  # native libraries raise anything on a damaged file
        lines = str(error).strip().splitlines() or [""]
        return {"failed": f"{type(error).__name__}: {lines[0][:300]}"}, b""


def main() -> None:
    """Answers requests until the parent closes its end."""
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what a library prints is no reply
    try:
        import resource
    except ImportError:  # not on Windows, where only the parent's clock limits
        resource = None  # type: ignore[assignment]
    limit(resource, "RLIMIT_AS", MOST_MEMORY)
    limit(resource, "RLIMIT_CORE", 0)
    limit(resource, "RLIMIT_FSIZE", 0)
    while len(lengths := read_exactly(requests, LENGTHS.size)) == LENGTHS.size:
        head, body = LENGTHS.unpack(lengths)
        request = json.loads(read_exactly(requests, head))
        data = read_exactly(requests, body)
        if resource is not None:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            limit(resource, "RLIMIT_CPU", int(usage.ru_utime + usage.ru_stime) + MOST_SECONDS)
        reply = message(*answer(request["task"], request["arguments"], data))
        while reply:
            reply = reply[os.write(replies, reply) :]
