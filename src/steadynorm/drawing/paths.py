"""Updates of the statistics that no train op runs, and the train ops that should."""

from __future__ import annotations

from steadynorm.drawing.network import Network
from steadynorm.recorded import Graph, Update
from steadynorm.report.model import Report

NEVER_RUN = ("SN101", "SN102")
"""What is found where no train op runs the updates of a layer."""


def missing_paths(network: Network, report: Report) -> list[tuple[str, str]]:
    """Pairs of an update and a train op that should run it, where findings say that none does."""
    graph = network.graph
    stuck = {name for each in report.findings if each.code in NEVER_RUN for name in each.layers}
    pairs = [
        (update.node, step)
        for update in graph.updates
        if update.layer in stuck and not update.steps
        for step in _expected(graph, update)
    ]
    return [pair for pair in dict.fromkeys(pairs) if all(name in network.vertices for name in pair)]


def _expected(graph: Graph, update: Update) -> list[str]:
    """The train ops that train the layer of an update, or compute it at least."""
    training = [step.node for step in graph.train_steps if update.layer in step.layers]
    computing = [step for use in graph.uses if use.layer == update.layer for step in use.steps]
    return training or computing
