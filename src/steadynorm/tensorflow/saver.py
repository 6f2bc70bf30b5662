"""A saver that cannot leave the moving statistics out of a list."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf

from steadynorm.tensorflow.layer_variables import (
    LayerVariables,
    normalization_layers,
    operation_names,
    parts,
    variables_by_name,
)
from steadynorm.tensorflow.registry import require_graph

_log = logging.getLogger("steadynorm")

# The last component of what zero debiasing keeps beside a statistic.
_DEBIASING = re.compile(r"(biased|local_step)(_\d+)?")

VariableList: TypeAlias = list[Any] | dict[str, Any]


class Saver(tf.compat.v1.train.Saver):  # type: ignore[misc]
    """A `tf.compat.v1.train.Saver` that adds what a list of variables forgets: the moving statistics.

    For every layer of which `var_list` names gamma or beta, the moving mean and variance and the averages of renorm and
    zero debiasing are saved and restored as well; the logger `steadynorm` says which were added. Layers of this package
    and of any other origin (slim, tf.layers, Keras, an imported graph) are known.

    Arguments:
        var_list: a list, or a dict by the names in the checkpoint; None for all that can be saved, as in the original.
            `var_list = a.extend(b)` is None and cannot be told from it: write `a + b`.
        args: the further arguments of `tf.compat.v1.train.Saver`, in its order.
        kwargs: the same by name.

    Raises:
        RuntimeError: TensorFlow executes eagerly.

    Source: tf.train.Saver.
    """

    def __init__(self, var_list: Iterable[Any] | Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        self._statistics: tuple[Any, ...] = ()
        if var_list is not None:
            require_graph("Saver")
            var_list, self._statistics = with_statistics(var_list)
        super().__init__(var_list, *args, **kwargs)

    def statistics(self) -> tuple[Any, ...]:
        """The variables that were added to the list that was given; none for a complete list, or none given."""
        return self._statistics


def with_statistics(var_list: Iterable[Any] | Mapping[str, Any]) -> tuple[VariableList, tuple[Any, ...]]:
    """Complete a list or dict of variables by the moving statistics of the layers whose gamma or beta it names.

    In a dict, a statistic gets the scope that its layer's gamma or beta has there: with
    `{"old/bn/gamma": new/bn/gamma}` it is `old/bn/moving_mean`. It keeps its own name where none of its layer's names
    in the dict ends as the variable's does, as in `{"scale": new/bn/gamma}`, whatever the dict says of other layers.

    Arguments:
        var_list: variables, also partitioned ones, or a mapping from names to them.

    Returns:
        a new list or dict, and the variables that were added.

    Raises:
        ValueError: a name that a statistic would get stands for another variable already.
    """
    named = dict(var_list) if isinstance(var_list, Mapping) else None
    given = list(var_list) if named is None else list(named.values())
    layers = normalization_layers()
    added = _forgotten(layers, {name for each in given for name in operation_names(each)})
    if named is None:
        if added:
            _log.info("Added to the variables to save: %s", ", ".join(each.op.name for each in added))
        return given + added, tuple(added)
    renamed = _renamed(added, named, layers)
    if renamed:
        _log.info("Added to the variables to save: %s", ", ".join(renamed))
    return {**named, **renamed}, tuple(added)


def saved_name(variable: Any) -> str:
    """The name under which a saver writes a variable; for a part of a partitioned one that of the whole."""
    part = getattr(variable, "_save_slice_info", None)
    return str(part.full_name if part is not None else variable.op.name)


def by_saved_name(variables: Iterable[Any]) -> dict[str, Any]:
    """Variables by the name under which a saver writes them; the parts of a partitioned one as a list."""
    found: dict[str, Any] = {}
    for variable in variables:
        if getattr(variable, "_save_slice_info", None) is None:
            found[saved_name(variable)] = variable
        else:
            found.setdefault(saved_name(variable), []).append(variable)
    return found


def moved_name(name: str, scope: str, target: str, statistics: Iterable[str]) -> str:
    """The name that a statistic has where its layer's scope is another one.

    Scopes are replaced at the beginning and as whole components only. The name of a debiasing variable is that of its
    statistic behind the scope in which it was made, net/bn/net/bn/moving_mean/biased: both parts are moved.

    Arguments:
        name: of the variable.
        scope: the layer's scope, without a slash at the end; empty for none.
        target: the scope that takes its place.
        statistics: names of all statistics of the layer.
    """
    owner, _, kind = name.rpartition("/")
    if _DEBIASING.fullmatch(kind):
        for statistic in sorted(statistics, key=len, reverse=True):
            if f"/{owner}".endswith(f"/{statistic}"):
                made_in = owner[: -len(statistic)].rstrip("/")
                return _joined(_moved(made_in, scope, target), _moved(statistic, scope, target), kind)
    return _moved(name, scope, target)


def _moved(name: str, scope: str, target: str) -> str:
    if name == scope:
        return target
    if not scope:
        return _joined(target, name)
    return _joined(target, name[len(scope) + 1 :]) if name.startswith(scope + "/") else name


def _joined(*parts_of_name: str) -> str:
    return "/".join(part for part in parts_of_name if part)


def _forgotten(layers: Iterable[LayerVariables], names: set[str]) -> list[Any]:
    """The statistics of the layers whose gamma or beta is named, as far as they are not named themselves."""
    variables = variables_by_name()
    wanted: set[str] = set()
    for layer in layers:
        missing = layer.statistics - names
        if layer.parameters & names:
            wanted |= missing
        elif missing and not layer.parameters:
            _log.warning(
                "The moving statistics of %s are not among the variables to save, and it has neither gamma nor beta to "
                "know it by: add steadynorm.tensorflow.statistics() to the list if it is to be saved.",
                layer.name,
            )
    return [each for name, each in variables.items() if name in wanted]


def _renamed(added: list[Any], named: Mapping[str, Any], layers: Iterable[LayerVariables]) -> dict[str, Any]:
    """The variables by names that are changed as those of their layers' other variables are."""
    scopes: dict[str, tuple[str, str]] = {}
    for key, value in named.items():
        for variable in parts(value):
            scope, _, last = saved_name(variable).rpartition("/")
            if key == last or key.endswith("/" + last):
                scopes[variable.op.name] = (scope, key[: -len(last)].rstrip("/"))
    renamed: dict[str, Any] = {}
    for name, value in by_saved_name(added).items():
        key = _key(name, operation_names(value)[0], layers, scopes)
        taken = named.get(key, renamed.get(key))
        if taken is not None:
            raise ValueError(
                f"{', '.join(operation_names(value))} would be saved as {key!r}, but so is "
                f"{', '.join(operation_names(taken))}: name the moving statistics of both layers in the list, too"
            )
        renamed[key] = value
    return renamed


def _key(name: str, operation: str, layers: Iterable[LayerVariables], scopes: Mapping[str, tuple[str, str]]) -> str:
    """The name of a statistic in the checkpoint, by where the first of its layer's variables stands there."""
    for layer in layers:
        if operation in layer.statistics:
            for parameter, (scope, target) in scopes.items():
                if parameter in layer.parameters:
                    return moved_name(name, scope, target, layer.statistics)
    return name
