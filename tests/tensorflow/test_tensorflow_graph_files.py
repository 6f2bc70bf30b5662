"""Files of TensorFlow graphs: recognised by content, old operations, and damage of every kind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts import formats, tensorflow_graph
from steadynorm.artifacts import tensorflow_messages as messages
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.source import of_bytes, open_source
from steadynorm.checks.registry import run
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
SMALL = (CORPUS / "10-q-network" / "model.ckpt.meta").read_bytes()
FLOAT = 1


def read(data: bytes) -> Contents | None:
    """What is read, `None` where the file is refused with one line; anything else escapes and fails the test."""
    contents, message = None, "model.meta: "
    try:
        contents = tensorflow_graph.read(of_bytes("model.meta", data))
        run(evidence_of(None, graph=contents))
    except UnusableInputError as error:
        message = str(error)
    assert message.startswith("model.meta: ")
    assert "\n" not in message
    return contents


def graph(*nodes: tuple[str, str, Sequence[str]]) -> Any:
    made = messages.GraphDef()
    for name, op, inputs in nodes:
        made.node.add(name=name, op=op, input=inputs)
    return made


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.meta")), ids=lambda path: path.parent.name)
def test_each_graph_of_the_corpus_is_recognised_whatever_its_name(path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "anything"
    moved.symlink_to(path)

    found = formats.recognise(open_source(moved))

    assert found is not None
    assert found.name == "TensorFlow MetaGraph"


def test_a_plain_graph_is_recognised_by_its_first_node(tmp_path: Path) -> None:
    (tmp_path / "graph").write_bytes(graph(("x", "Placeholder", []), ("y", "Relu", ["x"])).SerializeToString())

    found = formats.recognise(open_source(tmp_path / "graph"))

    assert found is not None
    assert found.name == "TensorFlow GraphDef"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x08\x01\x12",
        b"\x0a\x03abc",
        b"hello world, this is text",
        bytes(64),
    ],
)
def test_other_files_are_not_taken_for_graphs(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)

    found = formats.recognise(open_source(tmp_path / "file"))

    assert found is None or not found.name.startswith("TensorFlow")


def test_the_operations_of_the_first_versions(tmp_path: Path) -> None:
    made = graph(
        ("x", "Placeholder", []),
        *((name, "Variable", []) for name in ("mean", "variance", "beta", "gamma")),
        ("norm", "BatchNormWithGlobalNormalization", ["x", "mean", "variance", "beta", "gamma"]),
        ("save/file", "Placeholder", []),
        ("save/names", "Const", []),
        ("save/slices", "Const", []),
        ("save", "SaveSlices", ["save/file", "save/names", "save/slices", "beta", "gamma"]),
    )
    for node in made.node:
        if node.op == "Variable":
            node.attr["dtype"].type = FLOAT
            node.attr["shape"].shape.dim.add(size=4)
        elif node.op == "BatchNormWithGlobalNormalization":
            node.attr["scale_after_normalization"].b = True
            node.attr["variance_epsilon"].f = 0.01
        elif node.name == "save/names":
            node.attr["value"].tensor.dtype = 7
            node.attr["value"].tensor.tensor_shape.dim.add(size=2)
            node.attr["value"].tensor.string_val.extend([b"b", b"g"])

    contents = read(made.SerializeToString())

    assert contents is not None
    assert contents.graph is not None
    (use,), (layer,), (saver,) = contents.graph.uses, contents.graph.layers, contents.graph.savers
    assert use.mode is Mode.POPULATION
    assert (layer.gamma, layer.beta, layer.mean, layer.variance) == ("g", "b", "mean", "variance")
    assert (layer.channels, layer.epsilon) == (4, pytest.approx(0.01))
    assert saver.tensors == ("b", "g")
    assert saver.incomplete == (layer.name,)


def test_large_constants_stay_in_the_file(tmp_path: Path) -> None:
    made = graph(("x", "Placeholder", []), ("y", "Relu", ["x"]))
    for index in range(2):
        weights = made.node.add(name=f"weights{index}", op="Const")
        weights.attr["value"].tensor.tensor_content = bytes(40 << 20)
    (tmp_path / "frozen.pb").write_bytes(made.SerializeToString())
    source = open_source(tmp_path / "frozen.pb")

    assert tensorflow_graph.read(source).graph is not None
    assert source.bytes_read < 1 << 16


@pytest.mark.parametrize("part", range(50))
def test_a_file_that_was_cut_off(part: int) -> None:
    read(SMALL[: len(SMALL) * part // 50])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 7)), min_size=1, max_size=20))
def test_flipped_bits(flips: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL)
    for at, bit in flips:
        data[at] ^= 1 << bit
    read(bytes(data))


@settings(max_examples=40)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind(data: bytes) -> None:
    read(b"\x0a" + data)


def test_a_graph_without_nodes() -> None:
    with pytest.raises(UnusableInputError, match="has no node"):
        tensorflow_graph.read(of_bytes("graph.pb", b"\x22\x00"))


def nested_calls(times: int, depth: int) -> bytes:
    """Functions that each call the next one several times: a short file, and a huge graph if all calls are followed."""
    made = graph(("call", "PartitionedCall", []))
    made.node[0].attr["f"].func.name = "f0"
    for level in range(depth):
        function = made.library.function.add()
        function.signature.name = f"f{level}"
        for index in range(times):
            node = function.node_def.add(name=f"n{index}", op="PartitionedCall")
            node.attr["f"].func.name = f"f{level + 1 if level + 1 < depth else 0}"
    return bytes(made.SerializeToString())


def long_chain(op: str, length: int) -> bytes:
    return bytes(graph(*((f"n{index}", op, [f"n{index - 1}"] * 2) for index in range(length))).SerializeToString())


def many_conditions(count: int) -> bytes:
    nodes: list[tuple[str, str, Sequence[str]]] = [("s0", "Placeholder", [])]
    for index in range(1, count):
        nodes += [(f"p{index}", "Placeholder", []), (f"s{index}", "Switch", [f"s{index - 1}", f"p{index}"])]
    return bytes(graph(*nodes).SerializeToString())


def entangled(count: int) -> bytes:
    """Every update of the averages waits for all that come before."""
    nodes: list[tuple[str, str, Sequence[str]]] = [("x", "Placeholder", []), ("v", "Variable", [])]
    for index in range(count):
        nodes += [
            (f"bn{index}", "FusedBatchNorm", ["x", "v", "v", "v", "v"]),
            (f"grad{index}", "ReluGrad", [f"bn{index}"]),
            (f"apply{index}", "ApplyAdam", ["v", f"grad{index}", f"apply{index - 1}"]),
        ]
    return bytes(graph(*nodes).SerializeToString())


HOSTILE = {
    "calls within calls": lambda: nested_calls(8, 30),
    "calls of itself": lambda: nested_calls(2, 1),
    "long chain of conditions": lambda: long_chain("Merge", 20_000),
    "long chain of arithmetic": lambda: long_chain("Sub", 20_000),
    "conditions within conditions": lambda: many_conditions(20_000),
    "entangled updates": lambda: entangled(4_000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_graphs_that_nobody_builds(kind: str) -> None:
    begin = time.process_time()  # the other tests take the clock's time, too
    read(HOSTILE[kind]())

    # Ten times what they take alone: other work takes the caches, too. What this guards against would take hours.
    assert time.process_time() - begin < 40
