"""Reads a SavedModel: its graph, and its variables as a checkpoint."""

from __future__ import annotations

from dataclasses import replace

from steadynorm.artifacts import places
from steadynorm.artifacts.contents import Contents
from steadynorm.artifacts.source import Source, open_source
from steadynorm.artifacts.tensorflow_graph import MetaGraph, MetaGraphReader
from steadynorm.artifacts.wire import fields
from steadynorm.errors import UnusableInputError

_META_GRAPHS = 2
_VARIABLES = ("variables", "variables.index")


def read_folder(path: str) -> Contents:
    """What a SavedModel's folder holds.

    Raises:
        UnusableInputError: its file or its variables are damaged.
    """
    from steadynorm.artifacts import tensorflow_checkpoint

    contents = read(open_source(places.join(path, "saved_model.pb")))
    folder = places.join(path, _VARIABLES[0])
    index = places.join(folder, _VARIABLES[1])
    if not places.is_file(index):
        return contents
    variables = tensorflow_checkpoint.read(open_source(index))
    return replace(variables, format=contents.format, graph=contents.graph)


def read(source: Source) -> Contents:
    """What the graph of a SavedModel says.

    Raises:
        UnusableInputError: it is damaged, or has no graph.
    """
    return Contents("SavedModel", "tensorflow", graph=read_meta_graph(source).graph(exported=True))


def read_meta_graph(source: Source) -> MetaGraph:
    """The graph of a SavedModel; the one with most nodes where it has several, as one for training.

    Raises:
        UnusableInputError: it is damaged, or has no graph.
    """
    found = [each for each in fields(source, 0, source.size) if each.number == _META_GRAPHS]
    if not found:
        raise UnusableInputError(f"{source.path}: has no graph; expected a SavedModel with one at least")
    largest = max(found, key=lambda each: each.size)
    return MetaGraphReader(source).meta_graph(largest.start, largest.stop)
