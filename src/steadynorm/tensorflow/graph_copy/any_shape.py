"""A loss once more, of predictions and targets of any shape: a placeholder takes only what it was declared for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.graph_copy.flow import downstream, upstream

_PLACED = "_class"
"""The attribute of a node that names others, which it has to be near to."""


def loss_of_any_shape(loss: Any, prediction: Any, target: Any) -> tuple[Any, Any, Any]:
    """Adds to a graph what lies between two tensors and a loss, computed from placeholders of any shape.

    Arguments:
        loss: the loss.
        prediction: the tensor of the predictions.
        target: that of the targets.

    Returns:
        the loss, the placeholder of the predictions, and that of the targets.

    Raises:
        ValueError: some operation on the way takes no other shape than the one that it was made for.
    """
    cut = (prediction, target)
    between = downstream(cut) & set(upstream([loss], cut))
    definition, outside = tf.compat.v1.GraphDef(), {}
    for each in between:
        node = definition.node.add()
        node.CopyFrom(each.node_def)
        node.attr.pop(_PLACED, None)
        del node.input[len(each.inputs) :]  # what has to run before, runs with the loss itself
        for index, tensor in enumerate(each.inputs):
            node.input[index] = tensor.name
            if tensor.op not in between:
                outside[tensor.name] = tensor
    with loss.graph.as_default(), loss.graph.control_dependencies(None):
        free = {each.name: tf.compat.v1.placeholder(each.dtype.base_dtype) for each in cut}
        read = {name: free.get(name, tensor) for name, tensor in outside.items()}
        (found,) = tf.import_graph_def(definition, read, [loss.name], name="any_shape")
    return found, free[prediction.name], free[target.name]
