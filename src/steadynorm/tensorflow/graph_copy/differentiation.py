"""Derivatives in a copied graph, and Adam on its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

_DECAYS = 0.9, 0.999
_EPSILON = 1e-8
"""Adam's (Kingma and Ba, 2015)."""


_SWITCH = "SteadynormSwitchOfVariable"


class NoGradientError(Exception):
    """TensorFlow takes no gradient through a part of the graph."""


def gradients(number: Any, tensors: Sequence[Any]) -> list[Any]:
    """The gradients of a number for some tensors or variables, `None` where none arrives.

    Raises:
        NoGradientError: some operation between them has none, or none in a copy.
    """
    with number.graph.as_default():
        try:
            found = tf.compat.v1.gradients(number, list(tensors))
            return [None if each is None else tf.convert_to_tensor(each) for each in found]
        except LookupError as error:
            raise NoGradientError(f"TensorFlow takes no gradient: {str(error).splitlines()[0]}") from error
        except Exception as error:  # what fails within the gradient of an operation is of any kind
            raise NoGradientError(
                "TensorFlow takes no gradient in a copy of this graph, as through a loop or a tf.custom_gradient"
            ) from error


def differentiable(graph_def: Any) -> Any:
    """Lets gradients pass where only one of two branches reads a variable; changes the definition itself."""
    for node in graph_def.node:
        if node.op == "Switch" and node.attr["T"].type == tf.resource.as_datatype_enum:
            node.attr["_gradient_op_type"].s = _SWITCH.encode()
    return graph_def


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam in a graph; the rate is fed and the steps are counted by who runs it.

    Arguments:
        size: the placeholder of the size of a step.
        step: the operation that makes one.
        begin: the operation that sets the averages of the gradients to zero.
    """

    size: Any
    step: Any
    begin: Any

    def feed(self, rate: float, step: int) -> dict[str, float]:
        """What one step is fed, the first being step 1."""
        return {self.size.name: rate * float((1 - _DECAYS[1] ** step) ** 0.5 / (1 - _DECAYS[0] ** step))}


def add_adam(graph: Any, found: Mapping[str, Any]) -> Adam:
    """Adds what moves variables by their gradients.

    Arguments:
        graph: where.
        found: the gradients by the names of the variables.
    """
    with graph.as_default(), graph.name_scope("steadynorm/adam"):
        size = tf.compat.v1.placeholder(tf.float32, ())
        assigned, slots = [], []
        # All gradients are of the weights before the step.
        with graph.control_dependencies(list(found.values())):
            for name, gradient in found.items():
                held = graph.get_operation_by_name(name).outputs[0]
                wide = tf.cast(gradient, tf.float32)
                mean, square = (_slot(wide.shape, held) for _ in range(2))
                slots += [mean, square]
                moved = mean.assign(_DECAYS[0] * mean.read_value() + (1 - _DECAYS[0]) * wide, read_value=False)
                squared = square.assign(
                    _DECAYS[1] * square.read_value() + (1 - _DECAYS[1]) * tf.square(wide), read_value=False
                )
                with graph.control_dependencies([moved, squared]):
                    change = size * mean.read_value() / (tf.sqrt(square.read_value()) + _EPSILON)
                    assigned.append(_taken_off(held, tf.cast(change, gradient.dtype)))
        return Adam(size, tf.group(assigned), tf.group([each.initializer for each in slots]))


@tf.RegisterGradient(_SWITCH)  # type: ignore[untyped-decorator]
def _switch_gradient(operation: Any, *arrived: Any) -> tuple[Any, None]:
    """TensorFlow's own stands zeros of the kind of the handle for what does not arrive, which there are none of."""
    handle, is_true = operation.inputs
    found = [None if _is_no_number(each) else tf.convert_to_tensor(each) for each in arrived]
    dtype = next(each.dtype for each in found if each is not None)
    zeros = tf.zeros(tf.raw_ops.VariableShape(input=handle), dtype)
    sides = [
        tf.raw_ops.Switch(data=zeros if each is None else each, pred=is_true)[side] for side, each in enumerate(found)
    ]
    return tf.raw_ops.Merge(inputs=sides)[0], None


def _is_no_number(gradient: Any) -> bool:
    return gradient is None or gradient.dtype == tf.resource


def _slot(shape: Any, held: Any) -> Any:
    known = shape if shape.is_fully_defined() else tf.TensorShape(held.op.get_attr("shape"))
    with held.graph.control_dependencies(None):
        return tf.compat.v1.Variable(tf.zeros(known), trainable=False, use_resource=True, collections=[])


def _taken_off(held: Any, change: Any) -> Any:
    if held.dtype == tf.resource:
        return tf.raw_ops.AssignSubVariableOp(resource=held, value=change)
    return tf.raw_ops.AssignSub(ref=held, value=change).op
