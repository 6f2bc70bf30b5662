"""Blocks within blocks within blocks: as many are opened as can be laid out while one waits."""

from __future__ import annotations

import time

import pytest

from steadynorm.drawing.drawing import MOST_NESTED, Drawing, drawing_of
from steadynorm.drawing.network import Edge, Network, Vertex
from steadynorm.drawing.picture import MOST_SHOWN, picture
from steadynorm.evidence import Evidence
from steadynorm.report.model import Report


def nested(chains: int, depth: int) -> Drawing:
    """Chains of blocks, each block with an operation beside the next block."""
    network = Network()
    for chain in range(chains):
        before = None
        for level in range(1, depth + 1):
            scope = (f"chain{chain}", *(f"level{each}" for each in range(1, level)))
            name = "/".join((*scope, "op"))
            network.add([Vertex(name, scope, "op", "Relu")])
            if before is not None:
                network.edges.append(Edge(before, name, (1,)))
            before = name
    return drawing_of(network, Report("nested", Evidence(framework="tensorflow", layers=())))


@pytest.mark.parametrize(("chains", "depth"), [(1, 5), (1, 150), (9, 60)])
def test_open_blocks_are_no_deeper_than_can_be_laid_out(chains: int, depth: int) -> None:
    drawing = nested(chains, depth)

    opened = drawing.opened_for_layers(MOST_SHOWN)

    assert max(len(list(drawing.around(at))) + 1 for at in opened) == min(depth - 1, MOST_NESTED)
    assert all(set(drawing.around(at)) <= set(opened) for at in opened)


@pytest.mark.parametrize(("chains", "depth"), [(1, 150), (9, 60)])
def test_picture_of_deep_blocks_is_made_while_one_waits(chains: int, depth: int) -> None:
    drawing = nested(chains, depth)
    begin = time.process_time()

    text = picture(drawing, "nested")

    assert "level1" in text
    # The engine took 49 s of one chain with all blocks open.
    assert time.process_time() - begin < 10
