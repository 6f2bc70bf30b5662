"""An ONNX model drawn: scopes, shapes, shared statistics, ends that nothing reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from steadynorm.drawing.drawing import SHARED, drawing_of
from steadynorm.drawing.reading import read


def test_blocks_shapes_shared_statistics_and_dead_ends(onnx_file: Callable[..., Path]) -> None:
    found = read(str(onnx_file()))
    drawing = drawing_of(found.network, found.report)
    items = drawing.items
    named = {item.name: at for at, item in enumerate(items)}
    shapes = {(items[one].name, items[other].name): shape for one, other, shape, _ in drawing.edges}

    block = items[named["/features/block0/conv/Conv"]].parent
    assert items[block].name == "features/block0"
    assert shapes["input input", "/features/block0/conv/Conv"] == "?×3×8×8"
    assert shapes["/features/block2/act/Relu", "output r2"] == "?×4×8×8"
    assert [(items[one].name, items[other].name) for one, other, _, kind in drawing.edges if kind & SHARED] == [
        ("/features/block0/bn/BatchNormalization", "/features/block2/bn/BatchNormalization")
    ]
    assert {item.name: item.note for item in items if item.note} == {"/head/Sigmoid": "nothing reads it"}
    assert [items[at].health for at in drawing.sites] == ["healthy"] * 3


def test_opens_only_as_much_as_there_is_room_for(onnx_file: Callable[..., Path]) -> None:
    found = read(str(onnx_file()))
    drawing = drawing_of(found.network, found.report)
    items = drawing.items

    # input, output, the end that nothing reads, and the block of all features; with that open, three blocks in it.
    assert drawing.opened_for_layers(5) == []
    features = next(at for at, item in enumerate(items) if item.name == "features")
    assert set(drawing.opened_for_layers(100)) == {at for at, item in enumerate(items) if item.kind == "block"}
    assert features in drawing.opened_for_layers(8)
