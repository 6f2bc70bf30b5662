"""Operations that read each other, and the chains around one of them: what leads into it, and what reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from steadynorm.evidence import Operation

LONGEST_CHAIN = 12
_LAYERS = ("normalization", "convolution", "linear")
"""What ends a chain: what lies beyond is not around the layer any more."""


@dataclass(eq=False)
class Link:
    """One operation.

    Arguments:
        kind: as in `Operation`, or `input` for what feeds the model.
        name: its name.
        bias: whether it adds a trainable bias.
        inputs: the operations that it reads.
        readers: the operations that read it.
    """

    kind: str
    name: str
    bias: bool = False
    inputs: list[Self] = field(default_factory=list)
    readers: list[Self] = field(default_factory=list)

    def connect(self, inputs: Iterable[Self]) -> None:
        """Makes it a reader of `inputs`, of each once."""
        self.inputs = list(dict.fromkeys(inputs))
        for each in self.inputs:
            each.readers.append(self)

    def before(self) -> tuple[Operation, ...]:
        """The chain that leads into it, nearest first."""
        chain: list[Operation] = []
        link = self
        while len(link.inputs) == 1 and len(chain) < LONGEST_CHAIN and link.inputs[0].kind != "input":
            link = link.inputs[0]
            chain.append(link._operation())
            if link.kind in _LAYERS:
                break
        return tuple(chain)

    def after(self) -> tuple[Operation, ...]:
        """The chain that leads out of it, nearest first."""
        chain: list[Operation] = []
        link = self
        while len(link.readers) == 1 and len(chain) < LONGEST_CHAIN:
            link = link.readers[0]
            chain.append(link._operation())
            if link.kind in _LAYERS:
                break
        return tuple(chain)

    def _operation(self) -> Operation:
        return Operation(self.kind, self.name, self.bias, len(self.readers))
