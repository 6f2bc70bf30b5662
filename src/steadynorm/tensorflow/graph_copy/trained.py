"""Which variables of a graph are trained."""

from __future__ import annotations

from steadynorm.graphs.reachability import Reachability
from steadynorm.tensorflow.graph_subject import GraphModel
from steadynorm.tensorflow.layer_variables import read_graph
from steadynorm.tensorflow.train_steps import trainable_names, trained_variables


def trained_names(model: GraphModel) -> frozenset[str] | None:
    """Names of the variables that the train op trains; of the trainable ones without it; `None` if none are known."""
    graph = model.session.graph
    trainable = trainable_names(graph)
    if not model.train_op:
        return trainable or None
    nodes = read_graph(graph)
    reached = Reachability(nodes).reach(each.name for each in model.train_op)
    return frozenset(trained_variables(nodes, reached, trainable))
