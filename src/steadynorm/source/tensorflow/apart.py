"""The updates of one network among those of several that are trained by steps of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from steadynorm.source.tensorflow.norms import Norm, Updates
from steadynorm.source.tensorflow.runs import Step
from steadynorm.source.tensorflow.scopes import operation_path
from steadynorm.source.tensorflow.variables import trains
from steadynorm.source.tensorflow.world import World


def of_others(world: World, step: Step) -> list[Norm]:
    """The layers whose updates stand in the collection, and which another step trains and this one does not."""
    graph = world.reach.graph(step.call)
    rest = [each for each in world.trained_steps if each is not step]
    return [
        norm
        for norm in world.norms
        if norm.updates is Updates.COLLECTED
        and not norm.stands_still
        and world.reach.graph(norm.call) == graph
        and not _trains(step, norm)
        and any(_trains(each, norm) for each in rest)
    ]


def _trains(step: Step, norm: Norm) -> bool:
    return norm.call in step.data and trains(step.variables, norm) is not False


def scope_of(norms: Iterable[Norm], others: Iterable[Norm]) -> str | None:
    """The scope that some layers stand in and others do not, as `generator`; `None` if there is none, or not known."""
    mine = [_parts(norm) for norm in norms]
    foreign = [operation_path(norm.call) for norm in others]
    shared = [part for part, *_ in takewhile(lambda parts: len(set(parts)) == 1, zip(*mine, strict=False))]
    for length in range(1, len(shared) + 1):
        scope = "/".join(shared[:length])
        # A collection is read for whatever begins with the name of a scope.
        if all(path is not None and not path.startswith(scope) for path in foreign):
            return scope
    return None


def _parts(norm: Norm) -> Sequence[str]:
    return [part for part in (operation_path(norm.call) or "").split("/") if part]
