"""What is drawn of a model, as plain values for the program that lays it out, in a page or for a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from steadynorm.drawing.network import Network, Scope, Shape
from steadynorm.drawing.paths import missing_paths
from steadynorm.drawing.sites import Health, Site, sites_of
from steadynorm.drawing.tree import Block, tree_of
from steadynorm.report.model import Report
from steadynorm.report.words import printable

CONTROL, PATH, MISSING, SHARED, BACKWARD = 1, 2, 4, 8, 16
"""What an edge is, added up."""

MOST_NESTED = 20
"""Open blocks within each other; the time that the engine takes grows with the cube of their number."""


@dataclass(slots=True)
class Item:
    """A block or a vertex of the drawing.

    Arguments:
        kind: `block`, `op`, `variable`, `train`, `input` or `output`.
        label: what it is called within its block.
        name: its full name.
        parent: the index of its block, −1 for the outermost.
        op: the type of an operation.
        shape: that of its output, in words.
        note: what is to be said of it.
        layer: the layer that it is, empty if none.
        call: which of several uses of that layer it is, from 2; 0 for the first.
        health: how that layer is doing; empty if it is none.
        codes: what was found of that layer.
        size: how many vertices it holds.
    """

    kind: str
    label: str
    name: str
    parent: int
    op: str = ""
    shape: str = ""
    note: str = ""
    layer: str = ""
    call: int = 0
    health: str = ""
    codes: tuple[str, ...] = ()
    size: int = 0


@dataclass(slots=True)
class Drawing:
    """A model's drawing.

    Arguments:
        items: blocks and vertices, each behind the block that it is in.
        edges: by index of the giving and the taking item, the shape in words, and what the edge is.
        sites: indices of the items that are normalization layers.
        left_out: how many nodes of the file are not drawn, by what they are.
    """

    items: list[Item] = field(default_factory=list)
    edges: list[tuple[int, int, str, int]] = field(default_factory=list)
    sites: list[int] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The drawing as JSON values; invisible characters are escapes."""
        keys = ("kind", "label", "name", "parent", "op", "shape", "note", "layer", "call", "health", "codes", "size")
        rows = [
            {key: value for key in keys if (value := getattr(item, key))} | {"parent": item.parent}
            for item in self.items
        ]
        for row in rows:
            row.update({key: printable(row[key]) for key in ("label", "name", "op", "note", "layer") if key in row})
        return {"items": rows, "edges": self.edges}

    def around(self, index: int) -> Iterator[int]:
        """The blocks that an item is in, the innermost first."""
        while (index := self.items[index].parent) >= 0:
            yield index

    def opened_for_layers(self, most: int) -> list[int]:
        """The blocks to open so that the layers are seen, the worst first, as far as there is room; without layers any.

        Of blocks that are nested too deep the outer ones are opened; the first that stays closed says how the layers
        in it are doing.

        Arguments:
            most: how many things may be seen at once.
        """
        children = Counter(item.parent for item in self.items)
        seen = children[-1]
        opened: dict[int, None] = {}
        worst = sorted(self.sites, key=lambda at: Health(self.items[at].health).rank)
        blocks = [at for at, item in enumerate(self.items) if item.kind == "block"]
        for chain in [list(self.around(at)) for at in worst] or [[at, *self.around(at)] for at in blocks]:
            closed = [at for at in chain[-MOST_NESTED:] if at not in opened]
            more = sum(children[at] - 1 for at in closed)
            if seen + more <= most:
                opened.update(dict.fromkeys(closed))
                seen += more
        return list(opened)


def drawing_of(network: Network, report: Report) -> Drawing:
    """The drawing of a network.

    Arguments:
        network: the network.
        report: what was found in it.
    """
    return _Composing(network, report).drawing()


class _Composing:
    def __init__(self, network: Network, report: Report) -> None:
        self._network = network
        self._report = report
        self._sites = sites_of(network, report)
        self._steps = [step.node for step in network.graph.train_steps if step.node in network.vertices]
        self._found = Drawing(left_out=network.left_out)
        self._index: dict[str, int] = {}
        self._of_scope: dict[Scope, int] = {}

    def drawing(self) -> Drawing:
        kept = {each.scope for each in self._sites if each.scope is not None}
        self._put(tree_of(self._network, kept, self._steps), -1)
        of_site = [self._place(each) for each in self._sites]
        self._found.sites = list(dict.fromkeys(of_site))
        self._connect(of_site)
        return self._found

    def _put(self, block: Block, parent: int) -> int:
        """Adds what is in a block; returns how many vertices that is."""
        items = self._found.items
        count = 0
        for each in block.blocks:
            at = len(items)
            items.append(Item("block", each.label, "/".join(each.scope or (each.label,)), parent))
            if each.scope is not None:
                self._of_scope[each.scope] = at
            items[at].size = self._put(each, at)
            count += items[at].size
        for name, label in block.vertices.items():
            vertex = self._network.vertices[name]
            self._index[name] = len(items)
            kind = "train" if name in self._steps else _kind(vertex.op)
            items.append(Item(kind, label, name, parent, vertex.op, shape_said(vertex.shape), vertex.note))
        return count + len(block.vertices)

    def _place(self, site: Site) -> int:
        at = self._index[site.node] if site.scope is None else self._of_scope[site.scope]
        item = self._found.items[at]
        item.layer, item.health, item.codes = site.layer, site.health.value, site.codes
        return at

    def _connect(self, of_site: list[int]) -> None:
        path = dict.fromkeys(pair for way in self._network.ways.values() for pair in pairwise(way))
        edges = self._found.edges
        # Of some ways a part leads over constants, which are not drawn.
        drawn = {(edge.source, edge.target) for edge in self._network.edges}
        edges += [
            (self._index[one], self._index[other], "", CONTROL | PATH)
            for one, other in path
            if (one, other) not in drawn
        ]
        for edge in self._network.edges:
            on_path = (edge.source, edge.target) in path
            if edge.control and not on_path and edge.target not in self._steps:
                continue
            kind = CONTROL * edge.control | PATH * on_path | BACKWARD * edge.backward
            edges.append((self._index[edge.source], self._index[edge.target], shape_said(edge.shape), kind))
        for update, step in missing_paths(self._network, self._report):
            edges.append((self._index[update], self._index[step], "", MISSING))
        by_layer: dict[str, list[int]] = {}
        for site, at in zip(self._sites, of_site, strict=True):
            by_layer.setdefault(site.layer, []).append(at)
        for places in by_layer.values():
            for number, at in enumerate(list(dict.fromkeys(places))[1:], 2):
                self._found.items[at].call = number
            edges += [(one, other, "", SHARED) for one, other in pairwise(dict.fromkeys(places))]


def shape_said(shape: Shape) -> str:
    """A shape in words, as `?×28×28×1`; empty if it is not known."""
    if shape is None:
        return ""
    return "×".join("?" if size < 0 else str(size) for size in shape) or "scalar"


def _kind(op: str) -> str:
    if op in ("input", "output"):
        return op
    if op.startswith(("Placeholder", "Iterator")):
        return "input"
    return "variable" if op.startswith("Variable") or op == "VarHandleOp" else "op"
