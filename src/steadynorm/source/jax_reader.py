"""What a program that uses JAX (Flax linen, Flax nnx, Equinox) does about normalization."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.program import Sighting
from steadynorm.source.jax_calls import JaxRun
from steadynorm.source.jax_modes import look_at_modes
from steadynorm.source.jax_training import look_at_training
from steadynorm.source.layer_graph import LayerGraph
from steadynorm.source.seen import Seen
from steadynorm.source.trace import Run


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project; what stands around layers the reader of Keras sees."""
    sightings: list[Sighting] = []
    for run in runs:
        graph = LayerGraph(run)
        if not any(norm.framework == "jax" for norm in graph.norms):
            continue
        jax = JaxRun(graph)
        sightings += look_at_modes(jax)
        sightings += look_at_training(jax)
    return Seen(tuple(sightings))
