"""Restoring checkpoints, with a report and without moving statistics that silently stay where they began."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.checkpoint_map import Checkpoint
from steadynorm.tensorflow.layer_variables import parts, variables_by_name
from steadynorm.tensorflow.restore_plan import Assignment, check, plan
from steadynorm.tensorflow.restore_report import RestoreError, RestoreReport
from steadynorm.tensorflow.saver import by_saved_name


class RestoreFunction:
    """Restores variables when it is called with a session; `report` says which, before and after.

    Arguments:
        report: what the restore comes to.
        saver: what restores them; None if nothing is to be restored.
    """

    def __init__(self, report: RestoreReport, saver: Any) -> None:
        self.report = report
        self._saver = saver

    def __call__(self, session: Any) -> RestoreReport:
        """Restore the variables in a session; after any initializer, which would wipe them."""
        if self._saver is not None:
            self._saver.restore(session, self.report.checkpoint)
        return self.report


class AssignmentMap(dict[str, Any]):
    """By name in the checkpoint, the variable (or list of parts) to initialize, with the `report` of what fits."""

    def __init__(self, assignments: Mapping[str, Any], report: RestoreReport) -> None:
        super().__init__(assignments)
        self.report = report


def assign_from_checkpoint_fn(
    model_path: str | os.PathLike[str],
    var_list: Iterable[Any] | Mapping[str, Any],
    ignore_missing_vars: bool = False,
    reshape_variables: bool = False,
    allow_initial: Iterable[str] = (),
) -> RestoreFunction:
    """Return a function of a session that restores variables from a checkpoint, as slim.assign_from_checkpoint_fn does.

    Arguments:
        model_path: path of the checkpoint, or the folder whose latest checkpoint it is.
        var_list: variables, or a mapping from names in the checkpoint to variables (or lists of parts).
        ignore_missing_vars: whether variables that the checkpoint lacks are left out instead of being an error.
        reshape_variables: whether values of as many elements in another shape are reshaped.
        allow_initial: names, or patterns as `head/*`, of moving statistics that may stay at their initial value.

    Returns:
        a function of a session, with the report as its attribute `report` and its result.

    Raises:
        RestoreError: `var_list` is empty, as in slim; or variables are missing, have another shape or type, or moving
            statistics of the layers that `var_list` names would stay at their initial value; then it has the report.

    Source: slim.assign_from_checkpoint_fn.
    """
    checkpoint = Checkpoint(model_path)
    wanted = _mapped(var_list) if isinstance(var_list, Mapping) else _named(var_list)
    if not wanted:
        raise RestoreError(
            f"there is nothing to restore from {checkpoint.path}: var_list is empty; build the model first, and look "
            "at the scope or filter that the variables were chosen by"
        )
    report, found = plan(checkpoint, wanted, reshape_variables)
    check(report, ignore_missing_vars, allow_initial)
    if not found:
        return RestoreFunction(report, None)
    keyed = {checkpoint.tensors[name].key: variable for name, variable in found}
    return RestoreFunction(report, tf.compat.v1.train.Saver(keyed, reshape=reshape_variables))


def get_assignment_map_from_checkpoint(
    variables: Iterable[Any], checkpoint: str | os.PathLike[str], allow_initial: Iterable[str] = ()
) -> tuple[AssignmentMap, dict[str, int]]:
    """Return which variables a checkpoint can initialize, by equal names.

    Arguments:
        variables: the variables to initialize; those that the checkpoint lacks are left out and reported.
        checkpoint: path of the checkpoint, or the folder whose latest checkpoint it is.
        allow_initial: names, or patterns as `head/*`, of moving statistics that may stay at their initial value.

    Returns:
        the map for `init_from_checkpoint`, with the report as its attribute `report`; and a dict with the names of the
        variables in it, with and without `:0`.

    Raises:
        RestoreError: shapes or types differ, or moving statistics of the layers that `variables` names would stay at
            their initial value, also because they are not among `variables`.

    Source: get_assignment_map_from_checkpoint of the published BERT code.
    """
    read = Checkpoint(checkpoint)
    wanted = _named(variables)
    report, found = plan(read, wanted, reshape=False)
    check(report, True, allow_initial)
    initialized = {}
    for name, _ in found:
        initialized[name] = initialized[name + ":0"] = 1
    return AssignmentMap({read.tensors[name].key: variable for name, variable in found}, report), initialized


def init_from_checkpoint(
    ckpt_dir_or_file: str | os.PathLike[str],
    assignment_map: Mapping[str, Any] | Iterable[Assignment],
    ignore_missing_vars: bool = False,
    allow_initial: Iterable[str] = (),
) -> RestoreReport:
    """Let initializers take the values of a checkpoint, as tf.train.init_from_checkpoint does.

    Arguments:
        ckpt_dir_or_file: path of the checkpoint, or the folder whose latest checkpoint it is.
        assignment_map: from names in the checkpoint to variables, lists of parts, or names in the graph; or from a
            scope to a scope, as `{"old/": "new/"}`, `{"/": "new/"}`; as a mapping or as pairs.
        ignore_missing_vars: whether variables that the checkpoint lacks are left out instead of being an error.
        allow_initial: names, or patterns as `head/*`, of moving statistics that may stay at their initial value.

    Returns:
        the report.

    Raises:
        RestoreError: as `assign_from_checkpoint_fn`; or the graph has no variable of a name or scope in the map.

    Source: tf.train.init_from_checkpoint.
    """
    checkpoint = Checkpoint(ckpt_dir_or_file)
    pairs = assignment_map.items() if isinstance(assignment_map, Mapping) else assignment_map
    by_key = {stored.key: name for name, stored in checkpoint.tensors.items()}
    wanted = [(by_key.get(name, name), variable) for pair in pairs for name, variable in _resolved(*pair)]
    report, found = plan(checkpoint, wanted, reshape=False)
    check(report, ignore_missing_vars, allow_initial)
    tf.compat.v1.train.init_from_checkpoint(
        checkpoint.path, [(checkpoint.tensors[name].key, variable) for name, variable in found]
    )
    return report


def _mapped(variables: Mapping[str, Any]) -> list[Assignment]:
    """The pairs of a mapping from names to variables."""
    _require_variables(variables.values())
    return list(variables.items())


def _named(variables: Iterable[Any]) -> list[Assignment]:
    """Pairs of the name under which a saver writes a variable and the variable, or list of its parts."""
    variables = list(variables)
    _require_variables(variables)
    return list(by_saved_name(part for each in variables for part in parts(each)).items())


def _require_variables(variables: Iterable[Any]) -> None:
    for each in variables:
        if not parts(each):
            raise TypeError(f"only variables of the graph can be restored, not {each!r}")


def _resolved(name: str, target: Any) -> list[Assignment]:
    """Pairs of a name in the checkpoint and a variable (or list of parts) for one entry of an assignment map."""
    if not isinstance(target, str):
        _require_variables([target])
        return [(name, target if isinstance(target, tf.Variable) else list(parts(target)))]
    graph = by_saved_name(variables_by_name().values())
    if target in graph:
        return [(name, graph[target])]
    if not name.endswith("/") or not (target.endswith("/") or not target):
        raise RestoreError(
            f"the graph has no variable {target!r} to initialize from {name!r}; to map whole scopes, end both names "
            "with /"
        )
    start, scope = name.lstrip("/"), target.lstrip("/")
    # Local variables, such as those of metrics, are never in a checkpoint and not meant by a scope.
    found = [
        (start + own[len(scope) :], variable)
        for own, variable in by_saved_name(tf.compat.v1.global_variables()).items()
        if own.startswith(scope)
    ]
    if not found:
        raise RestoreError(f"the graph has no variables in the scope {target!r} to initialize from {name!r}")
    return found
