"""Drawings of the labelled graphs, and a small ONNX model with shared statistics and an end that nothing reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadynorm.drawing.drawing import Drawing, drawing_of
from steadynorm.drawing.drawn import Drawn
from steadynorm.drawing.reading import read

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
ROLES = ("weight", "bias", "running_mean", "running_var")


@cache
def drawn(name: str) -> tuple[Drawn, Drawing]:
    found = read(str(next((CORPUS / name).glob("*.meta"))))
    return found, drawing_of(found.network, found.report)


@pytest.fixture
def corpus() -> Callable[[str], tuple[Drawn, Drawing]]:
    return drawn


@pytest.fixture
def onnx_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes three blocks of convolution and normalization, the first and the last with the same statistics."""

    def write(prefix: str = "/features", end: str = "/head/Sigmoid") -> Path:
        nodes, weights, given = [], [], "input"
        for at in range(3):
            block, own = f"{prefix}/block{at}", f"bn{at % 2}"
            shape = (4, 3 if at == 0 else 4, 1, 1)
            weights.append(numpy_helper.from_array(np.full(shape, 0.1, np.float32), f"w{at}"))
            inputs = [f"c{at}", *(f"{own}.{role}" for role in ROLES)]
            nodes += [
                helper.make_node("Conv", [given, f"w{at}"], [f"c{at}"], name=f"{block}/conv/Conv"),
                helper.make_node("BatchNormalization", inputs, [f"b{at}"], name=f"{block}/bn/BatchNormalization"),
                helper.make_node("Relu", [f"b{at}"], [f"r{at}"], name=f"{block}/act/Relu"),
            ]
            given = f"r{at}"
        for own in ("bn0", "bn1"):
            weights += [
                numpy_helper.from_array(np.linspace(0.5, 1.5, 4, dtype=np.float32), f"{own}.{role}") for role in ROLES
            ]
        nodes.append(helper.make_node("Sigmoid", ["r1"], ["unused"], name=end))
        sizes = ["N", 4, 8, 8]
        names = [f"{kind}{at}" for at in range(3) for kind in "cbr"][:-1]
        graph = helper.make_graph(
            nodes,
            "blocks",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
            [helper.make_tensor_value_info("r2", TensorProto.FLOAT, sizes)],
            weights,
            value_info=[helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in names],
        )
        path = tmp_path / "model.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]), path)
        return path

    return write
