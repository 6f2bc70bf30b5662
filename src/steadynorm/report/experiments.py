"""What the experiments of a sanity test came to, in words, for every form of the report."""

from __future__ import annotations

import math
from collections.abc import Iterator

from steadynorm.experiments.records import Experiments, FirstPass, Learned, Outcome
from steadynorm.report.words import counted, number, percent

_TASKS = {"one batch": "one fixed batch", "identity": "give the input back"}


def tried(experiments: Experiments) -> Iterator[tuple[str, str]]:
    """What was tried, and what came of it; one pair per line."""
    yield from _first(experiments.first)
    if experiments.bad_step is not None:
        finite = "all losses and parameters are finite"
        yield "first steps", f"not finite after step {experiments.bad_step}" if experiments.bad_step else finite
    for learned in experiments.learned:
        yield f"{_TASKS[learned.task]}, {learned.by}", _learned(learned)
    for each in experiments.order:
        share = percent if each.what == "labels" else number
        alike = "of neighbours are the same" if each.what == "labels" else "correlation of neighbours"
        yield (
            f"order of the {each.what}",
            f"{share(each.neighbours)} {alike}, {share(each.shuffled)} in random order",
        )
    if experiments.trend is not None:
        trend = experiments.trend
        yield (
            "recorded loss",
            f"level {number(trend.level)}, jumps of {percent(trend.jumps)}, falls by {percent(trend.fall)} at the end",
        )
    for change in experiments.calmed:
        yield f"training with {change.change}", f"mean loss {number(change.before)} → {number(change.after)}"


def _first(first: FirstPass) -> Iterator[tuple[str, str]]:
    if first.loss is not None:
        chance = ""
        if first.classes is not None:
            chance = f"; chance gives ln({first.classes}) = {number(math.log(first.classes))}"
        yield "first loss", f"{number(first.loss)}{chance}{' (already trained)' if first.trained else ''}"
    for name, term in first.terms.items():
        gradient = "none" if term.gradient is None else number(term.gradient)
        yield f"term '{name}' of the loss", f"{number(term.value)}, norm of its gradient {gradient}"


def _learned(learned: Learned) -> str:
    if learned.outcome is Outcome.BOTTOMLESS:
        return "not tried: the loss falls below zero, without a known end"
    if learned.outcome is Outcome.UNKNOWN:
        return "not tried: the smallest loss is not known"
    losses = f"loss {number(learned.first)} → {number(learned.last)}"
    return f"{learned.outcome} after {counted(learned.steps, 'step')}: {losses}"
