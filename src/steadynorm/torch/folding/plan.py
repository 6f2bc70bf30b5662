"""Which normalization layer goes into which layer, and why the others stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from steadynorm.torch.folding.calls import Call, Flow
from steadynorm.torch.folding.kinds import (
    is_transparent,
    rank_of,
    takes,
    why_no_layer,
    why_no_norm,
    why_not_before,
)


@dataclass(frozen=True)
class Pair:
    """A normalization layer and what takes it up.

    Attributes:
        norm: path of the normalization layer.
        layers: paths of the convolution or linear layers, several where it is called with several.
        after: whether the normalization comes after them.
    """

    norm: str
    layers: tuple[str, ...]
    after: bool


class Planner:
    """Looks for a partner of each normalization layer.

    Args:
        model: in inference mode.
        flow: of its calls.
        axes: by path of a normalization layer, how many axes its inputs had in a run.
    """

    def __init__(self, model: nn.Module, flow: Flow, axes: Mapping[str, set[int]]) -> None:
        self._modules, self._flow, self._axes = dict(model.named_modules()), flow, axes
        self._done: set[str] = set()

    def plan(self, norms: list[str]) -> tuple[list[Pair], dict[str, str]]:
        """Return the pairs in the order in which they are to be folded, and why the other layers stay."""
        pairs: list[Pair] = []
        waiting = norms
        while True:
            left: dict[str, str] = {}
            for norm in waiting:
                found = self._partner(norm)
                if isinstance(found, Pair):
                    pairs.append(found)
                    self._done.add(norm)
                else:
                    left[norm] = found
            if len(left) == len(waiting):
                return pairs, left
            waiting = list(left)  # one that is done lets its neighbour through

    def _partner(self, norm: str) -> Pair | str:
        why = why_no_norm(self._modules[norm])
        if why is not None:
            return why
        calls = self._flow.of(norm)
        if not calls:
            return "the example does not reach it"
        if norm in self._flow.readers:
            return f"its own tensors are also read by {self._flow.readers[norm]}"
        if not all(each.is_plain for each in calls):
            return "it is called with more than its input"
        reasons = []
        for after in (True, False):
            found = self._on_one_side(norm, calls, after=after)
            if isinstance(found, Pair):
                return found
            reasons.append(found)
        return "; ".join(reasons)

    def _on_one_side(self, norm: str, calls: list[Call], *, after: bool) -> Pair | str:
        partners: list[Call] = []
        for each in calls:
            found = self._neighbour(each, after=after)
            if isinstance(found, str):
                return found
            partners.append(found)
        paths = tuple(dict.fromkeys(each.layer for each in partners if each.layer is not None))
        for path in paths:
            why = self._why_not(norm, path, partners, after=after)
            if why is not None:
                return why
        return Pair(norm, paths, after)

    def _why_not(self, norm: str, path: str, partners: list[Call], *, after: bool) -> str | None:
        layer = self._modules[path]
        if not set(self._flow.of(path)) <= set(partners):
            return f"{path!r} is called several times, and not always with it"
        why = why_no_layer(path, layer) or (None if after else why_not_before(path, layer))
        if why is not None:
            return why
        if path in self._flow.readers:
            return f"the weight or bias of {path!r} is also read by {self._flow.readers[path]}"
        if self._axes[norm] != {rank_of(layer)}:
            return f"it normalizes another axis than the channels of {path!r}"
        return None

    def _neighbour(self, call: Call, *, after: bool) -> Call | str:
        """The layer next to a call through which alone its data flow, or why there is none."""
        while True:
            near = call.inputs if after else call.users
            if len(near) != 1:
                whose = "its output goes to " + _and([each.name for each in near])
                return whose if not after else "its input has several sources"
            (other,) = near
            takes_up = other.layer is not None and takes(self._modules[other.layer])
            if not takes_up and not self._lets_through(other.layer):
                kind = "" if other.layer is None else f" ({type(self._modules[other.layer]).__name__})"
                return f"its {'input comes from' if after else 'output goes to'} {other.name}{kind}"
            if after and len(other.users) > 1:
                others = [each.name for each in other.users if each is not call]
                return f"its input, the output of {other.name}, also goes to {_and(others)}"
            if not takes_up:
                call = other
                continue
            if not after and len(other.inputs) != 1:
                return f"{other.name} has several inputs"
            return other

    def _lets_through(self, layer: str | None) -> bool:
        return layer is not None and (layer in self._done or is_transparent(self._modules[layer]))


def _and(names: list[str]) -> str:
    return " and ".join(dict.fromkeys(names)) or "nothing"
