"""Which variables of a graph belong to one normalization layer: from the registry, from edges and from names.

The registry knows the layers of this package. Graphs that were imported or built with other layers are known by their
edges (`structure.py`), and, where edges say too little, as in a graph for training only or inside the branch of a
function, by the names that tf.layers, slim and Keras give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from steadynorm.graphs.nodes import Nodes, read_graph_def
from steadynorm.graphs.structure import Normalization, find_normalizations
from steadynorm.graphs.wires import TangledGraphError
from steadynorm.tensorflow.registry import layers, outermost, require_graph

_MOMENTS = r"(moving_mean|moving_variance|moving_stddev|renorm_(mean|stddev)(_weight)?)"
_STATISTIC = re.compile(rf"^(?P<scope>(.*/)?){_MOMENTS}(?P<part>/part_\d+)?$")
_PARAMETER = re.compile(r"^(?P<scope>(.*/)?)(gamma|beta)(?P<part>/part_\d+)?$")
_DEBIASING = re.compile(r"^(?P<owner>.+)/(biased|local_step)(_\d+)?$")


@dataclass(frozen=True, slots=True)
class Application:
    """One place where a layer normalizes.

    Arguments:
        node: name of an operation there.
        training: True if it takes the moments of the batch, False the averages, None whichever is chosen at run time.
        function: name of the function that the operation is in; None if it is in the graph itself.
    """

    node: str
    training: bool | None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class LayerVariables:
    """The variables of one layer, by the names of their operations; of layers that share variables, of all.

    Arguments:
        name: the layer's scope, or the first variable's name without its last part.
        parameters: gamma and beta.
        statistics: moving mean and variance, and those of renorm and zero debiasing.
        applications: where it normalizes, as far as that is known.
    """

    name: str
    parameters: frozenset[str]
    statistics: frozenset[str]
    applications: tuple[Application, ...] = ()


def variables_by_name(graph: tf.Graph | None = None) -> dict[str, Any]:
    """The variables of a graph's collections by the names of their operations; parts of partitioned ones one by one."""
    graph = outermost(graph)
    keys = tf.compat.v1.GraphKeys
    collected = (graph.get_collection(key) for key in (keys.GLOBAL_VARIABLES, keys.LOCAL_VARIABLES))
    registered = ([*record.parameters, *record.statistics] for record in layers(graph))
    return {_name(part): part for found in (*collected, *registered) for each in found for part in parts(each)}


def parts(variable: Any) -> tuple[Any, ...]:
    """The variable itself, the parts of a partitioned one, of a list of parts each, nothing for anything else."""
    if isinstance(variable, tf.Variable):
        return (variable,)
    if isinstance(variable, (tf.Tensor, str)) or not isinstance(variable, Iterable):
        return ()
    return tuple(part for each in variable for part in parts(each))  # a partitioned variable can be iterated


def operation_names(variable: Any) -> tuple[str, ...]:
    """Names of the operations of a variable: several for a partitioned one, none for anything else."""
    return tuple(_name(part) for part in parts(variable))


def _name(variable: Any) -> str:
    try:
        return str(variable.op.name)
    except AttributeError as error:
        raise RuntimeError(
            f"the variable {variable.name} belongs to eager mode, as those of tf.function and of "
            "tf.compat.v1.wrap_function do; expected one of a graph: build the model within tf.Graph().as_default()"
        ) from error


def read_graph(graph: tf.Graph | None = None) -> Nodes:
    """The graph as plain records, its functions included."""
    return read_graph_def(outermost(graph).as_graph_def())


def normalization_layers(graph: tf.Graph | None = None, nodes: Nodes | None = None) -> tuple[LayerVariables, ...]:
    """All normalization layers of a graph that keep statistics, whoever built them.

    Arguments:
        graph: the graph; None for the default one.
        nodes: its records, if they were read already.
    """
    graph = outermost(graph)
    nodes = read_graph(graph) if nodes is None else nodes
    registered = _registered(graph)
    known = frozenset().union(*(each.statistics for each in registered))
    trainable = {name for each in graph.get_collection("trainable_variables") for name in operation_names(each)}
    structural = (_structural(each, trainable) for each in _normalizations(nodes))
    # Where the registry knows a layer, it also knows better how the layer is applied.
    found = registered + [each for each in structural if each.statistics and not each.statistics & known]
    variables = variables_by_name(graph)
    found += _named(variables)
    return tuple(sorted(_with_debiasing(_merged(found), variables), key=lambda each: each.name))


def statistics(graph: tf.Graph | None = None, scope: str | None = None) -> list[Any]:
    """The moving statistics of all normalization layers, to be saved and restored beside the trainable variables.

    Moving means and variances, and the further averages of renorm and zero debiasing: what
    `tf.compat.v1.trainable_variables()` leaves out and inference cannot do without.

    Arguments:
        graph: the graph; None for the default one.
        scope: a regular expression that the beginning of the name must match, as in `get_collection`.

    Returns:
        variables, in the order of their creation.

    Raises:
        RuntimeError: TensorFlow executes eagerly, and no graph is given.
    """
    if graph is None:
        require_graph("statistics")
    names = frozenset().union(*(each.statistics for each in normalization_layers(graph)))
    matches = re.compile(scope or "").match
    return [each for name, each in variables_by_name(graph).items() if name in names and matches(name)]


def _registered(graph: tf.Graph) -> list[LayerVariables]:
    found = []
    for record in layers(graph):
        mode = record.mode if isinstance(record.mode, bool) else None
        output = getattr(record.output, "op", None)
        within = None if output is None or output.graph is graph else output.graph.name
        places = () if output is None else (Application(output.name, mode, within),)
        found.append(
            LayerVariables(
                name=record.name,
                parameters=frozenset(name for each in record.parameters for name in operation_names(each)),
                statistics=frozenset(name for each in record.statistics for name in operation_names(each)),
                applications=places,
            )
        )
    return found


def _normalizations(nodes: Nodes) -> list[Normalization]:
    try:
        return find_normalizations(nodes)
    except TangledGraphError:
        return []  # the registry and the names still tell of the layers


def _structural(normalization: Normalization, trainable: set[str]) -> LayerVariables:
    averages = normalization.statistics - trainable
    return LayerVariables(
        name=_scope(averages),
        parameters=normalization.parameters,
        statistics=averages,
        applications=(Application(normalization.node, normalization.training),),
    )


def _named(variables: Iterable[str]) -> list[LayerVariables]:
    """Layers by the names of their variables."""
    averages: dict[str, set[str]] = {}
    parameters: dict[str, set[str]] = {}
    for name in variables:
        for pattern, found in ((_STATISTIC, averages), (_PARAMETER, parameters)):
            if match := pattern.match(name):
                found.setdefault(match["scope"], set()).add(name)
    return [
        LayerVariables(scope.rstrip("/") or "(no scope)", frozenset(parameters.get(scope, ())), frozenset(found))
        for scope, found in averages.items()
    ]


def _with_debiasing(found: list[LayerVariables], variables: Iterable[str]) -> list[LayerVariables]:
    """Adds the variables of zero debiasing: net/bn/net/bn/moving_mean/biased goes with net/bn/moving_mean."""
    layer_of = {name: index for index, layer in enumerate(found) for name in layer.statistics}
    for variable in variables:
        if match := _DEBIASING.match(variable):
            parts = match["owner"].split("/")
            ends = ("/".join(parts[start:]) for start in range(len(parts)))
            index = next((layer_of[end] for end in ends if end in layer_of), None)
            if index is not None:
                found[index] = replace(found[index], statistics=found[index].statistics | {variable})
    return found


def _merged(found: Iterable[LayerVariables]) -> list[LayerVariables]:
    """One record for all that share a variable."""
    merged: list[LayerVariables] = []
    for layer in found:
        own = layer.parameters | layer.statistics
        together = [each for each in merged if own & (each.parameters | each.statistics)]
        merged = [each for each in merged if each not in together]
        for each in together:
            layer = LayerVariables(
                each.name,
                layer.parameters | each.parameters,
                layer.statistics | each.statistics,
                each.applications + layer.applications,
            )
        merged.append(layer)
    return merged


def _scope(names: Iterable[str]) -> str:
    first = min(names, default="")
    return first.rpartition("/")[0] or first
