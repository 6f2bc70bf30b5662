"""The blocks of a network: its scopes, without those that hold one thing only, and with crowded ones in parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from steadynorm.drawing.network import Network, Scope

CROWD = 40
"""More things than this side by side nobody takes in, nor are they laid out while one waits."""

PART = 20
"""How many of them make a part, and how many parts a block has; of more than their product, parts have parts."""


@dataclass(slots=True)
class Block:
    """A block of the drawing.

    Arguments:
        label: what it is called within the block around it.
        scope: the scope that it is, `None` for a part of a crowded one.
        blocks: the blocks in it.
        vertices: the vertices in it, by name, with what each is called in it.
    """

    label: str
    scope: Scope | None
    blocks: list[Block] = field(default_factory=list)
    vertices: dict[str, str] = field(default_factory=dict)


def tree_of(network: Network, kept: Iterable[Scope] = (), apart: Collection[str] = ()) -> Block:
    """The outermost block, with all others within it.

    Arguments:
        network: the network.
        kept: scopes that stay blocks of their own, whatever they hold.
        apart: names of vertices that stand in the outermost block, and in no part of it.
    """
    scopes = {each.scope[:end] for each in network.vertices.values() for end in range(1, len(each.scope) + 1)}
    root = Block("", ())
    known: dict[Scope, Block] = {(): root}

    def block_of(scope: Scope) -> Block:
        if scope not in known:
            known[scope] = Block(scope[-1], scope)
            block_of(scope[:-1]).blocks.append(known[scope])
        return known[scope]

    for vertex in network.vertices.values():
        if vertex.name in apart:
            continue
        own = (*vertex.scope, vertex.label)
        # TensorFlow names what is within a node by the node's own name.
        block_of(own if own in scopes else vertex.scope).vertices[vertex.name] = vertex.label
    _flatten(root, frozenset(kept))
    _divide(root, _When(network))
    root.vertices |= {name: network.vertices[name].label for name in apart}
    return root


def _flatten(block: Block, kept: frozenset[Scope]) -> None:
    """Puts what is alone in a block in the place of the block."""
    inner: list[Block] = []
    for each in block.blocks:
        _flatten(each, kept)
        if each.scope in kept or len(each.blocks) + len(each.vertices) > 1:
            inner.append(each)
        elif each.blocks:
            (only,) = each.blocks
            only.label = f"{each.label}/{only.label}"
            inner.append(only)
        else:
            ((name, label),) = each.vertices.items()
            block.vertices[name] = each.label if label == each.label else f"{each.label}/{label}"
    block.blocks = inner


def _divide(block: Block, when: _When) -> None:
    """Divides crowded blocks into parts, by the order in which they compute; the derivatives stay by themselves."""
    for each in block.blocks:
        _divide(each, when)
    _part_off(block, when)


def _part_off(block: Block, when: _When) -> None:
    if len(block.blocks) + len(block.vertices) <= CROWD:
        return
    things: list[tuple[int, Block | str]] = []
    behind: list[Block] = []
    left: dict[str, str] = {}
    apart = not when.is_backward(block)
    for each in block.blocks:
        if apart and when.is_backward(each):
            behind.append(each)
        else:
            things.append((when.of(each), each))
    for name, label in block.vertices.items():
        if apart and when.backward(name):
            left[name] = label
        else:
            things.append((when.order[name], name))
    things.sort(key=lambda pair: pair[0])
    size = max(PART, -(-len(things) // PART))
    parts = [_part(block, things[start : start + size]) for start in range(0, len(things), size)]
    for number, part in enumerate(parts, 1):
        part.label = f"part {number} of {len(parts)}"
        _part_off(part, when)
    if left:
        parts.append(Block("derivatives", None, [], left))
        _part_off(parts[-1], when)
    block.blocks, block.vertices = parts + behind, {}


def _part(block: Block, things: list[tuple[int, Block | str]]) -> Block:
    blocks = [each for _, each in things if isinstance(each, Block)]
    return Block("", None, blocks, {each: block.vertices[each] for _, each in things if isinstance(each, str)})


class _When:
    """When the vertices of a network compute: after what they need, and not long before they are needed."""

    def __init__(self, network: Network) -> None:
        self._vertices = network.vertices
        self.order = _order(network)
        self._following: dict[str, list[str]] = {}
        for edge in network.edges:
            if not edge.control and not edge.backward:
                self._following.setdefault(edge.source, []).append(edge.target)
        for name in sorted(self.order, key=lambda name: -self.order[name]):
            needed = [self.order[target] - 1 for target in self._following.get(name, ())]
            self.order[name] = min(needed, default=self.order[name])

    def backward(self, name: str) -> bool:
        """Whether a vertex is part of the derivatives."""
        return self._vertices[name].backward

    def is_backward(self, block: Block) -> bool:
        """Whether most of a block is; of the network never."""
        flags = [self.backward(name) for name in _names(block)]
        return block.scope != () and sum(flags) * 2 > len(flags)

    def of(self, block: Block) -> int:
        """When what a block gives is needed first; where nothing needs it, when the block is done."""
        names = list(_names(block))
        own = [name for name in names if not self.backward(name)] or names
        inside = frozenset(own)
        needed = [self.order[each] for name in own for each in self._following.get(name, ()) if each not in inside]
        return min(needed, default=max(self.order[name] for name in own))


def _names(block: Block) -> Iterator[str]:
    yield from block.vertices
    for each in block.blocks:
        yield from _names(each)


def _order(network: Network) -> dict[str, int]:
    """By vertex: how many follow each other before it at most; loops are cut where they are met first."""
    missing = dict.fromkeys(network.vertices, 0)
    following: dict[str, list[str]] = {}
    for edge in network.edges:
        missing[edge.target] += 1
        following.setdefault(edge.source, []).append(edge.target)
    level = dict.fromkeys(network.vertices, 0)
    left = dict.fromkeys(network.vertices)
    waiting = deque(name for name in left if not missing[name])
    while left:
        name = waiting.popleft() if waiting else next(iter(left))
        if name not in left:
            continue
        del left[name]
        for target in following.get(name, ()):
            level[target] = max(level[target], level[name] + 1) if target in left else level[target]
            missing[target] -= 1
            if not missing[target]:
                waiting.append(target)
    return level
