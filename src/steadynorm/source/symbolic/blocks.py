"""A trace as blocks within blocks, as the source has them: for readers that run it again with a state of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from steadynorm.source.symbolic.trace import Block, Enter, Event, Leave


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
        if isinstance(event, Enter):
            block = Nested(event.block)
            opened[-1].append(block)
            opened.append(block.inside)
        elif isinstance(event, Leave):
            if len(opened) > 1:
                opened.pop()
        else:
            opened[-1].append(event)
    return outermost
