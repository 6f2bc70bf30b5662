"""ONNX models against the onnx package: made with its helpers, checked by its checker, evaluated by its reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper, numpy_helper

from steadynorm.artifacts import onnx_messages
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.formats import read
from steadynorm.artifacts.onnx import read as read_source
from steadynorm.artifacts.source import of_bytes, open_source
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Mode

RNG = np.random.default_rng(2)
STATE = {role: RNG.random(4).astype(np.float32) for role in ("gamma", "beta", "moving_mean", "moving_variance")}
TORCH_NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
KERNEL = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)


def parameters(layer: str = "bn", state: dict[str, np.ndarray] = STATE) -> list[TensorProto]:
    """Initializers with the names that torch.onnx gives them."""
    return [numpy_helper.from_array(values, f"{layer}.{TORCH_NAMES[role]}") for role, values in state.items()]


def norm(source: str, output: str, layer: str = "bn", name: str = "", **options: Any) -> onnx.NodeProto:
    inputs = [source, *(f"{layer}.{each}" for each in TORCH_NAMES.values())]
    return helper.make_node(
        "BatchNormalization", inputs, [output], name=name or f"/{layer}/BatchNormalization", **options
    )


def model(
    nodes: Sequence[onnx.NodeProto],
    tensors: Iterable[TensorProto] = (),
    output: str = "y",
    opset: int = 17,
    check: bool = True,
    **options: Any,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", "c", "h", "w"])],
        list(tensors),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **options)
    if check:
        onnx.checker.check_model(made)
    return made


def contents_of(made: onnx.ModelProto) -> Contents:
    return read_source(of_bytes("model.onnx", made.SerializeToString()))


def conv(output: str = "c", bias: bool = False) -> tuple[onnx.NodeProto, list[TensorProto]]:
    tensors = [numpy_helper.from_array(KERNEL, "conv.weight")]
    if bias:
        tensors.append(numpy_helper.from_array(np.zeros(4, np.float32), "conv.bias"))
    return helper.make_node("Conv", ["x", *(each.name for each in tensors)], [output], name="/conv/Conv"), tensors


def exported(**options: Any) -> onnx.ModelProto:
    """What torch.onnx makes of convolution, normalization and rectifier."""
    node, tensors = conv()
    nodes = [node, norm("c", "b", epsilon=1e-5, momentum=0.9, **options), helper.make_node("Relu", ["b"], ["y"])]
    return model(nodes, [*tensors, *parameters()])


def same(contents: Contents, layer: str = "/bn/BatchNormalization", state: dict[str, np.ndarray] = STATE) -> None:
    for role, values in state.items():
        tensor = contents.tensors[f"{layer}/{role}"]
        assert tensor.shape == values.shape
        assert tensor.load().tobytes() == values.tobytes(), role


def graph_of(contents: Contents) -> Any:
    assert contents.graph is not None
    return contents.graph


def fact(contents: Contents, name: str) -> Any:
    return contents.facts[name]


def test_the_table_has_the_packages_own_numbers() -> None:
    kinds = {
        "int32": {5, 14},  # enumerations are read as integers
        "int64": {3},
        "uint64": {4},
        "float": {2},
        "double": {1},
        "string": {9},
        "bytes": {12},
    }
    within = {"Tensor": onnx.TypeProto, "Dimension": onnx.TensorShapeProto}
    for message, fields in onnx_messages.TABLE.items():
        descriptor = getattr(within.get(message, onnx), message).DESCRIPTOR
        for text in fields:
            head, number = text.split(" = ")
            *repeated, kind, name = head.split()
            field = descriptor.fields_by_name[name]
            assert field.number == int(number)
            assert field.is_repeated == bool(repeated)
            assert field.type in kinds[kind] if kind in kinds else field.message_type.name == kind
    names = {number: name.lower() for name, number in TensorProto.DataType.items()}
    ours = {number: name.replace("_", "") for number, name in onnx_messages.DATA_TYPES.items()}
    assert {number: names[number].replace("double", "float64").replace("float32", "float") for number in ours} == {
        number: {"float32": "float"}.get(name, name) for number, name in ours.items()
    }


def test_an_exported_model(tmp_path: Path) -> None:
    onnx.save(exported(), tmp_path / "model.onnx")

    contents = read(tmp_path / "model.onnx")

    assert (contents.format, contents.framework, contents.steps) == ("ONNX model", "onnx", None)
    same(contents)
    config = fact(contents, "configs")["/bn/BatchNormalization"]
    assert (config.axis, config.decay, config.epsilon) == (1, 0.9, 1e-5)
    assert fact(contents, "assumed")["/bn/BatchNormalization"] == frozenset()
    graph = graph_of(contents)
    assert (graph.inference_only, graph.exported) == (True, True)
    (use,) = graph.uses
    assert use.mode == Mode.POPULATION
    assert [(each.kind, each.name, each.bias) for each in use.before] == [("convolution", "/conv/Conv", False)]
    assert [each.kind for each in use.after] == ["activation", "output"]
    assert contents.tensors["conv.weight"].load().tobytes() == KERNEL.tobytes()


def test_the_values_are_those_that_the_model_computes_with() -> None:
    made = exported()
    x = RNG.normal(size=(2, 3, 5, 5)).astype(np.float32)
    (expected,) = onnx.reference.ReferenceEvaluator(made).run(None, {"x": x})
    convolved = helper.make_graph(made.graph.node[:1], "c", made.graph.input, [helper.make_tensor_value_info(
        "c", TensorProto.FLOAT, ["n", 4, "h", "w"])], [made.graph.initializer[0]])  # fmt: skip
    (middle,) = onnx.reference.ReferenceEvaluator(
        helper.make_model(convolved, opset_imports=made.opset_import, ir_version=8)
    ).run(None, {"x": x})

    contents = contents_of(made)

    value = {
        role: contents.tensors[f"/bn/BatchNormalization/{role}"].load().reshape(-1, 1, 1).astype(np.float64)
        for role in STATE
    }
    epsilon = fact(contents, "configs")["/bn/BatchNormalization"].epsilon
    y = (middle - value["moving_mean"]) / np.sqrt(value["moving_variance"] + epsilon) * value["gamma"] + value["beta"]
    np.testing.assert_allclose(np.maximum(y, 0), expected, atol=1e-5)


def float_data(name: str, values: np.ndarray) -> TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.tolist())


def raw_half(name: str, values: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float16), name)


def half_as_integers(name: str, values: np.ndarray) -> TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT16, values.shape, values.astype(np.float16))


def double_data(name: str, values: np.ndarray) -> TensorProto:
    return helper.make_tensor(name, TensorProto.DOUBLE, values.shape, values.astype(np.float64).tolist())


def bfloat16(name: str, values: np.ndarray) -> TensorProto:
    return helper.make_tensor(name, TensorProto.BFLOAT16, values.shape, values)


@pytest.mark.parametrize("make", [float_data, raw_half, half_as_integers, double_data, bfloat16])
def test_every_way_to_keep_values(make: Any) -> None:
    tensors = [make(f"bn.{TORCH_NAMES[role]}", values) for role, values in STATE.items()]

    contents = contents_of(model([norm("x", "y")], tensors, check=False))

    for role, tensor in zip(STATE, tensors, strict=True):
        expected = numpy_helper.to_array(tensor).astype(np.float64)
        np.testing.assert_array_equal(contents.tensors[f"/bn/BatchNormalization/{role}"].load(), expected)


def test_values_in_another_file(tmp_path: Path) -> None:
    onnx.save(
        exported(), tmp_path / "model.onnx", save_as_external_data=True, location="data/weights.bin", size_threshold=0
    ) if (tmp_path / "data").mkdir() is None else None

    same(read(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/passwd", "a/../../secret.bin", "..\\secret.bin", "", "C:/x"]
)
def test_values_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (tmp_path / "in").mkdir()
    tensors = parameters()
    tensors[2].ClearField("raw_data")
    tensors[2].data_location = TensorProto.EXTERNAL
    tensors[2].external_data.add(key="location", value=location)
    (tmp_path / "in" / "model.onnx").write_bytes(model([norm("x", "y")], tensors, check=False).SerializeToString())

    contents = read(tmp_path / "in" / "model.onnx")

    with pytest.raises(UnusableInputError, match="leads out of its folder"):
        contents.tensors["/bn/BatchNormalization/moving_mean"].load()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [("offset", "99", "points to bytes"), ("length", "x", "no number"), ("length", "3", "3 bytes")],
)
def test_wrong_places_in_another_file(tmp_path: Path, key: str, value: str, says: str) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(64))
    tensors = parameters()
    tensors[2].ClearField("raw_data")
    tensors[2].data_location = TensorProto.EXTERNAL
    tensors[2].external_data.add(key="location", value="w.bin")
    tensors[2].external_data.add(key=key, value=value)
    (tmp_path / "m.onnx").write_bytes(model([norm("x", "y")], tensors, check=False).SerializeToString())

    with pytest.raises(UnusableInputError, match=says):
        read(tmp_path / "m.onnx").tensors["/bn/BatchNormalization/moving_mean"].load()


def test_constants_behind_nodes() -> None:
    tensors = parameters()
    column = numpy_helper.from_array(STATE["moving_mean"].reshape(1, 4, 1, 1), "column")
    shape = numpy_helper.from_array(np.array([4]), "shape")
    nodes = [
        helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(STATE["gamma"])),
        helper.make_node("Identity", ["constant"], ["bn.weight"]),
        helper.make_node("Reshape", ["column", "shape"], ["bn.running_mean"]),
        norm("x", "y"),
    ]

    same(contents_of(model(nodes, [tensors[1], tensors[3], column, shape])))


@pytest.mark.parametrize(
    ("opset", "options", "outputs", "mode"),
    [
        (17, {"training_mode": 1}, 3, Mode.BATCH),
        (17, {"training_mode": 0}, 1, Mode.POPULATION),
        (15, {}, 1, Mode.POPULATION),
        (9, {}, 5, Mode.BATCH),
        (9, {}, 1, Mode.POPULATION),
        (7, {"spatial": 1}, 1, Mode.POPULATION),
        (6, {"is_test": 1}, 1, Mode.POPULATION),
        (6, {"is_test": 0}, 5, Mode.BATCH),
    ],
)
def test_every_generation_says_its_mode_in_its_own_way(
    opset: int, options: dict[str, int], outputs: int, mode: Mode
) -> None:
    node = norm("x", "y", **options)
    node.output.extend(["mean", "variance", "saved_mean", "saved_variance"][: outputs - 1])

    contents = contents_of(model([node], parameters(), opset=opset, check=opset >= 9))

    assert graph_of(contents).uses[0].mode == mode
    same(contents)
    assert fact(contents, "assumed")["/bn/BatchNormalization"] == {"decay", "epsilon"}
    config = fact(contents, "configs")["/bn/BatchNormalization"]
    assert (config.decay, config.epsilon) == (0.9, 1e-5)  # the operator's own defaults


def test_statistics_that_two_nodes_share() -> None:
    nodes = [norm("x", "a", name="one"), norm("a", "y", name="two")]

    contents = contents_of(model(nodes, parameters()))

    assert [(use.layer, use.node) for use in graph_of(contents).uses] == [("one", "one"), ("one", "two")]
    assert list(fact(contents, "configs")) == ["one"]


def test_nodes_without_names_and_with_the_same() -> None:
    nodes = [norm("x", "a"), norm("a", "b", "other", name="/bn/BatchNormalization"), norm("b", "y", "third")]
    nodes[2].ClearField("name")
    state = {role: values + 1 for role, values in STATE.items()}

    contents = contents_of(model(nodes, [*parameters(), *parameters("other", state), *parameters("third")]))

    assert list(fact(contents, "configs")) == ["/bn/BatchNormalization", "/bn/BatchNormalization_2", "y"]
    same(contents, "/bn/BatchNormalization_2", state)


def test_a_folded_model_has_nothing_to_check() -> None:
    node, tensors = conv("y", bias=True)

    contents = contents_of(model([node], tensors))

    assert graph_of(contents).uses == ()
    assert fact(contents, "configs") == {}


def test_statistics_that_are_inputs_of_the_graph() -> None:
    made = model([norm("x", "y")], parameters()[:2], check=False)

    contents = contents_of(made)

    assert set(contents.tensors) == {"/bn/BatchNormalization/gamma", "/bn/BatchNormalization/beta"}


def test_a_function() -> None:
    body = helper.make_node("BatchNormalization", ["i", "g", "b", "m", "v"], ["o"], name="inner")
    attribute = onnx.AttributeProto(name="epsilon", ref_attr_name="eps", type=onnx.AttributeProto.FLOAT)
    body.attribute.append(attribute)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "Norm", ["i", "g", "b", "m", "v"], ["o"], [body], opsets[:1], ["eps"])
    node, tensors = conv(bias=True)
    call = helper.make_node(
        "Norm", ["c", *(f"bn.{each}" for each in TORCH_NAMES.values())], ["n"], domain="own", eps=0.25
    )
    made = model([node, call, helper.make_node("Tanh", ["n"], ["y"])], [*tensors, *parameters()], check=False)
    made.functions.append(function)
    made.opset_import.append(opsets[1])
    onnx.checker.check_model(made)

    contents = contents_of(made)

    same(contents, "inner")
    assert fact(contents, "configs")["inner"].epsilon == 0.25
    (use,) = graph_of(contents).uses
    assert [(each.kind, each.bias) for each in use.before] == [("convolution", True)]
    assert [each.kind for each in use.after] == ["tanh", "output"]


def branch(name: str, nodes: list[onnx.NodeProto], tensors: Iterable[TensorProto] = ()) -> onnx.GraphProto:
    value = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4, "h", "w"])
    return helper.make_graph(nodes, name, [], [value], list(tensors))


def test_branches_see_what_is_around_them() -> None:
    node, tensors = conv()
    chosen = helper.make_node(
        "If",
        ["flag"],
        ["y"],
        then_branch=branch("t", [norm("c", "t")], parameters()[:2]),
        else_branch=branch("e", [helper.make_node("Identity", ["c"], ["e"])]),
    )
    flag = numpy_helper.from_array(np.array(True), "flag")

    contents = contents_of(model([node, chosen], [*tensors, *parameters()[2:], flag]))

    same(contents)
    (use,) = graph_of(contents).uses
    assert [each.name for each in use.before] == ["/conv/Conv"]
    assert [each.kind for each in use.after] == ["other", "output"]


def test_loops_hand_their_inputs_over() -> None:
    node, tensors = conv()
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), norm("state", "next")],
        "body",
        [
            value("at", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("state", TensorProto.FLOAT, None),
        ],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, None)],
    )
    loop = helper.make_node("Loop", ["times", "", "c"], ["y"], body=body)
    times = numpy_helper.from_array(np.array(3), "times")

    contents = contents_of(model([node, loop], [*tensors, *parameters(), times], check=False))

    same(contents)
    assert [each.kind for each in graph_of(contents).uses[0].before] == ["convolution"]


@pytest.mark.parametrize(
    ("make", "before"),
    [
        (lambda: [helper.make_node("Gemm", ["x", "k", "four"], ["c"])], [("linear", True)]),
        (lambda: [helper.make_node("Gemm", ["x", "k"], ["c"])], [("linear", False)]),
        (
            lambda: [helper.make_node("MatMul", ["x", "k"], ["m"]), helper.make_node("Add", ["m", "four"], ["c"])],
            [("add", True), ("linear", False)],
        ),
        (
            lambda: [helper.make_node("MatMul", ["x", "k"], ["m"]), helper.make_node("Add", ["m", "one"], ["c"])],
            [("add", False), ("linear", False)],
        ),
        (lambda: [helper.make_node("Dropout", ["x"], ["c"])], [("reshape", False)]),
        (lambda: [helper.make_node("Dropout", ["x", "", "yes"], ["c"])], [("dropout", False)]),
        (lambda: [helper.make_node("Custom", ["x"], ["c"], domain="own")], [("other", False)]),
    ],
)
def test_what_leads_into_a_layer(make: Any, before: list[tuple[str, bool]]) -> None:
    tensors = [
        numpy_helper.from_array(np.ones((4, 4), np.float32), "k"),
        numpy_helper.from_array(np.ones(4, np.float32), "four"),
        numpy_helper.from_array(np.ones(1, np.float32), "one"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]

    contents = contents_of(model([*make(), norm("c", "y")], [*tensors, *parameters()], check=False))

    assert [(each.kind, each.bias) for each in graph_of(contents).uses[0].before] == before


def test_a_convolution_that_feeds_a_shortcut() -> None:
    node, tensors = conv(bias=True)
    nodes = [node, norm("c", "b"), helper.make_node("Add", ["b", "c"], ["y"])]

    contents = contents_of(model(nodes, [*tensors, *parameters()]))

    assert graph_of(contents).uses[0].before[0].consumers == 2


@pytest.mark.parametrize("in_node", [False, True])
def test_large_tensors_stay_in_the_file(tmp_path: Path, in_node: bool) -> None:
    large = numpy_helper.from_array(np.arange(2_000_000, dtype=np.float32), "large")
    nodes = [norm("x", "y")]
    if in_node:
        nodes.append(helper.make_node("Constant", [], ["unused"], value=large))
    made = model(nodes, [*parameters(), *([] if in_node else [large])], check=False)
    onnx.save(made, tmp_path / "large.onnx")
    source = open_source(tmp_path / "large.onnx")

    contents = read_source(source)
    same(contents)

    assert source.size > 8_000_000
    assert source.bytes_read < 100_000
    if not in_node:
        np.testing.assert_array_equal(contents.tensors["large"].load(), np.arange(2_000_000, dtype=np.float32))
