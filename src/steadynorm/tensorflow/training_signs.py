"""Whether something shows that a graph has been trained: a variable that training moves is not what it began as."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from steadynorm.tensorflow.graph_copy.copied import CopiedGraph
from steadynorm.tensorflow.graph_copy.flow import upstream
from steadynorm.tensorflow.graph_subject import GraphModel
from steadynorm.tensorflow.layer_variables import parts
from steadynorm.tensorflow.train_steps import trainable_names

_UNKNOWN = ("Random", "Variable", "VarHandle", "Placeholder", "Iterator", "PyFunc", "Multinomial", "Restore")


def is_trained(model: GraphModel, copied: CopiedGraph) -> bool:
    """Whether moving statistics, averages of an optimizer or the count of steps differ from their initial values.

    Arguments:
        model: the graph.
        copied: a copy of it, with the values that its variables have.
    """
    trainable = trainable_names(model.session.graph)
    begins = {}
    for variable in model.session.graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES):
        for part in parts(variable):
            name = part.op.name
            if name in copied.values and name not in trainable:
                begin = copied.tensor(part.initializer.inputs[1])
                if not any(each in operation.type for operation in upstream([begin]) for each in _UNKNOWN):
                    begins[name] = begin
    values = copied.run(list(begins.values()), {})[0]
    return any(not np.array_equal(copied.values[name], value) for name, value in zip(begins, values, strict=True))
