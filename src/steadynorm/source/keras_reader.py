"""What a program that uses Keras does about normalization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.keras_builds import look_at_builds
from steadynorm.source.keras_calls import KerasRun
from steadynorm.source.keras_modes import look_at_modes
from steadynorm.source.keras_networks import look_at_networks
from steadynorm.source.keras_outputs import look_at_outputs
from steadynorm.source.keras_state import look_at_checkpoints, look_at_state
from steadynorm.source.keras_training import look_at_training, trainings
from steadynorm.source.layer_choices import look_at_choices
from steadynorm.source.layer_graph import LayerGraph
from steadynorm.source.layer_padding import padded_data
from steadynorm.source.layer_places import look_around
from steadynorm.source.layer_settings import look_at_settings
from steadynorm.source.seen import Seen
from steadynorm.source.trace import Run


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    sightings: list[Sighting] = []
    everything: list[KerasRun] = []
    places: set[Place] = set()
    for run in runs:
        graph = LayerGraph(run)
        keras = KerasRun(run)
        everything.append(keras)
        sightings += look_around(graph)
        sightings += look_at_choices(graph)
        sightings += look_at_modes(keras, graph)
        sightings += look_at_training(keras, graph)
        sightings += look_at_outputs(keras, graph)
        sightings += look_at_settings(graph)
        sightings += look_at_state(keras)
        sightings += look_at_builds(keras)
        sightings += look_at_networks(keras)
        sightings += _padded(keras, graph)
        places |= {made.place for made in graph.made}
    sightings += look_at_checkpoints(everything)
    return Seen(tuple(sightings), frozenset(places))


def _padded(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    for each in trainings(keras):
        yield from padded_data(graph, each.call.argument(0, "x", "inputs"), each.norms)
