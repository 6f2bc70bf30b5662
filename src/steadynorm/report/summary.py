"""What a report says as a whole, in the same words for every form of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.evidence import Evidence, Gap, Layer, Mode, Score, Split, Trial
from steadynorm.finding import Finding, Severity
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult
from steadynorm.report.words import counted, folded, listed, number, percent

if TYPE_CHECKING:
    from steadynorm.checks.distance import Distance

DATA = {Split.TRAIN: "training", Split.VALIDATION: "validation"}

MODES = {Mode.POPULATION: "stored statistics (inference)", Mode.BATCH: "batch statistics (training)"}

_BEFORE = {"inference-mode": "in the evaluation as given", "population": "in small batches"}
"""Where the number stood before a remedy was tried, if not in inference mode."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One line of the per-layer table.

    Arguments:
        layer: the layer.
        distance: how far its statistics are from what it is fed, `None` where that is not known.
        alone: the share of the gap that its recalibration alone closes, `None` where it was not tried.
    """

    layer: Layer
    distance: Distance | None
    alone: float | None

    @property
    def size(self) -> float:
        """What rows are ordered by; a distance that is no number is the largest, an unknown one the smallest."""
        if self.distance is None:
            return -1.0
        size = math.hypot(self.distance.shift, self.distance.log_ratio)
        return math.inf if math.isnan(size) else size


def layer_rows(evidence: Evidence) -> list[LayerRow]:
    """The per-layer table in model order."""
    if not evidence.layers:
        return []
    from steadynorm.checks.distance import of_layer

    read = evidence.distances
    alone = {
        trial.layers[0]: trial.share
        for trial in evidence.trials
        if trial.remedy == "recalibrate" and len(trial.layers) == 1
    }
    return [
        LayerRow(
            layer,
            of_layer(evidence, layer) if read is None else read.get(layer.name),
            alone.get(layer.name),
        )
        for layer in evidence.layers
    ]


def trials(evidence: Evidence) -> list[Trial]:
    """The remedies that were tried: those that helped first, those without effect last."""
    return sorted(evidence.trials, key=lambda trial: -(trial.share or 0.0))


def verdict(report: Report) -> str:
    """The whole report in one sentence."""
    if report.is_empty:
        what = "model has" if report.origin is None else "files have"
        if report.evidence.left_out:
            why = ", ".join(dict.fromkeys(report.evidence.left_out.values()))
            return f"{report.name}: nothing to check, its normalization layers cannot be watched ({why})."
        followed = " that can be followed" if report.is_source else ""
        return f"{report.name}: nothing to check, the {what} no normalization layers{followed}."
    if report.origin is not None or report.evidence.experiments is not None:
        return f"{report.name}: {_found(report)}."
    cause = report.findings[0] if report.findings else None
    explained = None if cause is None else _explained(cause)
    return f"{report.name}: {explained or f'{_compared(report.evidence.gap)}; {_found(report)}'}."


def result_verdict(result: CheckResult) -> str:
    """The whole result of a check of files in one sentence."""
    models = [report for report in result.reports if not (report.is_empty or report.is_source)]
    sources = [report for report in result.reports if report.is_source]
    checked = [*models, *(report for report in sources if not report.is_empty)]
    found = [report for report in models if report.findings]
    files = sum(len(report.origin.files) for report in sources if report.origin is not None)
    layered = sum(bool(report.evidence.layers) for report in models)
    without = f" and {len(models) - layered} without" if layered < len(models) else ""
    what = [f"{counted(layered, 'model')} with normalization layers{without}"] if models or not sources else []
    what += [counted(files, "source file")] if sources else []
    parts = [f"{listed(what)} checked"]
    if result.findings:
        parts.append(f"{_counted(result.findings)}{'' if sources else _of(len(found), len(models))}")
    elif any(report.checked for report in checked):
        parts.append("nothing found")
    if unassessed := [report for report in checked if not report.checked]:
        parts.append(f"{_unassessed(unassessed)}{_of(len(unassessed), len(checked))}")
    if result.unread:
        parts.append(f"{counted(len(result.unread), 'file')} could not be read")
    elif not result.reports:
        parts.append("nothing of a known format was found")
    return f"{'; '.join(parts)}."


def _of(some: int, models: int) -> str:
    return f" in {'all' if some == models else some} of them" if models > 1 else ""


def _unassessed(reports: Iterable[Report]) -> str:
    """That none of the chosen checks could be made, and why."""
    why = dict.fromkeys(reason for report in reports for reason in reasons(report))
    return f"nothing assessed ({'; '.join(why) or 'all checks were left out'})"


def what_it_is(report: Report) -> str:
    """What a report of files or source code is about, in a few words."""
    if report.is_source:
        return counted(len(report.origin.files), "source file") if report.origin else "source code"
    layers = counted(len(report.evidence.layers), "layer")
    return f"{report.origin.format}, {layers}" if report.origin else layers


def danger_said(origin: Origin) -> str:
    """That a file names code, and which, in two sentences."""
    return (
        f"Beware: the file names code that loading it with pickle or torch.load would run ({folded(origin.code)}). "
        "Here it was read as data, and nothing was run."
    )


def fixed_said(result: CheckResult) -> str:
    """What was fixed, in a sentence; empty if nothing."""
    fixed = Counter(found.code for found in result.fixed)
    return f"Fixed: {', '.join(f'{code} ({count})' for code, count in fixed.items())}." if fixed else ""


def not_reported_said(result: CheckResult) -> str:
    """What is known and therefore not reported, in a sentence; empty if nothing."""
    hidden = result.hidden
    known = [f"{counted(hidden.suppressed, 'finding')} left out by comments or settings"] * bool(hidden.suppressed)
    known += [f"{counted(hidden.known, 'finding')} of the baseline"] * bool(hidden.known)
    return f"Not reported: {listed(known)}." if known else ""


def gone_said(result: CheckResult) -> str:
    """What of the baseline did not come up again, in a sentence; empty if everything did."""
    if not result.hidden.gone:
        return ""
    gone = counted(result.hidden.gone, "finding of the baseline is", "findings of the baseline are")
    return f"{gone} gone: --write-baseline writes it anew."


def looked_at(report: Report) -> str:
    """What the diagnosis rests on, in one sentence."""
    evidence = report.evidence
    if evidence.experiments is not None:
        return f"Tried on copies, in {evidence.experiments.seconds:.0f} s. {made(report)}"
    parts = [_layers(evidence)]
    parts += [counted(count, f"{DATA[split]} batch", f"{DATA[split]} batches") for split, count in _batches(evidence)]
    if evidence.steps is not None:
        parts.append(counted(evidence.steps.steps, "train step"))
    if evidence.evaluation is not None:
        parts.append("your evaluation" if evidence.evaluation.given else "the model in inference mode")
    return f"Looked at {listed(parts)}. {made(report)}"


def files_looked_at(report: Report) -> str:
    """What a check of files rests on, in two sentences."""
    evidence, stored = report.evidence, report.evidence.stored
    parts = [f"{report.origin.format} ({evidence.framework})"] if report.origin else []
    parts.append(_layers(evidence))
    if stored is not None and stored.steps is not None:
        where = f" ({stored.steps_from})" if stored.steps_from else ""
        parts.append(f"{stored.steps:,} {'step' if stored.steps == 1 else 'steps'}{where}")
    if stored is not None and not stored.values:
        parts.append("names and shapes without values")
    if stored is not None and stored.ranks:
        parts.append(f"compared with {counted(len(stored.ranks), 'other rank')}")
    if stored is not None and stored.before is not None:
        parts.append("compared with an earlier checkpoint")
    return f"{', '.join(parts)}. {made(report)}"


def _layers(evidence: Evidence) -> str:
    if not evidence.layers:
        return "no normalization layers"
    kinds = Counter(layer.kind for layer in evidence.layers)
    named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"{counted(len(evidence.layers), 'normalization layer')} ({named})"


def made(report: Report) -> str:
    """How many checks were made, and what limited them, in a sentence."""
    limits = [f"only {', '.join(report.select)}"] if report.select else []
    limits += [f"without {', '.join(report.ignore)}"] if report.ignore else []
    limit = f" ({'; '.join(limits)})" if limits else ""
    return f"{counted(len(report.checked), 'check')} made{limit}."


def counts(report: Report) -> str:
    """How many findings of which severity, as `1 error, 2 infos`."""
    return _counted(report.findings)


def _counted(findings: Iterable[Finding]) -> str:
    found = Counter(finding.severity for finding in findings)
    return ", ".join(counted(found[each], each.value) for each in reversed(Severity) if found[each])


def where(found: Finding) -> str:
    """The place of a finding: its layers, a long list of them folded, or another place."""
    if not found.layers:
        return found.location
    return f"{'layer' if len(found.layers) == 1 else 'layers'} {folded(found.layers)}"


def reasons(report: Report) -> dict[str, list[str]]:
    """The codes that were not assessed, and the layers, grouped by why."""
    grouped: dict[str, list[str]] = {}
    for each in report.not_assessed:
        grouped.setdefault(each.reason, []).append(each.code)
    found = {reason: sorted(codes) for reason, codes in grouped.items()}
    for name, reason in report.evidence.left_out.items():
        found.setdefault(f"layers: {reason}", []).append(name)
    return found


def gap_value(scored: Score, gap: Gap) -> float | None:
    """The number that the gap is measured by."""
    return scored.metric if gap.measure == "metric" else scored.loss


def gap_said(gap: Gap) -> str:
    """How large the gap is and what it is due to, in a sentence or two."""
    direction = "higher" if gap.higher_is_better else "lower"
    if gap.size == 0:
        return f"The {gap.measure} ({direction} is better) shows no shortfall of inference beyond noise."
    size = f" of {number(gap.size)}" if math.isfinite(gap.size) else ""
    cause = (
        "shows on the validation data only: they differ from the training data, to which the statistics fit. Check "
        "how they are prepared."
        if gap.on_validation_only
        else "is due to normalization alone: weights and data are the same."
    )
    return f"The gap{size} in the {gap.measure} ({direction} is better) {cause}"


def _explained(cause: Finding) -> str | None:
    effect = cause.effect
    if effect is None or not effect.share:
        return None
    trial, name = CATALOGUE[cause.code].trial, CATALOGUE[cause.code].name
    where = _BEFORE.get(trial or "", "in inference")
    preposition = "in" if trial == "inference-mode" else "with"
    return (
        f"{effect.measure} {number(effect.before)} {where}, {number(effect.after)} {preposition} {effect.remedy}; "
        f"{cause.code} {name} explains {percent(effect.share)} of the gap"
    )


def _compared(gap: Gap | None) -> str:
    if gap is None:
        return "no loss or metric was given, so the gap was not measured"
    split = Split.VALIDATION if (Mode.POPULATION, Split.VALIDATION) in gap.scores else Split.TRAIN
    inference = gap_value(gap.scores[Mode.POPULATION, split], gap)
    batch = gap_value(gap.scores[Mode.BATCH, split], gap)
    if inference is None or batch is None:
        return "the gap was not measured"
    if gap.size > 0:
        return f"{gap.measure} {number(inference)} in inference, though {number(gap.reference)} is within reach"
    values = f"{gap.measure} {number(inference)} in inference and {number(batch)} with batch statistics"
    return f"{values}, no shortfall beyond noise" if math.isfinite(inference) and math.isfinite(batch) else values


def _found(report: Report) -> str:
    open_gap = report.evidence.gap is not None and report.evidence.gap.size > 0
    if not report.checked:
        return _unassessed([report])
    if not report.findings:
        return "no check explains it" if open_gap else "nothing found"
    first = report.findings[0]
    found = f"{counts(report)}, first {first.code} {CATALOGUE[first.code].name}"
    return f"no finding explains it ({found})" if open_gap else found


def _batches(evidence: Evidence) -> list[tuple[Split, int]]:
    seen = [(split, moments.batches) for call in evidence.calls or () for split, moments in call.moments.items()]
    most = {split: max((count for each, count in seen if each is split), default=0) for split in Split}
    return [(split, count) for split, count in most.items() if count]
