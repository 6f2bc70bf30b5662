"""A trace as blocks within blocks, as the source has them: for readers that run it again with a state of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.source.symbolic.trace import LEAVE, Block, Branch, Event, Loop


@dataclass(slots=True, eq=False)
class Nested:
    """A block with what happens inside."""

    block: Block
    inside: list[Node] = field(default_factory=list)


Node: TypeAlias = Event | Nested


def nested(events: Iterable[Event]) -> list[Node]:
    """The events of a run, those inside a block within it; a block that was never left ends with the run."""
    outermost: list[Node] = []
    opened: list[list[Node]] = [outermost]
    for event in events:
        if event is LEAVE:
            if len(opened) > 1:
                opened.pop()
        elif isinstance(event, Block):
            block = Nested(event)
            opened[-1].append(block)
            opened.append(block.inside)
        else:
            opened[-1].append(event)
    return outermost


def branch_of(node: Nested) -> Branch:
    """The condition of a node that is an arm of one."""
    assert isinstance(node.block, Branch)
    return node.block


def is_arm_of_same_test(first: Nested, other: Node | None) -> bool:
    """Whether a node is an arm of the condition that another one is an arm of."""
    if not isinstance(other, Nested) or not isinstance(other.block, Branch):
        return False
    return branch_of(first).test is other.block.test and branch_of(first).place == other.block.place


def is_other_arm(first: Nested, second: Node | None) -> bool:
    """Whether a node is the other arm of the condition that the one before it is an arm of."""
    return (
        isinstance(second, Nested)
        and is_arm_of_same_test(first, second)
        and branch_of(first).arm is not branch_of(second).arm
    )


def is_same_loop(one: Nested, other: Nested) -> bool:
    """Whether two nodes are iterations of one loop."""
    return isinstance(one.block, Loop) and isinstance(other.block, Loop) and one.block.place == other.block.place
