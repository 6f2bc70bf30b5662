"""Which layers a train op trains although they normalize by statistics that never move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steadynorm.graphs.nodes import Body, producer
from steadynorm.graphs.reachability import Reach
from steadynorm.tensorflow.fetches import to_operations
from steadynorm.tensorflow.layer_variables import Application, LayerVariables, operation_names
from steadynorm.tensorflow.step_reading import StepReading, read_step
from steadynorm.tensorflow.train_steps import trainable_names, trained_variables


def layers_fixed_in_inference(train_op: Any, variables: Iterable[Any] = ()) -> tuple[str, ...]:
    """Names of the layers that a run of the train op trains, but which it applies in inference mode only.

    A layer counts as trained if its gamma or beta is, or if it has neither and trained variables lie upstream of it:
    a frozen backbone, whose gamma and beta nothing trains, is none of them. Nor is a layer whose statistics the run
    moves within a function, as in the branch of a condition. Of the layers that are applied within functions only,
    those of this package with gamma or beta are looked at.

    Arguments:
        train_op: an operation or tensor of the graph, or a list of them.
        variables: trained ones, beside those that are changed on the way of the train op.
    """
    return fixed_in_inference(read_step(train_op), variables) if to_operations(train_op) else ()


def fixed_in_inference(step: StepReading, variables: Iterable[Any] = ()) -> tuple[str, ...]:
    """As `layers_fixed_in_inference`, of a train step that was read."""
    trained = {name for each in variables for name in operation_names(each)}
    trained |= trained_variables(step.nodes, step.reached, trainable_names(step.graph))
    downstream = _downstream(step.nodes.top, step.reached.nodes, trained)
    found = []
    for layer in step.layers:
        applied = [each for each in layer.applications if _runs(each, step.reached)]
        if {each.training for each in applied} != {False} or _moved_in_functions(layer, step.reached):
            continue
        fed = any(each.node in downstream for each in applied if each.function is None)
        if layer.parameters & trained or (not layer.parameters and fed):
            found.append(layer.name)
    return tuple(found)


def _runs(place: Application, reached: Reach) -> bool:
    return place.node in reached.nodes if place.function is None else place.function in reached.functions


def _moved_in_functions(layer: LayerVariables, reached: Reach) -> bool:
    """Whether a run updates the layer's statistics in functions, where only layers of this package are known."""
    return any(len(path) > 1 for name in layer.statistics for path in reached.writes.get(name, ()))


def _downstream(body: Body, within: frozenset[str], variables: set[str]) -> set[str]:
    """Names of the nodes, among those given, whose inputs come from one of the variables."""
    consumers: dict[str, list[str]] = {}
    for name in within:
        for reference in body.nodes[name].inputs:
            consumers.setdefault(producer(reference), []).append(name)
    found: set[str] = set()
    waiting = list(variables)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += consumers.get(name, ())
    return found
