"""The report as JSON. Every field is documented in docs/report-json.md; a test compares the two.

The text is strict JSON: a number that is not finite is one of the strings "NaN", "Infinity" and "-Infinity", so that
null always means that there is no number. Keys stand in the documented order.
"""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import steadynorm
from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.evidence import CallSite, Evaluation, Evidence, Gap, Layer, Score, TrainSteps, Trial, WeightSource
from steadynorm.finding import Finding, Severity
from steadynorm.fix import Fix
from steadynorm.report.experiments_json import experiments_as_object
from steadynorm.report.model import Report
from steadynorm.report.recorded_json import (
    graph_as_object,
    origin_as_object,
    program_as_object,
    shown_as_object,
    stored_as_object,
)
from steadynorm.report.result import CheckResult
from steadynorm.report.summary import LayerRow, layer_rows, result_verdict, verdict
from steadynorm.report.words import printable

if TYPE_CHECKING:
    from steadynorm.checks.distance import Distance

SCHEMA = "steadynorm-report/1"
RESULT_SCHEMA = "steadynorm-check/1"

Object: TypeAlias = dict[str, Any]


def to_json(report: Report, indent: int | None = 2) -> str:
    """The report as strict JSON, `indent` spaces per level or all on one line for `None`."""
    return written(as_object(report), indent)


def result_to_json(result: CheckResult, indent: int | None = 2) -> str:
    """The result of a check of files as strict JSON, likewise."""
    return written(
        {
            "schema": RESULT_SCHEMA,
            "verdict": result_verdict(result),
            "counts": _counts(result.findings),
            "models": [as_object(report) for report in result.reports],
            "unread": [{"path": each.path, "reason": each.reason} for each in result.unread],
            "skipped": [{"reason": reason, "files": count} for reason, count in result.skipped.items()],
            "hidden": {
                "suppressed": result.hidden.suppressed,
                "known": result.hidden.known,
                "gone": result.hidden.gone,
                "needless": result.hidden.needless,
            },
            "fixed": [{"code": each.code, "location": each.location} for each in result.fixed],
            "versions": {"steadynorm": steadynorm.__version__, "python": platform.python_version()},
        },
        indent,
    )


def written(value: Any, indent: int | None) -> str:
    """Strict JSON of anything that `plain` takes."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def as_object(report: Report) -> Object:
    """The report as nested dicts and lists, by the documented schema; numbers may still be NumPy's."""
    evidence = report.evidence
    return {
        "schema": SCHEMA,
        "name": report.name,
        "verdict": verdict(report),
        "origin": report.origin and origin_as_object(report.origin),
        "counts": _counts(report.findings),
        "findings": [_finding(found, report) for found in report.findings],
        "gap": evidence.gap and _gap(evidence.gap),
        "four_way": [
            {"mode": mode, "data": split, **_score(scored)}
            for (mode, split), scored in (evidence.gap.scores.items() if evidence.gap else ())
        ],
        "layers": [_layer(row, evidence) for row in layer_rows(evidence)],
        "trials": [_trial(trial) for trial in evidence.trials],
        "train_steps": evidence.steps and _steps(evidence.steps),
        "evaluation": evidence.evaluation and _evaluation(evidence.evaluation),
        "weight_source": evidence.source and _source(evidence.source),
        "graph": evidence.graph and graph_as_object(evidence.graph),
        "stored": evidence.stored and stored_as_object(evidence.stored),
        "program": evidence.program and program_as_object(evidence.program),
        "experiments": evidence.experiments and experiments_as_object(evidence.experiments),
        "output_growth": evidence.output_growth,
        "batch_samples": evidence.samples,
        "checked": report.checked,
        "not_assessed": [{"code": each.code, "reason": each.reason} for each in report.not_assessed],
        "left_out": [{"layer": name, "reason": reason} for name, reason in evidence.left_out.items()],
        "select": report.select,
        "ignore": report.ignore,
        "versions": _versions(evidence.framework),
    }


def plain(value: Any) -> Any:
    """The value in types that JSON has: none of NumPy's, and numbers that are not finite as strings."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float):
        return value
    # A name of a file, or in one, may hold what no text can: bytes that are not UTF-8, and lone surrogates.
    return _text(str(value))


def _text(value: str) -> str:
    return (
        value
        if value.isascii()
        else "".join(printable(each) if "\ud800" <= each <= "\udfff" else each for each in value)
    )


def _counts(findings: Iterable[Finding]) -> Object:
    severities = [found.severity for found in findings]
    return {each.value: severities.count(each) for each in reversed(Severity)}


def _finding(found: Finding, report: Report) -> Object:
    effect = found.effect
    shown = report.shown(found.place)
    return {
        "code": found.code,
        "name": CATALOGUE[found.code].name,
        "severity": found.severity,
        "certainty": found.certainty,
        "location": found.location,
        "place": shown and shown_as_object(shown),
        "layers": found.layers,
        "message": found.message,
        "remedy": found.remedy,
        "settle": found.settle,
        "effect": effect
        and {
            "remedy": effect.remedy,
            "measure": effect.measure,
            "before": effect.before,
            "after": effect.after,
            "share": effect.share,
        },
        "fix": found.fix and _fix(found.fix, report),
        "evidence": found.evidence,
    }


def _fix(fix: Fix, report: Report) -> Object:
    return {
        "description": fix.description,
        "safe": fix.safe,
        "edits": [
            {**shown_as_object(report.sources[each.path].stretch(each.start, each.end)), "text": each.text}
            for each in fix.edits
        ],
    }


def _gap(gap: Gap) -> Object:
    return {
        "measure": gap.measure,
        "higher_is_better": gap.higher_is_better,
        "reference": gap.reference,
        "size": gap.size,
        "on_validation_only": gap.on_validation_only,
    }


def _score(scored: Score) -> Object:
    return {
        "metric": scored.metric,
        "metric_error": None if scored.metric is None else scored.metric_error,
        "loss": scored.loss,
        "loss_error": None if scored.loss is None else scored.loss_error,
    }


def _layer(row: LayerRow, evidence: Evidence) -> Object:
    layer = row.layer
    return {
        "name": layer.name,
        "kind": layer.kind,
        "channels": layer.channels,
        "decay": layer.config.decay,
        "epsilon": layer.config.epsilon,
        "mode": layer.mode,
        "frozen": layer.frozen,
        "registered": layer.registered,
        "per_instance": layer.per_instance,
        "assumed": sorted(layer.assumed),
        "statistics": layer.statistics
        and {
            "updates": layer.statistics.updates,
            "dtype": layer.statistics.dtype,
            "at_initialization": layer.statistics.at_initialization,
        },
        "distance": row.distance and _distance(row.distance),
        "gap_closed_alone": row.alone,
        "call_sites": [_call_site(site, layer) for site in evidence.sites(layer.name)],
    }


def _distance(distance: Distance) -> Object:
    return {**distance.as_evidence(), "significant": distance.significant}


def _call_site(site: CallSite, layer: Layer) -> Object:
    from steadynorm.checks.distance import between

    stored, epsilon = layer.statistics, layer.config.epsilon
    return {
        "index": site.index,
        "moments": [
            {
                "data": split,
                "batches": moments.batches,
                "values": moments.values,
                "distance": stored and _distance(between(moments, stored.mean, stored.variance, epsilon)),
            }
            for split, moments in site.moments.items()
        ],
    }


def _trial(trial: Trial) -> Object:
    return {
        "remedy": trial.remedy,
        "layers": trial.layers,
        "before": _score(trial.before),
        "after": _score(trial.after),
        "share": trial.share,
    }


def _steps(steps: TrainSteps) -> Object:
    return {
        "steps": steps.steps,
        "samples": steps.samples,
        "parameters_moved": steps.parameters_moved,
        "skipped_updates": steps.skipped_updates,
        "damaging_updates": steps.damaging_updates,
        "optimizer_steps": steps.optimizer_steps,
        "failed_with_one_value": steps.failed_with_one_value,
        "layers": [
            {
                "name": name,
                "batch_uses": layer.batch_uses,
                "population_uses": layer.population_uses,
                "repeated_uses": layer.repeated_uses,
                "evaluated_uses": layer.evaluated_uses,
                "updates": layer.updates,
                "decay": layer.decay,
                "input_spread": layer.input_spread,
                "values": layer.values,
                "mode_changed": layer.mode_changed,
            }
            for name, layer in steps.layers.items()
        ],
    }


def _evaluation(evaluation: Evaluation) -> Object:
    return {
        "given": evaluation.given,
        "batch_layers": evaluation.batch_layers,
        "moved_layers": evaluation.moved_layers,
        "values": evaluation.values,
        "result": evaluation.result,
        "inference_result": evaluation.inference_result,
        "single_value_layers": evaluation.single_value_layers,
        "failed_with_one_value": evaluation.failed_with_one_value,
    }


def _source(source: WeightSource) -> Object:
    return {
        "description": source.description,
        "weights_differ": source.weights_differ,
        "same_statistics": source.same_statistics,
    }


def _versions(framework: str) -> Object:
    """The versions at work. The framework's own is read, not imported."""
    loaded = sys.modules.get(framework)
    return {
        "steadynorm": steadynorm.__version__,
        "python": platform.python_version(),
        "framework": framework,
        "framework_version": getattr(loaded, "__version__", None),
    }
