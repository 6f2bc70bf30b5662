"""SN106 in JAX: normalization by the batch alone, by hand or by a layer that keeps no statistics."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.jax.words import library_of
from steadynorm.source.layers.by_hand import by_hand
from steadynorm.source.symbolic.trace import Call, Frame, Return, Run
from steadynorm.source.symbolic.values import Instance

_WITHOUT_STATISTICS = ("jax.example_libraries.stax.BatchNorm", "jax.experimental.stax.BatchNorm")
_WEIGHTS = frozenset({"gamma", "beta", "scale", "bias", "shift", "offset"})


def look_by_hand(run: Run) -> Iterator[Sighting]:
    """Layers that normalize by the batch and keep no average."""
    for call in run.calls():
        if call.name in _WITHOUT_STATISTICS:
            yield Sighting("SN106", "jax", call.place, "BatchNorm", "stax")
    yield from by_hand(run, "jax", _is_in_network)


def _is_in_network(event: Call | Return) -> bool:
    """Whether something happens in a network, or in a function that is given gamma and beta: no scaling of data."""
    own = (event.frame,) if isinstance(event, Return) else ()
    for block in (*event.within, *own):
        if not isinstance(block, Frame):
            continue
        receiver = block.receiver
        if isinstance(receiver, Instance) and receiver.place is not None:
            return any(library_of(base) for base in receiver.of.external_bases())
        if receiver is None and len(_WEIGHTS & set(block.arguments)) == 2:
            return True
    return False
