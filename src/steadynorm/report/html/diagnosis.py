"""Reports as a page: of a live model, of files, or of source code; and several of them as one page."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.evidence import Score, Trial
from steadynorm.report.experiments import tried
from steadynorm.report.html.causes import SHOWN_FINDINGS, Cause, causes_of
from steadynorm.report.html.page import write_page
from steadynorm.report.html.plots import Plot, layers_plot
from steadynorm.report.html.training import Training
from steadynorm.report.layers import UNKNOWN, LayerStatus, layer_statuses
from steadynorm.report.model import Report
from steadynorm.report.program import looked_at as source_looked_at
from steadynorm.report.result import CheckResult
from steadynorm.report.run import Run
from steadynorm.report.summary import (
    DATA,
    MODES,
    LayerRow,
    counts,
    danger_said,
    files_looked_at,
    fixed_said,
    gap_said,
    gap_value,
    gone_said,
    layer_rows,
    looked_at,
    not_reported_said,
    reasons,
    result_verdict,
    trials,
    verdict,
    what_it_is,
)
from steadynorm.report.words import folded


def report_page(report: Report, run: Run | None = None) -> str:
    """The page of one report, with its training where there is a run file of it."""
    if report.origin is not None:
        return result_page(CheckResult((report,)))
    part, training = Part("model", report), None if run is None else Training("training", run)
    plots = [*part.plots, *(training.plots if training else [])]
    return write_page("diagnosis.html", f"{report.name} – steadynorm", plots, part=part, training=training)


def result_page(result: CheckResult) -> str:
    """The page of a check of files."""
    alone = len(result.reports) == 1
    parts: list[Part] = []
    explained: frozenset[str] = frozenset()
    for index, report in enumerate(result.reports, 1):
        parts.append(Part(f"model{index}", report, explained))
        explained |= {found.code for found in report.findings[:SHOWN_FINDINGS]}
    shown = [part for part in parts if alone or part.report.findings]
    return write_page(
        "result.html",
        f"{result.reports[0].name if alone else 'Check'} – steadynorm",
        verdict=parts[0].verdict if alone else result_verdict(result),
        alone=alone,
        parts=parts,
        shown=shown,
        notes=[said for said in (fixed_said(result), not_reported_said(result), gone_said(result)) if said],
        result=result,
    )


@dataclass(frozen=True, slots=True)
class FourWays:
    """One row of the four-way table.

    Arguments:
        mode: what was normalized by, in words.
        data: which data, in words.
        score: what was measured.
        span: rows of this mode from here on, 0 in all but the first.
    """

    mode: str
    data: str
    score: Score
    span: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One remedy that was tried: on which layers, and the number before and after."""

    trial: Trial
    layers: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Part:
    """One report, as the templates show it.

    Arguments:
        id: what the ids of its elements begin with.
        report: the report.
        explained: codes of checks whose pages stand further up in the page.
    """

    id: str
    report: Report
    explained: frozenset[str] = frozenset()

    @property
    def verdict(self) -> str:
        """The whole report in one sentence."""
        return verdict(self.report)

    @property
    def looked_at(self) -> str:
        """What it rests on."""
        if self.report.is_source:
            return source_looked_at(self.report)
        return looked_at(self.report) if self.report.origin is None else files_looked_at(self.report)

    @property
    def what(self) -> str:
        """What it is about, in a few words."""
        return what_it_is(self.report)

    @property
    def outcome(self) -> str:
        """What came out, in a few words."""
        if self.report.is_empty:
            return "no normalization layers"
        return counts(self.report) or ("nothing found" if self.report.checked else "nothing assessed")

    @property
    def danger(self) -> str:
        """What the file would do if it were loaded; empty if nothing."""
        origin = self.report.origin
        return danger_said(origin) if origin is not None and origin.code else ""

    @property
    def causes(self) -> list[Cause]:
        """The findings that are written out."""
        return causes_of(self.report, self.explained)

    @property
    def four_ways(self) -> list[FourWays]:
        """The four-way table; empty where nothing was measured."""
        gap = self.report.evidence.gap
        rows: list[FourWays] = []
        for mode, words in MODES.items():
            measured = [(split, gap.scores[mode, split]) for split in DATA if gap and (mode, split) in gap.scores]
            spans = [len(measured), *[0] * len(measured)]
            rows += [FourWays(words, DATA[split], score, spans[at]) for at, (split, score) in enumerate(measured)]
        return rows

    @property
    def gap(self) -> str:
        """What the gap is due to; empty where none was measured."""
        return "" if self.report.evidence.gap is None else gap_said(self.report.evidence.gap)

    @property
    def tried(self) -> list[tuple[str, str]]:
        """What the experiments of a sanity test came to; empty where none was made."""
        experiments = self.report.evidence.experiments
        return [] if experiments is None else list(tried(experiments))

    @property
    def layers(self) -> list[LayerRow]:
        """The layers with a distance or without, largest first; empty where none has any."""
        rows = layer_rows(self.report.evidence)
        return sorted(rows, key=lambda row: -row.size) if any(row.distance is not None for row in rows) else []

    @property
    def places(self) -> dict[str, int]:
        """Where each layer stands in the model, from 1."""
        return {layer.name: place for place, layer in enumerate(self.report.evidence.layers, 1)}

    @property
    def statuses(self) -> list[LayerStatus]:
        """What files say of each layer; empty for a live model."""
        return layer_statuses(self.report) if self.report.origin is not None else []

    @property
    def status_columns(self) -> list[str]:
        """The columns in which the files say something."""
        rows = self.statuses
        columns = ("mode", "updates", "saved", "moved")
        return [column for column in columns if any(getattr(row, column) != UNKNOWN for row in rows)]

    @property
    def trials(self) -> list[Tried]:
        """The remedies that were tried; empty where there was nothing to measure them by."""
        gap, count = self.report.evidence.gap, len(self.report.evidence.layers)
        if gap is None:
            return []
        return [
            Tried(
                trial,
                f"all {count}" if len(trial.layers) == count > 1 else folded(trial.layers),
                gap_value(trial.before, gap),
                gap_value(trial.after, gap),
            )
            for trial in trials(self.report.evidence)
        ]

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The codes that were not assessed, by why."""
        return reasons(self.report)

    @property
    def plots(self) -> list[Plot]:
        """What is plotted of it."""
        rows = [row for row in self.layers if row.distance is not None]
        return [layers_plot(f"{self.id}-plot", f"{self.id}-layers", rows)] if rows else []
