"""Reads TensorFlow's graphs: a MetaGraphDef as savers write it beside a checkpoint, or a plain or frozen GraphDef.

Only the nodes are read. Large constants, as the weights of a frozen graph, stay in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from google.protobuf.message import Message

from steadynorm.artifacts import tensorflow_messages as messages
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.protobuf import parse
from steadynorm.artifacts.recognition import Sample
from steadynorm.artifacts.source import Source, of_bytes
from steadynorm.artifacts.tensorflow_recognition import is_meta_graph
from steadynorm.artifacts.wire import Field, fields
from steadynorm.errors import UnusableInputError
from steadynorm.graphs.analysis import Exported, analyse
from steadynorm.graphs.nodes import Nodes, read_graph_def
from steadynorm.graphs.wires import TangledGraphError
from steadynorm.recorded import Graph

MOST_NODES = 300_000
MOST_NODE = 1 << 16
"""Of a larger node, the large attributes are left in the file."""
MOST_READ = 1 << 26
"""Most bytes of nodes that are read."""
MOST_ITEMS = 1 << 20
"""Most elements of lists in attributes."""

_META = {"info": 1, "graph": 2, "saver": 3, "collections": 4, "signatures": 5}
_GRAPH = {"nodes": 1, "library": 2}
_ATTRIBUTES = 5
_FUNCTION_NODES = 3


@dataclass(slots=True)
class MetaGraph:
    """One MetaGraphDef, or a GraphDef alone.

    Arguments:
        path: the file.
        nodes: NodeDefs.
        functions: FunctionDefs.
        rest: the MetaGraphDef without its graph, `None` for a GraphDef.
    """

    path: str
    nodes: list[Any] = field(default_factory=list)
    functions: list[Any] = field(default_factory=list)
    rest: Any = None

    def parsed(self) -> Nodes:
        """Its nodes and functions as plain records."""
        return read_graph_def(SimpleNamespace(node=self.nodes, library=SimpleNamespace(function=self.functions)))

    def graph(self, exported: bool = False) -> Graph:
        """What it says about normalization.

        Arguments:
            exported: whether the file is an export by its format.

        Raises:
            UnusableInputError: it is too tangled to be followed.
        """
        nodes = self.parsed()
        collections: dict[str, list[str]] = {}
        saver = None
        if self.rest is not None:
            for name, collection in self.rest.collection_def.items():
                if collection.WhichOneof("kind") == "node_list":
                    collections[name] = list(collection.node_list.value)
            saver = self.rest.saver_def.save_tensor_name or None
        try:
            return analyse(nodes, Exported(collections, saver, exported))
        except (TangledGraphError, RecursionError) as error:
            reason = error if isinstance(error, TangledGraphError) else "its nodes are nested too deeply"
            raise UnusableInputError(f"{self.path}: the graph cannot be followed: {reason}") from error


def read(source: Source) -> Contents:
    """What the graph in a file says about normalization.

    Raises:
        UnusableInputError: it is damaged, or too much of it would have to be read.
    """
    found = read_meta_graph(source)
    is_meta = found.rest is not None
    graph = found.graph(exported=not is_meta or bool(found.rest.signature_def))
    return Contents("TensorFlow MetaGraph" if is_meta else "TensorFlow GraphDef", "tensorflow", graph=graph)


def read_meta_graph(source: Source) -> MetaGraph:
    """The MetaGraphDef or GraphDef that a file is.

    Raises:
        UnusableInputError: it is damaged, or too much of it would have to be read.
    """
    reader = MetaGraphReader(source)
    is_meta = is_meta_graph(Sample(source))
    found = reader.meta_graph(0, source.size) if is_meta else reader.graph(0, source.size)
    if not found.nodes:
        raise UnusableInputError(f"{source.path}: has no node; expected a TensorFlow graph")
    return found


class MetaGraphReader:
    """Reads the graphs of one file.

    Arguments:
        source: the file.
    """

    def __init__(self, source: Source) -> None:
        # Most graphs are small, and then one read is quicker than one for each node.
        small = source.size <= MOST_READ
        self._source = of_bytes(source.path, source.read(0, source.size), source.budget) if small else source
        self._read = 0
        self._items = 0
        self._count = 0

    def meta_graph(self, start: int, stop: int) -> MetaGraph:
        """The MetaGraphDef between two positions.

        Raises:
            UnusableInputError: it is damaged, has no graph, or too much would have to be read.
        """
        graphs: list[Field] = []
        rest: list[Field] = []
        for each in fields(self._source, start, stop):
            if each.number == _META["graph"]:
                graphs.append(each)
            elif each.number in (_META["saver"], _META["collections"], _META["signatures"]):
                rest.append(each)
        if len(graphs) != 1:
            raise UnusableInputError(f"{self._source.path}: has {len(graphs)} graphs; expected one, as a MetaGraph has")
        found = self.graph(graphs[0].start, graphs[0].stop)
        found.rest = self._parsed(messages.MetaGraphDef, rest, "a MetaGraphDef")
        return found

    def graph(self, start: int, stop: int) -> MetaGraph:
        """The GraphDef between two positions.

        Raises:
            UnusableInputError: it is damaged, or too much would have to be read.
        """
        found = MetaGraph(self._source.path)
        for each in fields(self._source, start, stop):
            if each.number == _GRAPH["nodes"]:
                found.nodes.append(self._node(each))
            elif each.number == _GRAPH["library"]:
                found.functions += self._library(each)
        return found

    def _library(self, library: Field) -> Iterator[Any]:
        for each in fields(self._source, library.start, library.stop):
            if each.number != 1:
                continue
            self._one_more()
            parts: list[Field] = []
            nodes: list[Field] = []
            for part in fields(self._source, each.start, each.stop):
                (nodes if part.number == _FUNCTION_NODES else parts).append(part)
            function = self._parsed(messages.FunctionDef, parts, "a FunctionDef")
            function.node_def.extend(self._node(node) for node in nodes)
            yield function

    def _node(self, found: Field) -> Any:
        self._one_more()
        if found.size <= MOST_NODE:
            node = self._message(messages.NodeDef, self._bytes(found.start, found.stop), "a NodeDef")
        else:
            small = [
                each
                for each in fields(self._source, found.start, found.stop)
                if each.number != _ATTRIBUTES or each.size <= MOST_NODE
            ]
            node = self._parsed(messages.NodeDef, small, "a NodeDef")
        self._items += len(node.input) + sum(
            len(value.list.func) + len(value.list.shape) + len(value.list.s)
            for value in node.attr.values()
            if value.WhichOneof("value") == "list"
        )
        if self._items > MOST_ITEMS:
            raise UnusableInputError(
                f"{self._source.path}: its nodes have more than {MOST_ITEMS} inputs and attributes"
            )
        return node

    def _one_more(self) -> None:
        """Counts a node or function: of each there is an object as long as the graph is looked at."""
        self._count += 1
        if self._count > MOST_NODES:
            raise UnusableInputError(f"{self._source.path}: has more than {MOST_NODES} nodes")

    def _parsed(self, kind: type[Message], parts: list[Field], what: str) -> Any:
        return self._message(kind, b"".join(self._bytes(each.begin, each.stop) for each in parts), what)

    def _message(self, kind: type[Message], data: bytes, what: str) -> Any:
        return parse(kind, data, self._source.path, what, self._source.budget)

    def _bytes(self, start: int, stop: int) -> bytes:
        self._read += stop - start
        if self._read > MOST_READ:
            raise UnusableInputError(f"{self._source.path}: has more than {MOST_READ >> 20} MiB of nodes")
        return self._source.read(start, stop)
