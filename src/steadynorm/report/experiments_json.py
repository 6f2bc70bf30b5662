"""The experiments of a sanity test as nested dicts and lists, by the documented schema."""

from __future__ import annotations

from typing import Any

from steadynorm.experiments.records import Experiments, FirstPass, Range


def experiments_as_object(experiments: Experiments) -> dict[str, Any]:
    """The part `experiments` of docs/report-json.md."""
    trend = experiments.trend
    return {
        "first_pass": _first_pass(experiments.first),
        "bad_step": experiments.bad_step,
        "learned": [
            {
                "task": each.task,
                "by": each.by,
                "own": each.own,
                "first": each.first,
                "last": each.last,
                "floor": each.floor,
                "useless": each.useless,
                "steps": each.steps,
                "outcome": each.outcome,
                "moved": each.moved,
            }
            for each in experiments.learned
        ],
        "order": [
            {
                "what": each.what,
                "neighbours": each.neighbours,
                "shuffled": each.shuffled,
                "error": each.error,
                "samples": each.samples,
            }
            for each in experiments.order
        ],
        "trend": trend
        and {
            "steps": trend.steps,
            "level": trend.level,
            "jumps": trend.jumps,
            "fall": trend.fall,
            "fall_error": trend.fall_error,
        },
        "calmed": [
            {
                "change": each.change,
                "rate": each.rate,
                "before": each.before,
                "after": each.after,
                "jumps_before": each.jumps_before,
                "jumps_after": each.jumps_after,
            }
            for each in experiments.calmed
        ],
        "seconds": experiments.seconds,
    }


def _first_pass(first: FirstPass) -> dict[str, Any]:
    return {
        "trained": first.trained,
        "loss": first.loss,
        "chance": first.chance,
        "classes": first.classes,
        "terms": [{"name": name, "value": term.value, "gradient": term.gradient} for name, term in first.terms.items()],
        "output_shape": first.output_shape,
        "target_shape": first.target_shape,
        "outputs": _range(first.outputs),
        "targets": _range(first.targets),
        "coupled": first.coupled,
        "weights": [
            {"name": each.name, "inputs": each.inputs, "deviation": each.deviation, "gradient": each.gradient}
            for each in first.weights
        ],
        "activations": [
            {"name": each.name, "kind": each.kind, "deviation": each.deviation} for each in first.activations
        ],
        "without_gradient": first.without_gradient,
        "not_called": first.not_called,
    }


def _range(given: Range | None) -> dict[str, float] | None:
    return None if given is None else {"low": given.low, "high": given.high}
