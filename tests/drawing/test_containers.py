"""The files that TensorFlow keeps a graph in, here one without normalization layers, which is drawn all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadynorm.artifacts.tensorflow_messages import MetaGraphDef
from steadynorm.drawing.drawing import Drawing, drawing_of
from steadynorm.drawing.reading import read


def container(folder: Path, kind: str) -> Path:
    meta = MetaGraphDef()
    meta.meta_info_def.tags.append("serve")
    meta.meta_info_def.tensorflow_version = "1.15.0"
    for name, op, *inputs in (
        ("input", "Placeholder"),
        ("net/kernel", "VariableV2"),
        ("net/kernel/read", "Identity", "net/kernel"),
        ("net/conv", "Conv2D", "input", "net/kernel/read"),
        ("net/two", "Const"),
        ("net/mul", "Mul", "net/conv", "net/two"),
        ("save/SaveV2", "SaveV2", "net/kernel/read"),
    ):
        node = meta.graph_def.node.add()
        node.name, node.op = name, op
        node.input.extend(inputs)
        node.attr["T"].type = 1
    if kind == "MetaGraphDef":
        path, data = folder / "model.ckpt.meta", meta.SerializeToString()
    elif kind == "GraphDef":
        path, data = folder / "frozen.pb", meta.graph_def.SerializeToString()
    else:
        inner = meta.SerializeToString()
        # A SavedModel: the number 1 as field 1, and the MetaGraphDef, whose length takes two bytes, as field 2.
        path = folder / "saved_model.pb"
        data = b"\x08\x01\x12" + bytes([len(inner) & 127 | 128, len(inner) >> 7]) + inner
    path.write_bytes(data)
    return folder if kind == "SavedModel's folder" else path


def drawn(path: Path) -> Drawing:
    found = read(str(path))
    return drawing_of(found.network, found.report)


@pytest.mark.parametrize("kind", ["MetaGraphDef", "GraphDef", "SavedModel", "SavedModel's folder"])
def test_graph_is_drawn_from_every_kind_of_file(kind: str, tmp_path: Path) -> None:
    drawing = drawn(container(tmp_path, kind))
    items = drawing.items

    assert [(item.name, item.kind) for item in items] == [
        ("net", "block"),
        ("net/kernel", "variable"),
        ("net/conv", "op"),
        ("net/mul", "op"),
        ("input", "input"),
    ]
    assert {(items[one].name, items[other].name) for one, other, *_ in drawing.edges} == {
        ("input", "net/conv"),
        ("net/kernel", "net/conv"),
        ("net/conv", "net/mul"),
    }
    assert drawing.left_out == {"that are constants": 1, "for saving, initialization and summaries": 1}
    assert drawing.opened_for_layers(10) == [0]
