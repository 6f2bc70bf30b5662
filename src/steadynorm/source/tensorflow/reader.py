"""What a program that uses TensorFlow 1 does about normalization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.seen import Seen
from steadynorm.source.symbolic.trace import Run
from steadynorm.source.tensorflow.about import is_about
from steadynorm.source.tensorflow.batches import micro_batches, one_row, sizes
from steadynorm.source.tensorflow.builds import built_twice, moved_by_others, several_inputs
from steadynorm.source.tensorflow.choices import updates_outside
from steadynorm.source.tensorflow.modes import exports, inference_by_batch, training_by_population
from steadynorm.source.tensorflow.place import (
    behind,
    bias_before,
    decayed,
    dropout_before,
    swapped_momentum,
    wrong_axis,
)
from steadynorm.source.tensorflow.sanity import activated_twice, data_order, initial_scale, output_range, padding
from steadynorm.source.tensorflow.savers import lists_lost, not_restored, not_saved, wiped
from steadynorm.source.tensorflow.sightings import near, prefixes
from steadynorm.source.tensorflow.tuning import averaged, averages_read, copied, frozen_moves, slow_decay
from steadynorm.source.tensorflow.updates import moments_alone, moved_in_evaluation, updates
from steadynorm.source.tensorflow.world import World

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
    bias_before,
    behind,
    wrong_axis,
    dropout_before,
    swapped_momentum,
    decayed,
    copied,
    frozen_moves,
    one_row,
    output_range,
    activated_twice,
    initial_scale,
    data_order,
    padding,
)
_WITH_OPTIONS = (slow_decay, sizes, micro_batches)
"""Those that need the defaults of the command line."""


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    worlds = [World(run) for run in runs if is_about(run)]
    defaults = Defaults(runs)
    read = any(map(averages_read, worlds))
    sightings: list[Sighting] = []
    for world in worlds:
        for detect in _DETECTORS:
            sightings += detect(world)
        for detect_by in _WITH_OPTIONS:
            sightings += detect_by(world, defaults)
        sightings += averaged(world, read)
    names = {path: name for world in worlds for path, name in prefixes(world.run).items()}
    sightings = [_told(each, names) for each in sightings]
    return Seen(tuple(sightings), frozenset(norm.place for world in worlds for norm in world.norms))


def _told(sighting: Sighting, names: Mapping[str, str]) -> Sighting:
    """A sighting with what a message needs besides: the file's name for TensorFlow, and how many layers there are."""
    told: dict[str, object] = {"tf": names.get(sighting.place.path, "tf")}
    told |= sighting.facts
    if "layers" in told:
        layers = told["layers"]
        told["count"] = "layers" if layers is None else "1 layer" if layers == 1 else f"{layers} layers"
        told["counted"] = "" if layers is None else f"{told['count']}, "
    return replace(sighting, facts=told)


def placed(sightings: Iterable[Sighting], files: Mapping[str, SourceFile]) -> list[Sighting]:
    """Sightings whose other places are named as somebody who looks at theirs would call them."""
    return [
        replace(
            each,
            facts={
                name: near(each.place, fact, files) if isinstance(fact, Place) else fact
                for name, fact in each.facts.items()
            },
        )
        for each in sightings
    ]
