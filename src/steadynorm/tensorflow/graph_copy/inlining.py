"""A graph without functions: conditions become the switches of TensorFlow 1, calls the nodes that they call."""

from __future__ import annotations

from typing import Any

from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.grappler import tf_optimizer


def inlined(graph_def: Any) -> Any:
    """The same graph with every function inlined and every device left to the session.

    TensorFlow's own optimizer does it, so that the nodes compute what they did; all nodes keep their names.

    Arguments:
        graph_def: a `tensorflow.GraphDef`; it is not changed.
    """
    meta_graph = meta_graph_pb2.MetaGraphDef()
    meta_graph.graph_def.CopyFrom(graph_def)
    for node in meta_graph.graph_def.node:
        node.device = ""
    for function in meta_graph.graph_def.library.function:
        for node in function.node_def:
            node.device = ""
    if not graph_def.library.function:
        return meta_graph.graph_def
    # What is in this collection is kept as something to run.
    kept = meta_graph.collection_def["train_op"].node_list.value
    kept.extend(node.name for node in graph_def.node)
    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1  # small graphs as well
    rewriting.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta_graph)
