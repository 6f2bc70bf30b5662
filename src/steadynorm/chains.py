"""What stands directly before and after a normalization layer, in a live model whose operations were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from steadynorm.evidence import Operation

LONGEST_CHAIN = 12


class Recorded(Protocol):
    """One operation that was recorded: what kind it is, what it reads, and what reads it."""

    kind: str

    @property
    def inputs(self) -> Sequence[Recorded]:
        """What it reads."""

    @property
    def readers(self) -> Sequence[Recorded]:
        """What reads it."""

    def operation(self) -> Operation:
        """It as a step on the way into or out of a layer."""


def chain_before(node: Recorded) -> tuple[Operation, ...]:
    """The operations before one, the nearest first, as long as each reads a single other one.

    Arguments:
        node: where the way ends; a normalization layer before it ends the chain as well.
    """
    chain: list[Operation] = []
    while len(node.inputs) == 1 and len(chain) < LONGEST_CHAIN:
        node = node.inputs[0]
        chain.append(node.operation())
        if node.kind == "normalization":
            break
    return tuple(chain)


def chain_after(node: Recorded) -> tuple[Operation, ...]:
    """The operations behind one, the nearest first, as long as each is read by a single other one.

    Arguments:
        node: where the way begins; the next normalization, convolution or linear layer ends it.
    """
    chain: list[Operation] = []
    while len(node.readers) == 1 and len(chain) < LONGEST_CHAIN:
        node = node.readers[0]
        chain.append(node.operation())
        if node.kind in ("normalization", "convolution", "linear"):
            break
    return tuple(chain)
