"""Message classes from tables: what the wire format of the public specification says, and refusals."""

from __future__ import annotations

import pytest

from steadynorm.artifacts.protobuf import build, parse
from steadynorm.errors import UnusableInputError

TABLE = {
    "Node": (
        "string name = 1",
        "repeated string input = 3",
        "map<string, Value> attr = 5",
        "repeated int64 sizes = 6",
        "Node child = 7",
    ),
    "Value": ("oneof value: bytes s = 2", "oneof value: int64 i = 3", "oneof value: bool b = 5"),
}
CLASSES = build("tables", TABLE)


def test_fields_maps_and_choices_are_read_as_the_wire_has_them() -> None:
    wire = (
        b"\x0a\x01n"  # name
        b"\x1a\x01x\x1a\x02^y"  # input, twice
        b"\x2a\x07\x0a\x01k\x12\x02\x18\x07"  # attr: k -> i = 7
        b"\x32\x02\x02\x03"  # sizes, packed
        b"\x30\x04"  # and one that is not
        b"\x7a\x02??"  # field 15, of which the table knows nothing
    )

    node = parse(CLASSES["Node"], wire, "graph.pb", "a Node")

    assert node.name == "n"
    assert list(node.input) == ["x", "^y"]
    assert {key: (value.WhichOneof("value"), value.i) for key, value in node.attr.items()} == {"k": ("i", 7)}
    assert list(node.sizes) == [2, 3, 4]


@pytest.mark.parametrize(
    "data", [b"\x0a\x05n", b"\x07", b"\x0a\x01\xff", b"\x3a\x7f" * 200], ids=["short", "wire type", "utf-8", "cut"]
)
def test_damage_is_one_line_that_names_the_file(data: bytes) -> None:
    with pytest.raises(UnusableInputError, match=r"^graph\.pb: .* are not a Node; the file is damaged") as caught:
        parse(CLASSES["Node"], data, "graph.pb", "a Node")

    assert "\n" not in str(caught.value)


def test_nesting_deeper_than_protobuf_allows_is_refused() -> None:
    data = b""
    for _ in range(2000):
        length = len(data)
        prefix = bytearray()
        while length > 127:
            prefix.append(length & 127 | 128)
            length >>= 7
        data = b"\x3a" + bytes([*prefix, length]) + data

    with pytest.raises(UnusableInputError, match="not a Node"):
        parse(CLASSES["Node"], data, "graph.pb", "a Node")


@pytest.mark.parametrize("field", ["string name", "strange name = 1", "repeated map<string, Value> x = 1"])
def test_a_table_with_a_mistake_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="field"):
        build("mistaken", {"Node": (field,)})


def test_the_same_table_twice_does_not_collide() -> None:
    assert build("tables", TABLE)["Node"] is not CLASSES["Node"]
