"""What can be restored from a checkpoint into which variables, and whether that will do."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from steadynorm.report.words import counted
from steadynorm.tensorflow.checkpoint_map import Checkpoint
from steadynorm.tensorflow.layer_variables import (
    LayerVariables,
    normalization_layers,
    operation_names,
    parts,
)
from steadynorm.tensorflow.restore_report import RestoreError, RestoreReport, Shape
from steadynorm.tensorflow.saver import saved_name

_log = logging.getLogger("steadynorm")

Assignment: TypeAlias = tuple[str, Any]


def plan(checkpoint: Checkpoint, wanted: list[Assignment], reshape: bool) -> tuple[RestoreReport, list[Assignment]]:
    """Tell what can be restored.

    Arguments:
        checkpoint: what is restored from.
        wanted: pairs of a name in the checkpoint and a variable, or list of parts of a partitioned one.
        reshape: whether values of as many elements in another shape do.

    Returns:
        the report, and the pairs that can be restored.

    Raises:
        RestoreError: a variable is of another type than its value in the checkpoint.
    """
    found: list[Assignment] = []
    missing: dict[str, str] = {}
    shapes: dict[str, tuple[Shape, Shape]] = {}
    types = []
    for name, variable in wanted:
        own = saved_name(parts(variable)[0])
        if name not in checkpoint.tensors:
            missing[own] = name
            continue
        stored = checkpoint.tensors[name]
        shape = _shape(variable)
        if not _fits(shape, stored.shape, reshape):
            shapes[own] = (shape, stored.shape)
        elif parts(variable)[0].dtype.base_dtype != stored.dtype:
            types.append(f"{own} is {parts(variable)[0].dtype.base_dtype.name}, {name} is {stored.dtype.name}")
        else:
            found.append((name, variable))
    used = {name for name, _ in wanted}
    concerned = _concerned({own for _, variable in wanted for own in operation_names(variable)})
    report = RestoreReport(
        checkpoint=checkpoint.path,
        restored={saved_name(parts(variable)[0]): name for name, variable in found},
        missing=missing,
        left_over=tuple(name for name in checkpoint.tensors if name not in used),
        shape_differs=shapes,
        initial_statistics=_initial(concerned, found),
        untrained_statistics=_untrained(concerned, found, checkpoint),
    )
    if types:
        raise RestoreError(
            f"types differ between the graph and the checkpoint {checkpoint.path}: {'; '.join(types)}. Build the "
            "variables in the type that was saved and cast where they are read",
            report,
        )
    return report, found


def _shape(variable: Any) -> Shape:
    part = getattr(parts(variable)[0], "_save_slice_info", None)
    return tuple(parts(variable)[0].shape.as_list() if part is None else part.full_shape)


def _fits(own: Shape, stored: Shape, reshape: bool) -> bool:
    if None not in own and reshape:
        return int(np.prod([size or 0 for size in own])) == int(np.prod([size or 0 for size in stored]))
    return len(own) == len(stored) and all(a in (None, b) for a, b in zip(own, stored, strict=True))


def _concerned(wanted: set[str]) -> list[LayerVariables]:
    """The layers of which variables are wanted; a layer without gamma and beta also if its neighbours are."""
    scopes = {name.rpartition("/")[0] for name in wanted}
    found = []
    for layer in normalization_layers():
        around = layer.name.rpartition("/")[0]
        beside = not layer.parameters and any(scope == around or scope.startswith(around + "/") for scope in scopes)
        if (layer.parameters | layer.statistics) & wanted or beside:
            found.append(layer)
    return found


def _initial(concerned: list[LayerVariables], found: list[Assignment]) -> tuple[str, ...]:
    restored = {own for _, variable in found for own in operation_names(variable)}
    return tuple(sorted(name for layer in concerned for name in layer.statistics - restored))


def _untrained(concerned: list[LayerVariables], found: list[Assignment], checkpoint: Checkpoint) -> tuple[str, ...]:
    """Statistics of the layers whose averages are exactly 0 and 1 in the checkpoint."""
    averages = frozenset().union(*(layer.statistics for layer in concerned))
    names = {own: name for name, variable in found for own in operation_names(variable) if own in averages}
    values = checkpoint.values(set(names.values()))
    untrained: list[str] = []
    for layer in concerned:
        own = sorted(layer.statistics & names.keys())
        levels = {_level(values[names[each]]) for each in own}
        if levels == {0.0, 1.0}:
            untrained += own
    return tuple(untrained)


def _level(value: Any) -> float | None:
    """The number that all elements are exactly equal to, if there is one."""
    first = np.asarray(value).ravel()[:1]
    return float(first[0]) if first.size and bool(np.all(value == first[0])) else None


def check(report: RestoreReport, ignore_missing: bool, allow_initial: Iterable[str]) -> None:
    """Log the report, or raise RestoreError if it has what was not allowed."""
    patterns = [allow_initial] if isinstance(allow_initial, str) else list(allow_initial)
    problems = []
    if report.missing and not ignore_missing:
        problems.append(
            f"the checkpoint lacks {counted(len(report.missing), 'variable')}:\n  "
            + "\n  ".join(report.missing_lines())
            + "\nMap other names by a dict, or leave them out with ignore_missing_vars=True"
        )
    if report.shape_differs:
        problems.append(
            f"the shape differs of {counted(len(report.shape_differs), 'variable')}:\n  "
            + "\n  ".join(report.shape_lines())
            + "\nLeave them out of the variables to restore, or build the model that was saved"
        )
    initial = [name for name in report.initial_statistics if not any(fnmatch.fnmatch(name, each) for each in patterns)]
    if initial:
        problems.append(
            f"{counted(len(initial), 'moving statistic')} would stay at the initial value, and inference be wrong:\n  "
            + "\n  ".join(initial)
            + "\nRestore them with the trainable variables, as in `variables + steadynorm.tensorflow.statistics()`; if "
            "they are to be trained or re-estimated, allow it by name: allow_initial=["
            + ", ".join(repr(name) for name in initial[:2])
            + (", …]" if len(initial) > 2 else "]")
        )
    if problems:
        raise RestoreError(f"restoring {report.checkpoint} would be incomplete: " + "\n".join(problems), report)
    wrong = report.missing or report.initial_statistics or report.untrained_statistics
    _log.log(logging.WARNING if wrong else logging.INFO, "%s", report)
