"""How many layers there are of those that were seen."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.source.symbolic.trace import Loop
from steadynorm.source.tensorflow.builds import shared
from steadynorm.source.tensorflow.norms import Norm
from steadynorm.source.tensorflow.words import REPEATING, op_name
from steadynorm.source.tensorflow.world import World


def how_many(world: World, norms: Sequence[Norm]) -> int | None:
    """The number of layers, each once however often it is applied; `None` if it is not known.

    Arguments:
        world: what the run does.
        norms: applications of layers.
    """
    layers: list[Norm] = []
    for norm in norms:
        if norm.several or _is_repeated(norm):
            return None
        answers = [shared(world, each, norm) for each in layers if each.place == norm.place]
        if True not in answers:
            layers.append(norm)
    return len(layers)


def _is_repeated(norm: Norm) -> bool:
    """Whether a loop, or slim, makes nobody knows how many of a layer."""
    if op_name(norm.call) in REPEATING:
        return True
    return any(isinstance(block, Loop) and not block.unrolled for block in norm.call.within)
