"""The report for a terminal: complete at 80 columns, and without colour, which only repeats what the words say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.evidence import Evidence, Gap, Mode
from steadynorm.finding import Certainty, Effect, Finding
from steadynorm.report.model import Report
from steadynorm.report.styles import STYLES, WIDEST
from steadynorm.report.summary import (
    DATA,
    LayerRow,
    counts,
    gap_value,
    layer_rows,
    looked_at,
    reasons,
    verdict,
)
from steadynorm.report.words import counted, folded, measured, number, percent, sentence

WIDTH = 80
"""Columns of the plain text."""

SHOWN_LAYERS = 12
"""Rows of the per-layer table."""


def renderable(report: Report) -> RenderableType:
    """The report for a rich console."""
    return Constrain(Group(*_parts(report)), WIDEST)


def as_text(report: Report) -> str:
    """The report as plain text, 80 columns wide."""
    buffer = StringIO()
    console = Console(file=buffer, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(renderable(report))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _parts(report: Report) -> Iterator[RenderableType]:
    evidence = report.evidence
    yield Text(verdict(report), style="bold")
    if not evidence.layers:
        yield Text(f"Nothing was assessed (framework: {evidence.framework}), which is no verdict on the model.")
        return
    yield Text(looked_at(report), style="dim")
    if evidence.gap is not None:
        yield from _section("Inference against batch statistics", _four_ways(evidence.gap), _gap(evidence.gap))
    yield from _section("Findings", *_findings(report))
    rows = layer_rows(evidence)
    if any(row.distance is not None for row in rows):
        yield from _section("Layers: stored statistics against what the layer is fed", *_layers(rows))
    if evidence.trials and evidence.gap is not None:
        yield from _section("Remedies tried on a copy", _trials(evidence, evidence.gap))
    if report.not_assessed:
        yield from _section(
            "Not assessed", _pairs(*((why, ", ".join(codes)) for why, codes in reasons(report).items()))
        )


def _section(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Text(title, style="bold")
    for part in parts:
        yield Padding(part, (0, 0, 0, 2))


def _grid(*headings: str, right: int = 99) -> Table:
    """An unboxed table; columns from `right` on hold numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if index >= right else "left", overflow="fold")
    return table


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=38)
    table.add_column(overflow="fold")
    for left, right in rows:
        table.add_row(Text(left, style="dim"), Text(right))
    return table


def _four_ways(gap: Gap) -> Table:
    has_metric = any(each.metric is not None for each in gap.scores.values())
    has_loss = any(each.loss is not None for each in gap.scores.values())
    table = _grid("normalized by", "data", *["metric"] * has_metric, *["loss"] * has_loss, right=2)
    for mode, label in (
        (Mode.POPULATION, "stored statistics (inference)"),
        (Mode.BATCH, "batch statistics (training)"),
    ):
        for split, data in DATA.items():
            scored = gap.scores.get((mode, split))
            if scored is None:
                continue
            cells = [measured(scored.metric, scored.metric_error)] * has_metric
            cells += [measured(scored.loss, scored.loss_error)] * has_loss
            table.add_row(*map(Text, (label, data, *cells)))
    return table


def _gap(gap: Gap) -> Text:
    direction = "higher" if gap.higher_is_better else "lower"
    if gap.size == 0:
        return Text(
            f"The {gap.measure} ({direction} is better) shows no shortfall of inference beyond noise.", style="dim"
        )
    size = f" of {number(gap.size)}" if math.isfinite(gap.size) else ""
    cause = (
        "shows on the validation data only: they differ from the training data, to which the statistics fit. Check "
        "how they are prepared."
        if gap.on_validation_only
        else "is due to normalization alone: weights and data are the same."
    )
    return Text(f"The gap{size} in the {gap.measure} ({direction} is better) {cause}", style="dim")


def _findings(report: Report) -> Iterator[RenderableType]:
    if not report.findings:
        yield Text(f"None, in {counted(len(report.checked), 'check')}.")
        return
    yield Text(f"{counts(report)}.", style="dim")
    for rank, found in enumerate(report.findings, 1):
        yield Text()
        yield from _finding(rank, found)


def _finding(rank: int, found: Finding) -> Iterator[RenderableType]:
    head = Text(f"{rank}. ")
    head.append(found.severity.value.upper(), style=STYLES[found.severity])
    head.append(f" {found.code} {CATALOGUE[found.code].name}", style="bold")
    head.append(f" ({found.certainty.value})", style="dim")
    yield head
    layers = f"layer{'s' if len(found.layers) > 1 else ''} {folded(found.layers)}"
    rows = [("where", layers if found.layers else found.location)]
    if found.effect is not None:
        rows.append(("effect", _effect(found.effect)))
    rows.append(("remedy", sentence(found.remedy)))
    if found.certainty is Certainty.LIKELY and found.settle:
        rows.append(("to settle", sentence(found.settle)))
    rows.append(("more", f"steadynorm explain {found.code}"))
    yield Padding(Text(sentence(found.message)), (0, 0, 0, 3))
    yield Padding(_pairs(*rows), (0, 0, 0, 3))


def _effect(effect: Effect) -> str:
    change = f"{effect.measure} {number(effect.before)} → {number(effect.after)} with {effect.remedy}"
    return change if effect.share is None else f"{change} ({percent(effect.share)} of the gap)"


def _layers(rows: list[LayerRow]) -> Iterator[RenderableType]:
    ordered = sorted(rows, key=lambda row: -row.size)
    tried = any(row.alone is not None for row in rows)
    table = _grid("layer", "mean shift", "log ratio", "", *["alone"] * tried, right=1)
    table.columns[3].justify = "left"
    for row in ordered[:SHOWN_LAYERS]:
        alone = ["–" if row.alone is None else percent(row.alone)] * tried
        table.add_row(*map(Text, (folded([row.layer.name]), *_distance(row), *alone)))
    yield table
    if len(ordered) > SHOWN_LAYERS:
        yield Text(f"and {counted(len(ordered) - SHOWN_LAYERS, 'layer')} with smaller distances.")
    yield Text(
        "Mean shift in standard deviations and log ratio of the variances, root mean square over channels ± standard "
        "error." + " Alone: share of the gap closed by re-estimating only that layer." * tried,
        style="dim",
    )


def _distance(row: LayerRow) -> tuple[str, str, str]:
    distance = row.distance
    if distance is None:
        return "–", "–", "keeps no statistics" if row.layer.statistics is None else "not called"
    return (
        measured(distance.shift, distance.shift_error),
        measured(distance.log_ratio, distance.log_ratio_error),
        "differs" if distance.significant else "fits",
    )


def _trials(evidence: Evidence, gap: Gap) -> Table:
    table = _grid("remedy", "layers", gap.measure, "of gap", right=2)
    for trial in evidence.trials:
        before, after = gap_value(trial.before, gap), gap_value(trial.after, gap)
        change = " → ".join("–" if each is None else number(each) for each in (before, after))
        layers = f"all {len(trial.layers)}" if len(trial.layers) == len(evidence.layers) > 1 else folded(trial.layers)
        share = "–" if trial.share is None else percent(trial.share)
        table.add_row(*map(Text, (trial.description, layers, change, share)))
    return table
