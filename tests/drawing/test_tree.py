"""Blocks out of names."""

from __future__ import annotations

from itertools import pairwise

from steadynorm.drawing.network import MOST_DEPTH, Edge, Network, Vertex, scoped
from steadynorm.drawing.tree import CROWD, Block, tree_of


def network(*names: str) -> Network:
    """Vertices in a row, each read by the next."""
    found = Network()
    found.add(Vertex(name, *scoped(name), "Op") for name in names)
    found.edges = [Edge(one, other) for one, other in pairwise(names)]
    return found


def shown(block: Block) -> dict[str, object]:
    return {each.label: shown(each) for each in block.blocks} | {label: name for name, label in block.vertices.items()}


def test_scopes_nest_and_what_is_alone_takes_the_place_of_its_block() -> None:
    tree = tree_of(network("a/b/one", "a/b/two", "c/d/three", "e/f/g/four", "e/f/g/five"))

    assert shown(tree) == {
        "a/b": {"one": "a/b/one", "two": "a/b/two"},
        "c/d/three": "c/d/three",
        "e/f/g": {"four": "e/f/g/four", "five": "e/f/g/five"},
    }


def test_a_kept_block_stays_whatever_it_holds() -> None:
    assert shown(tree_of(network("a/b/one"), [("a", "b")])) == {"a/b": {"one": "a/b/one"}}


def test_a_node_with_the_name_of_a_scope_stands_in_it_unless_it_stands_apart() -> None:
    both = network("Adam/x", "Adam/y", "Adam")

    assert shown(tree_of(both)) == {"Adam": {"x": "Adam/x", "y": "Adam/y", "Adam": "Adam"}}
    assert tree_of(both, (), ["Adam"]).vertices == {"Adam": "Adam"}


def test_crowded_blocks_are_divided_in_the_order_of_computation() -> None:
    names = [f"op{number}" for number in range(3 * CROWD)]
    tree = tree_of(network(*names))

    assert len(tree.blocks) <= CROWD
    assert [name for part in tree.blocks for name in part.vertices] == names
    assert [part.label for part in tree.blocks][:2] == ["part 1 of 6", "part 2 of 6"]


def test_derivatives_stay_by_themselves_and_are_divided_too() -> None:
    found = network(*[f"op{number}" for number in range(50)])
    found.add(Vertex(name, *scoped(name), "Grad", backward=True) for name in (f"gradients/g{at}" for at in range(90)))
    found.add([Vertex("stray", (), "stray", "Grad", backward=True)])
    tree = tree_of(found)

    assert [each.label for each in tree.blocks] == [
        "part 1 of 3", "part 2 of 3", "part 3 of 3", "derivatives", "gradients"
    ]  # fmt: skip
    assert len(tree.blocks[-1].blocks) == 5


def test_parts_of_what_is_very_crowded_have_parts() -> None:
    tree = tree_of(network(*[f"op{number}" for number in range(3000)]))
    waiting, found = [tree], 0
    while waiting:
        block = waiting.pop()
        assert len(block.blocks) + len(block.vertices) <= CROWD
        found += len(block.vertices)
        waiting += block.blocks

    assert found == 3000


def test_loops_and_endless_names_are_no_trouble() -> None:
    deep = "/".join(["x"] * 5000)
    found = network("a/one", "a/two", deep)
    found.edges.append(Edge(deep, "a/one"))

    assert len(scoped(deep)[0]) == MOST_DEPTH
    assert deep in str(shown(tree_of(found)))
