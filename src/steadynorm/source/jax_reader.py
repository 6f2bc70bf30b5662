"""What a program that uses JAX (Flax linen, Flax nnx, Equinox) does about normalization."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.program import Sighting
from steadynorm.source.jax_by_hand import look_by_hand
from steadynorm.source.jax_calls import TRAINED, JaxRun
from steadynorm.source.jax_modes import look_at_modes
from steadynorm.source.jax_networks import look_at_networks
from steadynorm.source.jax_state import look_at_state
from steadynorm.source.jax_training import look_at_training
from steadynorm.source.layer_graph import LayerGraph
from steadynorm.source.layer_outputs import mismatched_range, normalized_output
from steadynorm.source.layer_padding import unused_masks
from steadynorm.source.seen import Seen
from steadynorm.source.trace import Run

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
    return Seen(tuple(sightings))
