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
from steadynorm.source.layer_by_hand import by_hand
from steadynorm.source.layer_choices import look_at_choices
from steadynorm.source.layer_graph import LayerGraph
from steadynorm.source.layer_padding import padded_data
from steadynorm.source.layer_places import look_around
from steadynorm.source.layer_settings import look_at_settings
from steadynorm.source.seen import Seen
from steadynorm.source.trace import Call, Callback, Frame, Return, Run
from steadynorm.source.values import Instance


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
        if run.kind == "script":
            # A layer that a library only defines may be for something else than inference.
            sightings += by_hand(run, "keras", _is_in_network)
        sightings += look_at_state(keras)
        sightings += look_at_builds(keras)
        sightings += look_at_networks(keras)
        sightings += _padded(keras, graph)
        places |= {made.place for made in graph.made}
    sightings += look_at_checkpoints(everything)
    return Seen(tuple(sightings), frozenset(places))


def _is_in_network(event: Call | Return) -> bool:
    """Whether something happens in a Keras layer, or in a function that a `Lambda` runs."""
    for block in event.within:
        if isinstance(block, Callback) and block.call is not None and block.call.name == "keras.layers.Lambda":
            return True
        if isinstance(block, Frame) and isinstance(block.receiver, Instance):
            keras = any(base.startswith("keras.") for base in block.receiver.of.external_bases())
            if keras and block.function.name.rpartition(".")[2] == "call":
                return True
    return False


def _padded(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    for each in trainings(keras):
        yield from padded_data(graph, each.call.argument(0, "x", "inputs"), each.norms)
