"""What a run of a train step reaches in its graph, read once for every question about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from steadynorm.graphs.nodes import Nodes
from steadynorm.graphs.reachability import Reach, Reachability
from steadynorm.tensorflow.fetches import to_operations
from steadynorm.tensorflow.layer_variables import LayerVariables, normalization_layers, read_graph
from steadynorm.tensorflow.registry import outermost


@dataclass(frozen=True, slots=True)
class StepReading:
    """A graph as it was when it was read, and what a run of a train step reaches in it.

    Arguments:
        graph: the outermost graph.
        nodes: its records.
        reachability: answers what other runs reach.
        reached: what the train step does.
        layers: all normalization layers of the graph that keep statistics.
    """

    graph: tf.Graph
    nodes: Nodes
    reachability: Reachability
    reached: Reach
    layers: tuple[LayerVariables, ...]


def read_step(train_op: Any, graph: tf.Graph | None = None) -> StepReading:
    """Reads the graph of a train step; what is added to the graph later is not in it.

    Arguments:
        train_op: an operation or tensor, or several that are always fetched together.
        graph: the graph; None for that of the train op.
    """
    operations = to_operations(train_op)
    graph = outermost(operations[0].graph if graph is None and operations else graph)
    nodes = read_graph(graph)
    reachability = Reachability(nodes)
    reached = reachability.reach(each.name for each in operations)
    return StepReading(graph, nodes, reachability, reached, normalization_layers(graph, nodes))
