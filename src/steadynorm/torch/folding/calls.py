"""How data flow from call to call in a model: what tracers fill and the plan reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn


@dataclass(eq=False)
class Call:
    """A layer or a function at work on a tensor.

    Attributes:
        name: in words, for the reasons.
        layer: path of the layer that is called; None for a function, an input and the output.
        inputs: whose results it reads.
        users: who reads its result.
        is_plain: whether a layer is given one tensor and nothing else.
        is_norm_function: whether it is torch.nn.functional.batch_norm.
    """

    name: str
    layer: str | None = None
    inputs: list[Call] = field(default_factory=list)
    users: list[Call] = field(default_factory=list)
    is_plain: bool = True
    is_norm_function: bool = False

    def read(self, other: Call) -> None:
        """Note that this reads the other's result."""
        if other is not self and other not in self.inputs:
            self.inputs.append(other)
            other.users.append(self)


@dataclass
class Flow:
    """All calls of a model in their order.

    Attributes:
        calls: the calls.
        readers: by path of a layer, what else reads its parameters and buffers, in words.
    """

    calls: list[Call] = field(default_factory=list)
    readers: dict[str, str] = field(default_factory=dict)

    def of(self, layer: str) -> list[Call]:
        """The calls of one layer."""
        return [call for call in self.calls if call.layer == layer]


def first_paths(model: nn.Module) -> Mapping[str, str]:
    """The path under which each module stands first, by every path that it has."""
    paths: dict[int, list[str]] = defaultdict(list)
    for path, module in model.named_modules(remove_duplicate=False):
        paths[id(module)].append(path)
    return {path: each[0] for each in paths.values() for path in each}


def in_words(function: str, scope: str) -> str:
    """A call of a function, and the module in whose code it stands."""
    function = function.strip("_")
    return f"{function} in {scope!r}" if scope else function
