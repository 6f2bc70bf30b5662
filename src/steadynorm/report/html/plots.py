"""What is plotted, as data for report.js: lists of plain numbers, `None` for what cannot be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD
from steadynorm.report.run import Course, Run
from steadynorm.report.run_summary import CourseRow
from steadynorm.report.summary import LayerRow
from steadynorm.report.words import printable

MOST_POINTS = 400
"""Points of one line; there are hardly more pixels."""

NAMED_LINES = 6
"""Layers with a line of their own; more cannot be told apart."""

Plot = dict[str, Any]


def layers_plot(target: str, table: str, rows: Sequence[LayerRow]) -> Plot:
    """Mean shift and variance ratio of every layer, in the order of the rows.

    Arguments:
        target: id of the element that it is drawn into.
        table: id of the table with the same rows, whose order it follows.
        rows: layers with a distance.
    """
    distances = [row.distance for row in rows if row.distance is not None]
    return {
        "kind": "layers",
        "target": target,
        "table": table,
        "names": [printable(row.layer.name or "the model itself") for row in rows if row.distance is not None],
        "panels": [
            {
                "title": "mean shift (standard deviations)",
                "values": _drawn(each.shift for each in distances),
                "errors": _drawn(each.shift_error for each in distances),
                "levels": _drawn(each.shift_level for each in distances),
            },
            {
                "title": "log variance ratio",
                "values": _drawn(each.log_ratio for each in distances),
                "errors": _drawn(each.log_ratio_error for each in distances),
                "levels": _drawn(each.log_ratio_level for each in distances),
            },
        ],
    }


def run_plots(prefix: str, run: Run, rows: Sequence[CourseRow]) -> list[Plot]:
    """Losses and distances over the steps of a run, as far as there are any.

    Arguments:
        prefix: of the ids of the elements that they are drawn into.
        run: the run.
        rows: its layers, the furthest apart first.
    """
    plots = []
    if run.losses:
        known = [("training loss", [each.train for each in run.losses])]
        known += [("validation loss", [each.validation for each in run.losses])]
        steps = [each.step for each in run.losses]
        lines = [_line(name, steps, values, np.mean) for name, values in known if np.isfinite(values).any()]
        if lines:
            plots.append(_over_steps(f"{prefix}-loss", "loss", lines, run))
    if rows:
        for key, title, level, chosen in (
            ("shift", "mean shift (standard deviations)", SHIFT_THRESHOLD, _shift),
            ("ratio", "log variance ratio", LOG_VARIANCE_THRESHOLD, _log_ratio),
        ):
            lines = [
                _line(printable(row.name), row.course.steps, chosen(row.course), np.max) for row in rows[:NAMED_LINES]
            ]
            plot = _over_steps(f"{prefix}-{key}", title, lines, run)
            plots.append({**plot, "level": level, "band": _band(rows, chosen)})
    return plots


def _shift(course: Course) -> Sequence[float]:
    return course.shift


def _log_ratio(course: Course) -> Sequence[float]:
    return course.log_ratio


def _over_steps(target: str, title: str, lines: list[Plot], run: Run) -> Plot:
    warned = [{"step": each.step, "text": printable(each.code)} for each in run.warnings[:MOST_POINTS]]
    return {"kind": "steps", "target": target, "title": title, "lines": lines, "warned": warned}


def _line(
    name: str, steps: Sequence[int], values: Sequence[float], combine: Callable[..., Any]
) -> dict[str, list[float | None] | str]:
    """A line of at most `MOST_POINTS` points; several measurements that share one are combined."""
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    x, y = np.asarray(steps, np.float64)[known], given[known]
    parts = np.array_split(np.arange(len(x)), min(len(x), MOST_POINTS)) if len(x) else []
    return {
        "name": name,
        "x": _drawn(x[part[-1]] for part in parts),
        "y": _drawn(combine(y[part]) for part in parts),
    }


def _band(rows: Sequence[CourseRow], chosen: Callable[[Course], Sequence[float]]) -> Plot | None:
    """The range of all layers at each step, and their median; `None` where every layer has its own line."""
    if len(rows) <= NAMED_LINES:
        return None
    steps = np.concatenate([np.asarray(row.course.steps, np.float64) for row in rows])
    values = np.concatenate([np.asarray(chosen(row.course), np.float64) for row in rows])
    known = np.isfinite(values)
    steps, values = steps[known], values[known]
    parts = np.array_split(np.unique(steps), MOST_POINTS)
    low, middle, high, at = [], [], [], []
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    for part in parts:
        if len(part):
            some = values[np.searchsorted(steps, part[0]) : np.searchsorted(steps, part[-1], side="right")]
            at.append(part[-1])
            low.append(some.min())
            middle.append(np.median(some))
            high.append(some.max())
    return {"count": len(rows), "x": _drawn(at), "low": _drawn(low), "middle": _drawn(middle), "high": _drawn(high)}


def _drawn(values: Iterable[float]) -> list[float | None]:
    """Five digits, which are more than can be seen; `None` for what is not finite."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]
