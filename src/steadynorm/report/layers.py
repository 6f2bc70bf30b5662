"""What files say about each layer, in the few words of a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from steadynorm.evidence import Layer, Mode
from steadynorm.recorded import Choice, Graph, GraphLayer, Stored, Update, Use
from steadynorm.report.model import Report

_Part = TypeVar("_Part", Use, Update)

UNKNOWN = "–"

_MODES = {Mode.BATCH: "training", Mode.POPULATION: "inference"}

_CHOICES = {Choice.FED: "fed", Choice.VARIABLE: "variable", Choice.COMPUTED: "computed"}


@dataclass(frozen=True, slots=True)
class LayerStatus:
    """One line of the table; what the files do not tell is a dash.

    Arguments:
        name: the layer.
        mode: `training`, `inference`, both, or what chooses it: `fed`, `variable`, `computed`; what is fed by default
            as `inference unless fed`.
        updates: whether a train step runs the updates, or how many the layer counted; `by hand?` where none runs them
            and the statistics moved all the same.
        saved: whether the statistics are saved; a dash, too, of a layer that keeps none.
        moved: whether they are other than at initialization, or than before.
        codes: what was found.
    """

    name: str
    mode: str
    updates: str
    saved: str
    moved: str
    codes: tuple[str, ...]


def layer_statuses(report: Report) -> list[LayerStatus]:
    """One line per layer: those with findings first, in the order of the findings, the others in model order."""
    codes: dict[str, list[str]] = {}
    for found in report.findings:
        for name in found.layers:
            codes.setdefault(name, [])
            if found.code not in codes[name]:
                codes[name].append(found.code)
    graph, stored = report.evidence.graph, report.evidence.stored
    uses = _by_layer(graph.uses if graph else ())
    updates = _by_layer(graph.updates if graph else ())
    known = {each.name: each for each in graph.layers} if graph else {}
    rows = []
    for layer in report.evidence.layers:
        moved = _moved(layer, stored)
        rows.append(
            LayerStatus(
                layer.name,
                _mode(uses.get(layer.name, [])),
                _updates(layer, graph, updates.get(layer.name, []), moved),
                _saved(layer, known.get(layer.name), graph, stored),
                moved,
                tuple(codes.get(layer.name, ())),
            )
        )
    order = {name: index for index, name in enumerate(codes)}
    return sorted(rows, key=lambda row: order.get(row.name, len(order)))


def _by_layer(parts: Iterable[_Part]) -> dict[str, list[_Part]]:
    grouped: dict[str, list[_Part]] = {}
    for part in parts:
        grouped.setdefault(part.layer, []).append(part)
    return grouped


def _mode(uses: list[Use]) -> str:
    words = dict.fromkeys(_mode_of(use) for use in uses)
    return ", ".join(words) or UNKNOWN


def _mode_of(use: Use) -> str:
    if use.mode is not None:
        return _MODES[use.mode]
    if use.default is not None:
        return f"{_MODES[use.default]} unless {'set' if use.choice is Choice.VARIABLE else 'fed'}"
    return _CHOICES.get(use.choice, UNKNOWN)


def _updates(layer: Layer, graph: Graph | None, updates: list[Update], moved: str) -> str:
    if layer.statistics is not None and layer.statistics.updates is not None:
        return f"{layer.statistics.updates:,}"
    if graph is None or not graph.train_steps:
        return UNKNOWN
    if not updates:
        return "none"
    run = sum(bool(update.steps) for update in updates)
    if not run:
        return "by hand?" if moved == "yes" else "not run"
    return "run" if run == len(updates) else "some run"


def _saved(layer: Layer, known: GraphLayer | None, graph: Graph | None, stored: Stored | None) -> str:
    lost = stored is not None and layer.name in stored.without_statistics
    if known is not None and known.mean is None and known.variance is None and layer.statistics is None and not lost:
        return UNKNOWN
    if stored is not None:
        # Of a checkpoint without its data the names are known, and that is enough.
        if lost or (known is not None and layer.statistics is None and stored.values):
            return "no"
        return "yes" if layer.statistics is not None or not stored.values else UNKNOWN
    if graph is None or not graph.savers:
        return UNKNOWN
    savers = [saver for saver in graph.savers if saver.main] or graph.savers
    return "no" if any(layer.name in saver.incomplete for saver in savers) else "yes"


def _moved(layer: Layer, stored: Stored | None) -> str:
    if layer.statistics is None:
        return UNKNOWN
    earlier = stored.before.get(layer.name) if stored is not None and stored.before is not None else None
    if earlier is not None and earlier.statistics is not None:
        from steadynorm.condensing import digest_of

        return "no" if digest_of(layer.statistics) == digest_of(earlier.statistics) else "yes"
    return "no" if layer.statistics.at_initialization else "yes"
