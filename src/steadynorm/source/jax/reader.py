"""What a program that uses JAX (Flax linen, Flax nnx, Equinox) does about normalization."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.program import Sighting
from steadynorm.source.jax.by_hand import look_by_hand
from steadynorm.source.jax.calls import TRAINED, JaxRun
from steadynorm.source.jax.modes import look_at_modes
from steadynorm.source.jax.networks import look_at_networks
from steadynorm.source.jax.state import look_at_state
from steadynorm.source.jax.training import look_at_training
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.layers.outputs import activated_twice, mismatched_range, normalized_output
from steadynorm.source.layers.padding import unused_masks
from steadynorm.source.seen import Seen
from steadynorm.source.symbolic.trace import Run

_LIBRARIES = ("jax.", "flax.", "equinox.")


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project; the places of layers are seen by the reader of Keras."""
    sightings: list[Sighting] = []
    for run in runs:
        graph = LayerGraph(run)
        if any(call.name.startswith(_LIBRARIES) for call in run.calls()):
            sightings += look_by_hand(run)
        if not any(norm.framework == "jax" for norm in graph.norms):
            continue
        jax = JaxRun(graph)
        sightings += look_at_modes(jax)
        sightings += look_at_training(jax)
        sightings += look_at_networks(jax)
        sightings += look_at_state(jax)
        sightings += unused_masks(graph, jax.uses)
        for use in jax.model_uses:
            if use.purpose == TRAINED and use.call is not None:
                sightings += normalized_output(graph, use.call.result, "jax", handed_over=False)
                sightings += mismatched_range(graph, use.call.result, "jax")
                sightings += activated_twice(graph, use.call.result, "jax")
    return Seen(tuple(sightings))
