"""What the graph beside a TensorFlow checkpoint says about its layers: decay, epsilon and names."""

from __future__ import annotations

import os

from steadynorm.artifacts import formats
from steadynorm.artifacts.contents import Contents
from steadynorm.errors import UnusableInputError
from steadynorm.recorded import Graph


def graph_of(contents: Contents) -> tuple[Graph | None, str | None]:
    """A checkpoint's graph, its own or the one beside it, and why that one could not be read.

    Arguments:
        contents: the checkpoint.
    """
    files = contents.facts.get("files")
    if contents.graph is not None or not contents.format.startswith("TensorFlow checkpoint"):
        return contents.graph, None
    if not isinstance(files, tuple):
        return None, None
    meta = f"{str(files[0]).removesuffix('.index')}.meta"
    if not os.path.isfile(meta):
        return None, None
    try:
        return formats.read(meta).graph, None
    except UnusableInputError as error:
        return None, str(error)
