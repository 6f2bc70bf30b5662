"""The graph of a session as a network to be drawn, read and never written to."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from steadynorm.drawing.from_tensorflow import tensorflow_network
from steadynorm.drawing.network import Network
from steadynorm.errors import UnusableInputError
from steadynorm.graphs.analysis import UPDATE_OPS, Exported, analyse
from steadynorm.graphs.nodes import read_graph_def
from steadynorm.graphs.wires import TangledGraphError


def graph_network(graph: Any) -> Network:
    """The network of a graph, with what it says about normalization.

    Arguments:
        graph: a `tf.Graph`.

    Raises:
        UnusableInputError: it cannot be followed.
    """
    nodes = read_graph_def(graph.as_graph_def(add_shapes=True))
    collected = [each.name for each in graph.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)]
    try:
        said = analyse(nodes, Exported({UPDATE_OPS: collected}))
        found = tensorflow_network(nodes, said)
    except (TangledGraphError, RecursionError) as error:
        raise UnusableInputError(f"the graph of the session cannot be followed: {error}") from error
    found.graph = said
    return found
