"""Networks that a graph holds twice: for inference with variables of its own, or from cells that ran again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from steadynorm.evidence import Mode
from steadynorm.graphs.constants import output_shape
from steadynorm.graphs.layers import Group, channels
from steadynorm.graphs.reachability import writes
from steadynorm.graphs.training import Step
from steadynorm.graphs.wires import Wires


def last_copies(wires: Wires, steps: Sequence[Step], sizes: Sequence[int]) -> list[Step]:
    """The train steps without those of older copies of the same network.

    A cell of a notebook that runs again adds the whole model to the graph once more, with variables, placeholders and
    a train step of its own; only the last copy is trained.

    Arguments:
        wires: the graph.
        steps: the train steps, in the graph's order.
        sizes: how many channels each place normalizes.
    """
    kept: list[Step] = []
    for step in reversed(steps):
        if not any(_is_older(wires, step, later, sizes) for later in kept):
            kept.append(step)
    return kept[::-1]


def _is_older(wires: Wires, step: Step, later: Step, sizes: Sequence[int]) -> bool:
    if not step.trains or not later.trains or step.trains & later.trains or step.parameters & later.parameters:
        return False
    return (
        len(step.parameters) == len(later.parameters)
        and max(step.trains) < min(later.trains)
        and [sizes[each] for each in sorted(step.trains)] == [sizes[each] for each in sorted(later.trains)]
        and not step.reached & {*later.parameters}
        and _shapes(wires, step) == _shapes(wires, later)
    )


def _shapes(wires: Wires, step: Step) -> Counter[tuple[int, ...] | None]:
    """How many variables of which shape a step trains."""
    return Counter(output_shape(wires.flat.get(name)) for name in step.parameters)


def second_builds(
    wires: Wires, layers: Sequence[Group], trained: Collection[str], known: Collection[str]
) -> list[tuple[str, str]]:
    """Pairs of a trained layer without inference and one like it, for inference only, that nothing writes.

    Arguments:
        wires: the graph.
        layers: its layers.
        trained: names of the layers that a train step trains through.
        known: names of the layers that are paired already.
    """
    left = [layer for layer in layers if layer.name not in known]
    training = [
        layer
        for layer in left
        if layer.name in trained and layer.statistics and not any(each.sides(Mode.POPULATION) for each in layer.places)
    ]
    inference = [
        layer
        for layer in left
        if layer.name not in trained
        and layer.statistics
        and not layer.averages
        and not any(each.sides(Mode.BATCH) for each in layer.places)
    ]
    if not training or len(training) != len(inference):
        return []
    if [channels(wires, each) for each in training] != [channels(wires, each) for each in inference]:
        return []
    written = copied(wires)
    if any(layer.variables & written for layer in inference):
        return []  # a target network takes its variables over from the one that is trained
    return [(one.name, other.name) for one, other in zip(training, inference, strict=True)]


def copied(wires: Wires) -> set[str]:
    """Variables that are assigned from others."""
    found: set[str] = set()
    for node in wires.flat.values():
        if not node.op.startswith("Assign") or not writes(node) or len(node.inputs) < 2:
            continue
        target = wires.variable(node.inputs[0])
        if target is not None and any(
            wires.variable(name) not in (None, target) for name in wires.upstream([node.inputs[1]])
        ):
            found.add(target)
    return found
