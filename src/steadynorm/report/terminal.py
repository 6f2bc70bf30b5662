"""The report for a terminal: complete at 80 columns, and without colour, which only repeats what the words say."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from steadynorm.evidence import Evidence, Gap
from steadynorm.report import files
from steadynorm.report.experiments import tried
from steadynorm.report.findings import findings
from steadynorm.report.layout import as_lines, grid, pairs, section
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult
from steadynorm.report.styles import WIDEST
from steadynorm.report.summary import (
    DATA,
    MODES,
    LayerRow,
    gap_said,
    gap_value,
    layer_rows,
    looked_at,
    reasons,
    trials,
    verdict,
)
from steadynorm.report.words import closed, counted, folded, measured, number, percent

SHOWN_LAYERS = 12
"""Rows of the per-layer table."""


def renderable(report: Report) -> RenderableType:
    """The report for a rich console."""
    if report.origin is not None:
        return files.renderable(CheckResult((report,)))
    return Constrain(Group(*_parts(report)), WIDEST)


def as_text(report: Report) -> str:
    """The report as plain text, 80 columns wide."""
    return as_lines(renderable(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    evidence = report.evidence
    yield Text(verdict(report), style="bold")
    if report.is_empty:
        yield Text(f"Nothing was assessed (framework: {evidence.framework}), which is no verdict on the model.")
        return
    yield Text(looked_at(report), style="dim")
    if evidence.gap is not None:
        yield from section(
            "Inference against batch statistics", _four_ways(evidence.gap), Text(gap_said(evidence.gap), style="dim")
        )
    yield from section("Findings", *findings(report))
    if evidence.experiments is not None:
        yield from section("Experiments on copies", pairs(*tried(evidence.experiments)))
    rows = layer_rows(evidence)
    if any(row.distance is not None for row in rows):
        yield from section("Layers: stored statistics against what the layer is fed", *_layers(rows))
    if evidence.trials and evidence.gap is not None:
        yield from section("Remedies tried on a copy", _trials(evidence, evidence.gap))
    if missing := reasons(report):
        yield from section("Not assessed", pairs(*((why, ", ".join(what)) for why, what in missing.items())))


def _four_ways(gap: Gap) -> Table:
    has_metric = any(each.metric is not None for each in gap.scores.values())
    has_loss = any(each.loss is not None for each in gap.scores.values())
    table = grid("normalized by", "data", *["metric"] * has_metric, *["loss"] * has_loss, right=2)
    for mode, label in MODES.items():
        for split, data in DATA.items():
            scored = gap.scores.get((mode, split))
            if scored is None:
                continue
            cells = [measured(scored.metric, scored.metric_error)] * has_metric
            cells += [measured(scored.loss, scored.loss_error)] * has_loss
            table.add_row(*map(Text, (label, data, *cells)))
    return table


def _layers(rows: list[LayerRow]) -> Iterator[RenderableType]:
    ordered = sorted(rows, key=lambda row: -row.size)
    tried = any(row.alone is not None for row in rows)
    table = grid("layer", "mean shift", "log ratio", "", *["alone"] * tried, right=1)
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
    table = grid("remedy", "layers", gap.measure, "of gap", right=2)
    for trial in trials(evidence):
        before, after = gap_value(trial.before, gap), gap_value(trial.after, gap)
        change = " → ".join("–" if each is None else number(each) for each in (before, after))
        layers = f"all {len(trial.layers)}" if len(trial.layers) == len(evidence.layers) > 1 else folded(trial.layers)
        did = closed(trial.share, before, after).removesuffix(" of the gap") or "–"
        table.add_row(*map(Text, (trial.description, layers, change, did)))
    return table
