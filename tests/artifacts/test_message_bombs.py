"""Messages of nothing but tiny parts, which take far more memory than file: refused before they are parsed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from steadynorm.artifacts import budget, formats
from steadynorm.artifacts.dtypes import count_of
from steadynorm.artifacts.protobuf_memory import FIELD, MESSAGE, NUMBER, TEXT, memory_of
from steadynorm.artifacts.source import of_bytes
from steadynorm.artifacts.tensorflow_messages import CLASSES
from steadynorm.artifacts.tensorflow_v1 import tensors_of
from steadynorm.errors import UnusableInputError

SIZE = 1 << 20
SECONDS, MEMORY = 10, 1 << 30


def number(value: int) -> bytes:
    data = b""
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def part(field: int, content: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(content)) + content


def of(field: int, content: bytes = b"", size: int = SIZE) -> bytes:
    one = part(field, content)
    return one * (size // len(one))


FIRST = part(1, part(1, b"a") + part(2, b"Placeholder"))


def with_attributes(attributes: bytes) -> bytes:
    return FIRST + part(1, part(1, b"b") + part(2, b"X") + attributes)


def many_attributes() -> bytes:
    return b"".join(part(5, part(1, b"%x" % index)) for index in range(SIZE // 9))


def meta(rest: bytes, graph: bytes = FIRST) -> bytes:
    return part(1, part(5, b"1.15.0")) + part(2, graph) + rest


NORM = part(1, b"".join(part(1, name) for name in (b"x", b"g", b"b", b"m", b"v")) + part(4, b"BatchNormalization"))


def onnx(graph: bytes, rest: bytes = b"") -> bytes:
    return b"\x08\x08" + part(2, b"pytorch") + part(7, NORM + graph) + rest


SMALL_LISTS = part(5, part(1, b"k") + part(2, part(1, of(7, size=1 << 15))))
BOMBS: dict[str, Callable[[], bytes]] = {
    "nodes": lambda: FIRST + of(1),
    "inputs": lambda: with_attributes(of(3)),
    "attributes": lambda: with_attributes(many_attributes()),
    "lists in many nodes": lambda: FIRST + of(1, part(1, b"b") + part(2, b"X") + SMALL_LISTS),
    "functions": lambda: FIRST + part(2, of(1)),
    "arguments of functions": lambda: FIRST + part(2, part(1, part(1, part(1, b"f") + of(2)))),
    "unknown fields": lambda: FIRST + of(15),
    "collections": lambda: meta(part(4, part(1, b"c") + part(2, part(1, of(1))))),
    "signatures": lambda: meta(b"".join(part(5, part(1, b"%x" % index)) for index in range(SIZE // 9))),
    "SavedModel": lambda: b"\x08\x01" + part(2, meta(b"", FIRST + part(2, of(1)))),
    "ONNX nodes": lambda: onnx(of(1)),
    "ONNX inputs": lambda: onnx(part(1, part(4, b"X") + of(1))),
    "ONNX attributes": lambda: onnx(part(1, part(4, b"X") + of(5))),
    "ONNX graphs": lambda: onnx(part(1, part(4, b"X") + part(5, part(1, b"g") + of(11)))),
    "ONNX initializers": lambda: onnx(of(5)),
    "ONNX axes": lambda: onnx(part(5, part(8, b"m") + part(1, b"\x01" * SIZE))),
    "ONNX axes of any length": lambda: onnx(part(5, part(8, b"m") + part(1, b"\xff\xff\xff\xff\x0f" * (1 << 12)))),
    "ONNX places": lambda: onnx(part(5, part(8, b"m") + of(13))),
    "ONNX functions": lambda: onnx(b"", of(25)),
    "ONNX arguments": lambda: onnx(of(11)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_message_of_tiny_parts_is_refused(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MOST_FIELDS", 1 << 13)
    monkeypatch.setattr(budget, "FREE", 1 << 12)
    monkeypatch.setattr(budget, "MOST_MEMORY", SIZE + (1 << 18))
    source = of_bytes("bomb", BOMBS[bomb]())
    found = formats.recognise(source)
    if found is None:
        return  # as good: nothing is read of it
    with pytest.raises(UnusableInputError) as refused:
        formats.import_module(f"steadynorm.artifacts.{found.module}").read(source)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


STATUS = Path("/proc/self/status")
WATCHED = f"""
import atexit, sys, time
from pathlib import Path

@atexit.register
def tell():
    # The highest memory of this program alone: what wait4 tells of a process begins with that of its parent.
    peak = next(line for line in Path("{STATUS}").read_text().splitlines() if line.startswith("VmHWM:"))
    print(time.process_time(), peak.split()[1])

from steadynorm.cli import main
main()
"""


@pytest.mark.skipif(not STATUS.exists(), reason="the memory of one process is not told here")
def test_a_file_of_tiny_parts_takes_neither_time_nor_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.pb"
    path.write_bytes(FIRST + part(2, part(1, part(1, part(1, b"f") + of(2, size=1 << 25)))))
    command = [sys.executable, "-c", WATCHED, "check", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    seconds, kibibytes = map(float, ended.stdout.split())
    assert seconds < SECONDS
    assert kibibytes * 1024 < MEMORY


def test_the_memory_of_a_message_is_counted_by_its_parts() -> None:
    kind = CLASSES["NodeDef"].DESCRIPTOR
    data = part(1, b"name") + of(3, b"x", 30)
    assert memory_of(kind, data, 1 << 20) == len(data) + 11 * FIELD + 10 * TEXT + TEXT
    shape = part(5, part(1, b"k") + part(2, part(7, of(2, size=8))))
    assert memory_of(kind, shape, 1 << 20) == len(shape) + 8 * FIELD + 7 * MESSAGE + TEXT
    floats = part(5, part(2, part(1, part(4, bytes(40)))))
    assert memory_of(kind, floats, 1 << 20) == len(floats) + 4 * FIELD + 3 * MESSAGE + 40 * NUMBER


def test_counting_stops_where_it_is_enough() -> None:
    begun = process_time()
    data = of(3, size=1 << 24)
    assert memory_of(CLASSES["NodeDef"].DESCRIPTOR, data, len(data) + 10_000) < len(data) + 10_100
    assert process_time() - begun < 1


def test_a_real_message_takes_no_more_than_was_counted() -> None:
    """An independent description of messages, protobuf's own: its parts are counted as they are there."""
    file = descriptor_pb2.FileDescriptorProto(name="a")
    for index in range(100):
        message = file.message_type.add(name=f"m{index}")
        for field in range(10):
            message.field.add(name=f"f{field}", number=field + 1)
    data = file.SerializeToString()
    messages, texts, numbers = 100 + 1000, 100 + 1000, 1000
    counted = memory_of(file.DESCRIPTOR, data, 1 << 30)
    assert counted == len(data) + (messages + texts + numbers + 1) * FIELD + messages * MESSAGE + (texts + 1) * TEXT


def test_small_messages_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = budget.Budget()
    assert spent.is_free(budget.FREE)
    assert not spent.is_free(1)
    with pytest.raises(UnusableInputError, match="512 MiB"):
        spent.take(budget.MOST_MEMORY + 1, "file")


def test_a_list_of_millions_of_tensors_is_refused() -> None:
    table: Any = SimpleNamespace(source=SimpleNamespace(path="model.ckpt"))
    begun = process_time()
    with pytest.raises(UnusableInputError, match="lists 2000000 tensors"):
        tensors_of([(table, part(1, of(1, size=4_000_000)))])
    assert process_time() - begun < 5


def test_a_shape_of_millions_of_axes_is_not_multiplied() -> None:
    begun = process_time()
    with pytest.raises(UnusableInputError, match="3000000 axes"):
        count_of([1 << 40] * 3_000_000, "file", "tensor")
    assert process_time() - begun < 1
