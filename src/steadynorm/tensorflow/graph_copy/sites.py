"""Which call sites the places of a graph are: those of a layer that run in inference, in the graph's order."""

from __future__ import annotations

from collections.abc import Sequence

from steadynorm.passes import Site
from steadynorm.tensorflow.graph_copy.copied import Seen
from steadynorm.tensorflow.graph_copy.layers import Spot


def one_per_use(seen: Sequence[Seen], spots: Sequence[Spot], *, by_batch: bool) -> list[Seen]:
    """One of the places of each use that ran.

    Where a graph computes both modes and takes one of the results, both places of a use run.

    Arguments:
        seen: what ran.
        spots: the graph's places.
        by_batch: which of the two is taken.
    """
    found: dict[tuple[str, int], Seen] = {}
    for each in seen:
        use = (spots[each.spot].layer, spots[each.spot].use)
        if use not in found or each.by_batch is by_batch:
            found[use] = each
    return list(found.values())


def numbered(seen: Sequence[Seen], spots: Sequence[Spot]) -> dict[int, Site]:
    """The call site of every place of a use that ran, by the number of the place."""
    uses: dict[str, dict[int, int]] = {}
    for each in seen:
        of_layer = uses.setdefault(spots[each.spot].layer, {})
        of_layer.setdefault(spots[each.spot].use, len(of_layer))
    return {
        number: (spot.layer, uses[spot.layer][spot.use])
        for number, spot in enumerate(spots)
        if spot.use in uses.get(spot.layer, {})
    }
