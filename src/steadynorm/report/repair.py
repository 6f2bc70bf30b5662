"""What a repair did, in a few lines."""

from __future__ import annotations

from steadynorm.repair import Repair
from steadynorm.report.words import measured


def as_text(name: str, repair: Repair) -> str:
    """The measure before and after, what the new statistics rest on, and where they are."""
    before, after = repair.before, repair.after
    if repair.measure == "metric":
        change = measured(before.metric, before.metric_error), measured(after.metric, after.metric_error)
    else:
        change = measured(before.loss, before.loss_error), measured(after.loss, after.loss_error)
    if before.metric is None and before.loss is None:
        verdict = f"{name}: repaired; no loss or metric was given, so the effect was not measured"
    else:
        verdict = f"{name}: {repair.measure} in inference {change[0]} before, {change[1]} after"
    lines = [verdict, str(repair.recalibration), f"wrote {repair.output}"]
    if repair.worse:
        lines.append("the model does worse now: its weights were trained with the old statistics; diagnose it first")
    return "\n".join(lines)
