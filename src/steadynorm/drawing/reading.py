"""From a path to the network that is drawn, and what a check finds in it."""

from __future__ import annotations

from steadynorm.artifacts import formats, places, saved_model, tensorflow_graph, torch_program
from steadynorm.artifacts.grouping import Group
from steadynorm.artifacts.onnx_file import read_model
from steadynorm.artifacts.search import search
from steadynorm.artifacts.source import open_source
from steadynorm.drawing.drawn import Drawn
from steadynorm.drawing.from_onnx import onnx_network
from steadynorm.drawing.from_program import program_network
from steadynorm.drawing.from_tensorflow import tensorflow_network
from steadynorm.drawing.network import Network
from steadynorm.errors import UnusableInputError
from steadynorm.graphs.wires import TangledGraphError
from steadynorm.model_check import check_group
from steadynorm.outcome import Task
from steadynorm.recorded import Graph
from steadynorm.report.words import folded

EXPECTED = "a TensorFlow graph (.meta, .pb, SavedModel), an ONNX model, an exported PyTorch program (.pt2)"


def read(path: str) -> Drawn:
    """Reads and checks the one model that a path stands for.

    Arguments:
        path: a file, a folder with one model, or the prefix of a checkpoint.

    Raises:
        UnusableInputError: it is no model, or several, cannot be read, or has no graph that is drawn.
    """
    group = _group(path)
    file = group.graph or group.checkpoints[0]
    outcome = check_group(Task(None, (), ()), group)
    if not outcome.reports:
        raise UnusableInputError(outcome.failures[0].reason)
    report = outcome.reports[0]
    # Of a graph without normalization layers the report has none.
    graph = report.evidence.graph or Graph(uses=())
    network = _network(file, graph)
    network.graph = graph
    return Drawn(network, report)


def _group(path: str) -> Group:
    found = search([path])
    if not found.groups:
        reason = next(iter(found.unread.values()), f"{path}: holds no model; expected {EXPECTED}")
        raise UnusableInputError(reason)
    if len(found.groups) > 1:
        names = folded([group.path for group in found.groups])
        raise UnusableInputError(f"{path}: holds {len(found.groups)} models ({names}); name the one to draw")
    return found.groups[0]


def _network(file: str, graph: Graph) -> Network:
    folder = places.is_folder(file)
    source = open_source(places.join(file, "saved_model.pb") if folder else formats.standing_for(file))
    known = formats.recognise(source)
    module = known.module if known is not None else ""
    if module == "onnx":
        return onnx_network(read_model(source))
    if module == "torch_program":
        return program_network(torch_program.read_program(source))
    if module not in ("tensorflow_graph", "saved_model"):
        what = f"a {known.name}" if known is not None else "of no such kind"
        raise UnusableInputError(f"{file}: is {what}, of which no graph is drawn; expected {EXPECTED}")
    read_graph = tensorflow_graph.read_meta_graph if module == "tensorflow_graph" else saved_model.read_meta_graph
    try:
        return tensorflow_network(read_graph(source).parsed(), graph)
    except (TangledGraphError, RecursionError) as error:
        raise UnusableInputError(f"{file}: the graph cannot be followed: {error}") from error
