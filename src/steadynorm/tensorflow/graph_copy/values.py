"""The values of a session's variables, read and written without adding anything to its graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from steadynorm.errors import UnusableInputError
from steadynorm.graphs.reachability import VARIABLE_OPS

_READING = "ReadVariableOp"
_ASSIGNING = ("AssignVariableOp", "Assign")


def read_values(session: Any) -> dict[str, Any]:
    """The values of the variables by the names of their operations; those that are not initialized are left out."""
    tensors = {name: found for name, found in _readable(session.graph).items() if found is not None}
    try:
        return dict(session.run(tensors))
    except tf.errors.FailedPreconditionError:
        return {name: value for name in tensors if (value := _value(session, tensors[name])) is not None}


def write_values(session: Any, values: Mapping[str, Any]) -> None:
    """Gives variables other values, by the operations that initialize them.

    Raises:
        UnusableInputError: the graph has no operation that assigns one of them a value that can be fed.
    """
    assigning = {}
    for name in values:
        operation = next((each for each in _consumers(session.graph, name) if each.type in _ASSIGNING), None)
        if operation is None:
            raise UnusableInputError(
                f"nothing in the graph assigns the variable {name} as a whole, as its initializer would; write the new "
                "statistics to a checkpoint instead: steadynorm.repair"
            )
        assigning[name] = operation
    session.run(list(assigning.values()), {each.inputs[1]: values[name] for name, each in assigning.items()})


def variable_shapes(graph: Any) -> dict[str, tuple[int, ...] | None]:
    """The shapes of a graph's variables by the names of their operations, `None` for one that is not known."""
    found: dict[str, tuple[int, ...] | None] = {}
    for operation in graph.get_operations():
        if operation.type in VARIABLE_OPS:
            shape = tf.TensorShape(operation.get_attr("shape"))
            found[operation.name] = tuple(shape.as_list()) if shape.is_fully_defined() else None
    return found


def _readable(graph: Any) -> dict[str, Any]:
    """By variable: a tensor with its value that is there already, `None` without one."""
    found: dict[str, Any] = {}
    for operation in graph.get_operations():
        if operation.type not in VARIABLE_OPS:
            continue
        if operation.type != "VarHandleOp":
            found[operation.name] = operation.outputs[0]
            continue
        reads = [each for each in operation.outputs[0].consumers() if each.type == _READING]
        plain = [each for each in reads if not each.control_inputs]
        found[operation.name] = plain[0].outputs[0] if plain else None
    return found


def _consumers(graph: Any, name: str) -> list[Any]:
    return list(graph.get_operation_by_name(name).outputs[0].consumers())


def _value(session: Any, tensor: Any) -> Any:
    try:
        return session.run(tensor)
    except tf.errors.FailedPreconditionError:
        return None
