"""Losses of graphs that nobody builds: the shapes they note are absurd, their wires go round in circles."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from steadynorm.graphs.broadcasts import find_broadcasts
from steadynorm.graphs.nodes import Node
from steadynorm.graphs.training import TrainingReader
from steadynorm.graphs.wires import TangledGraphError, Wires
from steadynorm.recorded import Broadcast

Shape = Sequence[int] | None
HUGE = 2**62
SECONDS = 10.0


def noted(shape: Shape) -> SimpleNamespace:
    """A shape as a parsed file has it; `None` for an unknown rank."""
    return SimpleNamespace(unknown_rank=shape is None, dim=[SimpleNamespace(size=each) for each in shape or ()])


def node(name: str, op: str, *inputs: str, shape: Shape = None, shapes: bool = True) -> Node:
    """A node that notes the shape of its output, or has the attribute without any in it."""
    held = SimpleNamespace(list=SimpleNamespace(shape=[noted(shape)] if shapes else []), shape=noted(shape))
    source = SimpleNamespace(op=op, attr={"_output_shapes": held, "shape": held})
    return Node(name, op, inputs, source=source)


def axes(name: str, *values: int) -> Node:
    tensor = SimpleNamespace(dtype=3, tensor_shape=noted([len(values)]), tensor_content=b"", int_val=list(values))
    return Node(name, "Const", source=SimpleNamespace(op="Const", attr={"value": SimpleNamespace(tensor=tensor)}))


def regression(column: Shape = (-1, 1), row: Shape = (-1,), result: Shape = (-1, -1)) -> dict[str, Node]:
    """A linear layer, the mean of what it misses the labels by, and a step that trains it."""
    nodes = [
        node("x", "Placeholder", shape=[column[0] if column else -1, 20]),
        node("kernel", "VariableV2", shape=[20, 1]),
        node("value", "MatMul", "x", "kernel", shape=column),
        node("labels", "Placeholder", shape=row),
        node("sub", "Sub", "value", "labels", shape=result),
        node("square", "Square", "sub", shape=result),
        axes("axes", 0, 1),
        node("loss", "Mean", "square", "axes", shape=[]),
        node("gradients/value", "SqrtGrad", "sub", "loss", shape=[20, 1]),
        node("train", "ApplyGradientDescent", "kernel", "gradients/value", shape=[20, 1]),
    ]
    return {each.name: each for each in nodes}


def told(flat: Mapping[str, Node]) -> tuple[Broadcast, ...]:
    wires = Wires(flat)
    return find_broadcasts(wires, TrainingReader(wires).steps([]))


def test_the_plain_graph_is_told() -> None:
    (found,) = told(regression())

    assert (found.node, found.prediction, found.target) == ("sub", "value", "labels")
    assert found.shape == (-1, -1)


@pytest.mark.parametrize(
    ("column", "row", "result"),
    [
        (None, None, None),
        ((-1, 1), None, (-1, -1)),
        ((-1, 1), (-1,), None),
        ((-1, 1), (), (-1, -1)),
        ((-1, 1), (-1,), ()),
        ((0, 1), (0,), (0, 0)),
        ((1, 1), (1,), (1, 1)),
        ((HUGE, 1), (HUGE - 1,), (HUGE, HUGE)),
        ((-1, 1) * 5_000, (-1,) * 5_000, (-1,) * 10_000),
    ],
    ids=range(9),
)
def test_shapes_that_fit_no_crossing_are_none(column: Shape, row: Shape, result: Shape) -> None:
    assert not told(regression(column, row, result))


@pytest.mark.parametrize("size", [-HUGE, -7, HUGE])
def test_sizes_beyond_all_memory_are_only_compared(size: int) -> None:
    (found,) = told(regression((size, 1), (size,), (size, size)))

    assert found.shape == (size, size)


def test_an_attribute_without_shapes_in_it_tells_nothing() -> None:
    for name, before in regression().items():
        flat = regression() | {name: node(name, before.op, *before.inputs, shapes=False)}
        assert not [each for each in told(flat) if name in ("value", "labels", "sub")]


@pytest.mark.parametrize("name", sorted(regression()))
def test_a_node_that_reads_itself_or_nothing(name: str) -> None:
    """Each node in turn in a circle by itself, without inputs, and with inputs that no node gives."""
    for inputs in ((name,), (name, name), (), ("nowhere", "nowhere:7"), ("sub:x", ":", "")):
        flat: dict[str, Any] = regression()
        flat[name] = Node(name, flat[name].op, inputs, source=flat[name].source)
        told(flat)


@pytest.mark.parametrize("op", ["Identity", "Cast", "Neg", "Mul", "BiasAdd"])
@pytest.mark.parametrize("end", ["value", "labels"])
def test_a_circle_behind_the_difference(op: str, end: str) -> None:
    flat = regression()
    shape = (-1, 1) if end == "value" else (-1,)
    scalar = [node("scalar", "VariableV2", shape=[])] if op in ("Mul", "BiasAdd") else []
    inputs = [each.name for each in scalar]
    ring = [node(end, op, "ring", *inputs, shape=shape), node("ring", op, end, *inputs, shape=shape), *scalar]

    assert not told(flat | {each.name: each for each in ring})


def test_a_circle_before_the_mean() -> None:
    ring = node("ring", "Add", "square", "again", shape=(-1, -1)), node("again", "Neg", "ring", shape=(-1, -1))
    flat = regression() | {each.name: each for each in ring}

    told(flat | {"square": node("square", "Mul", "sub", "again", shape=(-1, -1))})


def test_very_many_differences_take_no_long_time() -> None:
    flat = regression()
    for index in range(5_000):
        name = f"more{index}"
        flat[name] = node(name, "SquaredDifference", "value", "labels", shape=(-1, -1))
        flat[f"{name}/mean"] = node(f"{name}/mean", "Mean", name, "axes", shape=[])
    began = time.process_time()

    with suppress(TangledGraphError):
        told(flat)

    assert time.process_time() - began < SECONDS
