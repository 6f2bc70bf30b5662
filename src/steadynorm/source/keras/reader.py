"""What a program that uses Keras does about normalization, and what stands around layers of Flax and Equinox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults
from steadynorm.source.keras.builds import look_at_builds
from steadynorm.source.keras.calls import KerasRun
from steadynorm.source.keras.functions import look_at_functions
from steadynorm.source.keras.modes import look_at_modes
from steadynorm.source.keras.networks import look_at_networks
from steadynorm.source.keras.outputs import look_at_outputs
from steadynorm.source.keras.state import look_at_checkpoints, look_at_state
from steadynorm.source.keras.training import look_at_training, trainings
from steadynorm.source.layers.by_hand import by_hand
from steadynorm.source.layers.choices import look_at_choices
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.layers.models import is_ready_made
from steadynorm.source.layers.padding import padded_data
from steadynorm.source.layers.places import look_around
from steadynorm.source.layers.settings import look_at_settings
from steadynorm.source.seen import Seen
from steadynorm.source.symbolic.trace import Call, Callback, Frame, Return, Run
from steadynorm.source.symbolic.values import Instance, Product

_WITH_LAYERS = ("keras.", "flax.", "equinox.")
"""Libraries whose layers are objects, and what stands around these is seen here for all of them."""


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    sightings: list[Sighting] = []
    everything: list[KerasRun] = []
    places: set[Place] = set()
    defaults = Defaults(runs)
    for run in runs:
        names = set(_names(run))
        if not any(name.startswith(_WITH_LAYERS) for name in names):
            continue
        graph = LayerGraph(run)
        sightings += look_around(graph)
        sightings += look_at_choices(graph)
        sightings += look_at_settings(graph)
        places |= {made.place for made in graph.made}
        places |= {call.place for call in run.calls() if is_ready_made(call)}
        if any(name.startswith("keras.") for name in names):
            keras = KerasRun(run, defaults)
            everything.append(keras)
            sightings += _of_keras(keras, graph)
    sightings += look_at_checkpoints(everything)
    return Seen(tuple(sightings), frozenset(places))


def _names(run: Run) -> Iterator[str]:
    """What a run calls: by name, and the names of what made the layers and models that it calls or calls methods of."""
    for call in run.calls():
        yield call.name
        for value in (call.callee, call.receiver):
            if isinstance(value, Product):
                yield value.call.name
            elif isinstance(value, Instance):
                yield from value.of.external_bases()


def _of_keras(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    yield from look_at_modes(keras, graph)
    yield from look_at_functions(keras, graph)
    yield from look_at_training(keras, graph)
    yield from look_at_outputs(keras, graph)
    yield from look_at_state(keras)
    yield from look_at_builds(keras)
    yield from look_at_networks(keras)
    for each in trainings(keras):
        yield from padded_data(graph, each.call.argument(0, "x", "inputs"), each.norms)
    if keras.run.kind == "script":
        # A layer that a library only defines may be for something else than inference.
        yield from by_hand(keras.run, "keras", _is_in_network)


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
