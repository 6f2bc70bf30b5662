"""What a program that uses TensorFlow 1 does about normalization."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.program import Sighting
from steadynorm.source.seen import Seen
from steadynorm.source.tensorflow_builds import built_twice, moved_by_others, several_inputs
from steadynorm.source.tensorflow_choices import updates_outside
from steadynorm.source.tensorflow_modes import exports, inference_by_batch, training_by_population
from steadynorm.source.tensorflow_savers import lists_lost, not_restored, not_saved, wiped
from steadynorm.source.tensorflow_updates import moments_alone, moved_in_evaluation, updates
from steadynorm.source.tensorflow_world import World
from steadynorm.source.trace import Run

_DETECTORS = (
    updates,
    moments_alone,
    moved_in_evaluation,
    inference_by_batch,
    training_by_population,
    updates_outside,
    exports,
    built_twice,
    several_inputs,
    moved_by_others,
    not_saved,
    not_restored,
    lists_lost,
    wiped,
)


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    sightings: list[Sighting] = []
    places = set()
    for run in runs:
        if not any(_is_ours(call.name) for call in run.calls()):
            continue
        world = World(run)
        places |= {norm.place for norm in world.norms}
        for detect in _DETECTORS:
            sightings += detect(world)
    return Seen(tuple(sightings), frozenset(places))


def _is_ours(name: str) -> bool:
    return name.startswith(("tensorflow.", "slim."))
