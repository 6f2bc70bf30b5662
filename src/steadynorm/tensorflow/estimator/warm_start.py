"""Starts a model from another model's checkpoint, moving statistics included."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from steadynorm.tensorflow.checkpoint_map import Checkpoint
from steadynorm.tensorflow.estimator.checkpoints import resolve_checkpoint
from steadynorm.tensorflow.layer_variables import normalization_layers, variables_by_name
from steadynorm.tensorflow.saver import moved_name, saved_name

_log = logging.getLogger("steadynorm")


class WarmStartSettings(NamedTuple):
    """Where a model starts from and which of its variables do.

    Source: tf.estimator.WarmStartSettings. The original leaves the moving statistics of normalization layers at their
    initial values unless they are asked for by a list of names; here they come along with the weights.

    Attributes:
        ckpt_to_initialize_from: a checkpoint's prefix, a folder of checkpoints or a SavedModel.
        vars_to_warm_start: a regular expression on the names of trainable variables and moving statistics; or a list of
            regular expressions on all variables, or of variables; None for those of var_name_to_vocab_info only. The
            statistics of a layer whose gamma or beta is chosen are chosen as well.
        var_name_to_vocab_info: variable's name → tf.compat.v1.train.VocabInfo, for embeddings over a changed
            vocabulary.
        var_name_to_prev_var_name: variable's name → its name in the checkpoint, where it differs. Statistics follow the
            gamma or beta of their layer.
    """

    ckpt_to_initialize_from: str
    vars_to_warm_start: Any = ".*"
    var_name_to_vocab_info: Mapping[str, Any] | None = None
    var_name_to_prev_var_name: Mapping[str, str] | None = None


def warm_start_settings(value: Any) -> WarmStartSettings | None:
    """What an Estimator's warm_start_from means: a path, or settings.

    Raises:
        TypeError: neither of them.
    """
    if value is None or isinstance(value, WarmStartSettings):
        return value
    if hasattr(value, "__fspath__") or isinstance(value, str):
        return WarmStartSettings(str(value))
    raise TypeError(f"warm_start_from is {value!r}; expected the path of a checkpoint or WarmStartSettings")


def warm_start(settings: WarmStartSettings) -> None:
    """Replaces the initializers of the chosen variables of the default graph by the values in the checkpoint.

    Raises:
        NoCheckpointError: there is no such checkpoint.
        ValueError: a chosen variable is not in the checkpoint, has another shape, or a name fits no variable.
    """
    checkpoint = resolve_checkpoint(settings.ckpt_to_initialize_from)
    renames = dict(settings.var_name_to_prev_var_name or {})
    vocabularies = dict(settings.var_name_to_vocab_info or {})
    chosen: Any = None
    if settings.vars_to_warm_start is not None:
        chosen = _chosen(settings.vars_to_warm_start)
        statistics = _statistics_of(chosen, settings.vars_to_warm_start, renames)
        present = set(Checkpoint(checkpoint).tensors)
        chosen += _restorable(statistics, renames, present, checkpoint)
    tf.compat.v1.train.warm_start(
        checkpoint,
        vars_to_warm_start=chosen,
        var_name_to_vocab_info=vocabularies,
        var_name_to_prev_var_name=renames,
    )


def _chosen(selection: Any) -> list[Any]:
    """The variables that the user asks for, statistics only where a list of names holds them."""
    if isinstance(selection, str):
        return list(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES, scope=selection))
    if not isinstance(selection, (list, tuple)):
        raise TypeError(f"vars_to_warm_start is {selection!r}; expected a regular expression or a list of them")
    chosen: dict[int, Any] = {}
    for item in selection:
        key = tf.compat.v1.GraphKeys.GLOBAL_VARIABLES
        found = tf.compat.v1.get_collection(key, scope=item) if isinstance(item, str) else [item]
        chosen.update({id(variable): variable for variable in found})
    return list(chosen.values())


def _statistics_of(chosen: list[Any], selection: Any, renames: dict[str, str]) -> list[Any]:
    """The statistics that belong to the chosen variables, not among them yet; notes their names in the checkpoint."""
    names = {variable.op.name for variable in chosen}
    variables = variables_by_name()
    result = []
    for layer in normalization_layers():
        owners = layer.parameters & names
        for name in sorted((layer.statistics - names) & set(variables)):
            # A layer without gamma and beta hangs on nothing but its name.
            if owners or (isinstance(selection, str) and re.match(selection, name)):
                result.append(variables[name])
                _rename(name, (saved_name(variables[owner]) for owner in sorted(owners)), layer.statistics, renames)
    return result


def _rename(statistic: str, owners: Iterable[str], statistics: Iterable[str], renames: dict[str, str]) -> None:
    """Gives a statistic the scope that the checkpoint has for its layer's gamma or beta."""
    for owner in owners:
        scope, renamed = owner.rpartition("/")[0], renames.get(owner)
        if renamed is not None and statistic not in renames:
            renames[statistic] = moved_name(statistic, scope, renamed.rpartition("/")[0], statistics)


def _restorable(statistics: list[Any], renames: dict[str, str], present: set[str], checkpoint: str) -> list[Any]:
    found = []
    for variable in statistics:
        name = variable.op.name
        if renames.get(name, name) in present:
            found.append(variable)
            continue
        renames.pop(name, None)
        _log.warning(
            "%s stays at its initial value: the checkpoint %s lacks it, although the layer's weights start from there; "
            "re-estimate the statistics before inference",
            name,
            checkpoint,
        )
    if found:
        _log.info("moving statistics that start from %s with their layers: %s", checkpoint, [v.op.name for v in found])
    return found
