"""Where the data that a place normalizes come from."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.graphs.constants import output_shape, type_name
from steadynorm.graphs.nodes import Node
from steadynorm.graphs.reachability import VARIABLE_OPS
from steadynorm.graphs.wires import Wires

_PIPELINES = ("Iterator", "QueueDequeue", "Reader", "OneShotIterator")
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})


class OriginReader:
    """Reads origins in one graph.

    Arguments:
        wires: the graph.
    """

    def __init__(self, wires: Wires) -> None:
        self._wires = wires

    def of(self, reference: str) -> frozenset[str]:
        """Placeholders, iterators, queues and variables that an output is computed from.

        Two uses with the same origins see the same kind of data, as the towers of one batch do. Random numbers do not
        count: noise and dropout are drawn anew for each use.
        """
        found: set[str] = set()
        for name in self._wires.upstream([reference]):
            node = self._wires.flat[name]
            if node.op in VARIABLE_OPS or _is_data(node):
                found.add(name)
            elif node.op.startswith(("IteratorGetNext", "QueueDequeue", "ReaderRead")) and node.inputs:
                found.add(self._wires.origin(node.inputs[0]))
        return frozenset(found)

    def is_fed(self, references: Sequence[str]) -> bool:
        """Whether whoever runs the graph can choose the data: by placeholders, or an iterator of several data sets.

        True for a graph without any source of data, too.
        """
        before = [self._wires.flat[name] for name in self._wires.upstream(references)]
        pipelines = [node for node in before if node.op.startswith(_PIPELINES)]
        if any(_is_data(node) and (not pipelines or output_shape(node)) for node in before):
            return True
        return not pipelines or any(self._is_switched(node) for node in pipelines)

    def _is_switched(self, node: Node) -> bool:
        """Whether an iterator can be started on several data sets, as one for training and one for validation."""
        iterator = self._wires.origin(node.inputs[0]) if node.inputs else node.name
        if self._wires.op(iterator).startswith("IteratorFromStringHandle"):
            return True
        starts = [each for each in self._wires.consumers(iterator) if each.op == "MakeIterator"]
        return len(starts) > 1


def _is_data(node: Node) -> bool:
    """Whether a node is a placeholder of more than one number."""
    if node.op not in _PLACEHOLDERS or type_name(node.attrs.get("dtype")) in ("bool", "string"):
        return False
    shape = output_shape(node)
    return shape != ()
