"""Writes that a run reaches, against what the run really changes, on every kind of control flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.framework.function import Defun

from steadynorm.graphs.nodes import read_graph_def
from steadynorm.graphs.reachability import Reachability

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    v2 = v1.control_flow_v2_enabled()
    with tf.Graph().as_default() as graph:
        yield graph
    (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()


def variable(name: str = "v", resource: bool = True) -> Any:
    return v1.get_variable(name, [], initializer=v1.zeros_initializer(), use_resource=resource)


def agrees(fetch: Any, *variables: Any) -> dict[str, bool]:
    """Runs the fetch once, and asserts that exactly those variables change that are said to be written."""
    graph = v1.get_default_graph()
    reach = Reachability(read_graph_def(graph.as_graph_def())).reach([getattr(fetch, "op", fetch).name])
    said = {each.op.name: each.op.name in reach.writes for each in variables}
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(fetch)
        changed = {each.op.name: bool(session.run(each) != 0) for each in variables}
    assert said == changed
    return said


@pytest.mark.parametrize("resource", [True, False])
def test_data_and_control_edges(resource: bool) -> None:
    data, control, neither = (variable(name, resource) for name in ("data", "control", "neither"))
    with tf.control_dependencies([v1.assign_add(control, 1.0)]):
        fetch = tf.identity(v1.assign_add(data, 1.0)) * 2.0
    v1.assign_add(neither, 1.0)
    assert agrees(fetch, data, control, neither) == {"data": True, "control": True, "neither": False}


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("connected", [True, False])
def test_first_cond_and_its_switched_reference(resource: bool, connected: bool) -> None:
    v1.disable_control_flow_v2()
    target = variable(resource=resource)

    def branch() -> Any:
        with tf.control_dependencies([v1.assign_add(target, 1.0)] if connected else []):
            v1.assign_sub(target, 5.0)
            return tf.constant(1.0) + 0.0

    fetch = v1.cond(v1.placeholder_with_default(True, []), branch, lambda: tf.constant(2.0))
    assert agrees(fetch, target) == {"v": connected}


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("connected", [True, False])
def test_first_while_loop(resource: bool, connected: bool) -> None:
    v1.disable_control_flow_v2()
    target = variable(resource=resource)

    def body(i: Any) -> Any:
        update = v1.assign_add(target, 1.0)
        with tf.control_dependencies([update] if connected else []):
            return tf.identity(i) + 1

    fetch = v1.while_loop(lambda i: i < 3, body, [tf.constant(0)])
    assert agrees(fetch, target) == {"v": connected}


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("loop", [True, False])
def test_functional_control_flow(connected: bool, loop: bool) -> None:
    v1.enable_control_flow_v2()
    target = variable()

    def body(i: Any) -> Any:
        with tf.control_dependencies([target.assign_add(1.0)] if connected else []):
            target.assign_add(5.0)
            return tf.identity(i) + 1

    start = v1.placeholder_with_default(0, [])
    fetch = (
        v1.while_loop(lambda i: i < 3, body, [start]) if loop else v1.cond(start < 1, lambda: body(start), lambda: 0)
    )
    assert agrees(fetch, target) == {"v": connected}


def test_cond_within_a_loop_within_a_function() -> None:
    v1.enable_control_flow_v2()
    inner, outer, idle = variable("inner"), variable("outer"), variable("idle")

    @tf.function(autograph=False)
    def called(x: Any) -> Any:
        def body(i: Any) -> Any:
            return v1.cond(x > 0.0, lambda: inner.assign_add(1.0), lambda: x), i + 1

        outer.assign_add(1.0)
        return tf.while_loop(lambda _, i: i < 2, lambda _, i: body(i), [x, 0])[0]

    fetch = called(v1.placeholder_with_default(1.0, []))
    idle.assign_add(1.0)
    assert agrees(fetch, inner, outer, idle) == {"inner": True, "outer": True, "idle": False}


def test_one_function_called_with_different_variables() -> None:
    first, second, third = (variable(name) for name in ("first", "second", "third"))

    @Defun(tf.resource)
    def update(handle: Any) -> Any:
        tf.raw_ops.AssignAddVariableOp(resource=handle, value=tf.constant(1.0))
        return tf.constant(3.0)

    fetch = update(first.handle) + update(second.handle)
    update(third.handle)
    assert agrees(fetch, first, second, third) == {"first": True, "second": True, "third": False}


@pytest.mark.parametrize("controlled", [True, False])
def test_effects_that_nothing_in_the_function_waits_for(controlled: bool) -> None:
    target = variable()
    graph_def = tf.Graph().as_graph_def()
    with tf.Graph().as_default() as graph:
        handle = v1.placeholder(tf.resource, [], name="handle")
        _add_function(graph_def, controlled)
        tf.graph_util.import_graph_def(graph_def, name="")
        call = tf.raw_ops.StatefulPartitionedCall(args=[handle], Tout=[tf.float32], f=_Named("effect"), name="call")
        graph_def = graph.as_graph_def()
        assert call[0].op.name == "call"
    (fetch,) = tf.graph_util.import_graph_def(
        graph_def, input_map={"handle:0": target.handle}, return_elements=["call:0"], name="imported"
    )
    assert agrees(fetch, target) == {"v": controlled}


class _Named:
    """What raw_ops takes for a function that the graph holds already."""

    def __init__(self, name: str) -> None:
        self.name = name

    def add_to_graph(self, graph: tf.Graph) -> None:
        pass


def _add_function(graph_def: Any, controlled: bool) -> None:
    """A function of a handle that adds 1 to its variable and returns 3."""
    body = graph_def.library.function.add()
    body.signature.name = "effect"
    body.signature.is_stateful = True
    body.signature.input_arg.add(name="handle", type=tf.resource.as_datatype_enum)
    body.signature.output_arg.add(name="result", type=tf.float32.as_datatype_enum)
    constant = body.node_def.add(name="three", op="Const")
    constant.attr["dtype"].type = tf.float32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(3.0))
    write = body.node_def.add(name="write", op="AssignAddVariableOp", input=["handle", "three:output:0"])
    write.attr["dtype"].type = tf.float32.as_datatype_enum
    body.ret["result"] = "three:output:0"
    if controlled:
        body.signature.control_output.append("write")
        body.control_ret["write"] = "write"


def test_functions_that_call_themselves_end() -> None:
    graph_def = v1.GraphDef()
    body = graph_def.library.function.add()
    body.signature.name = "again"
    body.signature.input_arg.add(name="x", type=tf.resource.as_datatype_enum)
    body.node_def.add(name="call", op="StatefulPartitionedCall", input=["x"]).attr["f"].func.name = "again"
    body.node_def.add(name="write", op="AssignAddVariableOp", input=["x", "call:output:0"])
    body.control_ret["write"] = "write"
    graph_def.node.add(name="v", op="VarHandleOp")
    graph_def.node.add(name="run", op="StatefulPartitionedCall", input=["v"]).attr["f"].func.name = "again"
    reach = Reachability(read_graph_def(graph_def)).reach(["run"])
    assert reach.writes == {"v": {("run", "again", "write")}}


def test_unknown_roots_are_refused() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        Reachability(read_graph_def(v1.GraphDef())).reach(["nowhere"])
