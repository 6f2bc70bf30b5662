"""What several checks ask of a graph about one layer, and of the checkpoint beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from steadynorm.evidence import Evidence, Mode, Statistics
from steadynorm.recorded import Choice, Graph, GraphLayer, TrainStep, Update, Use

SETTLE = (
    "a checkpoint beside the graph: statistics that are exactly 0 and 1 prove it, any others show that the updates "
    "are run by hand (sess.run([train_op, update_ops])) or in another way that the graph does not show"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one layer of a graph.

    Arguments:
        layer: the layer.
        uses: its uses.
        updates: what moves its statistics.
        steps: the train steps that train through it.
        moved: whether the checkpoint's statistics differ from their initial values; `None` without them.
    """

    layer: GraphLayer
    uses: tuple[Use, ...]
    updates: tuple[Update, ...]
    steps: tuple[TrainStep, ...]
    moved: bool | None

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def trained(self) -> tuple[Use, ...]:
        """The uses that a train step trains through."""
        return tuple(use for use in self.uses if use.trained)

    @property
    def keeps_statistics(self) -> bool:
        """Whether there are averages that inference could read."""
        return self.layer.mean is not None or self.layer.variance is not None

    @property
    def takes_batch(self) -> bool:
        """Whether a use in training normalizes by batch moments, or can."""
        return any(use.mode is not Mode.POPULATION for use in self.trained)

    @property
    def only_batch(self) -> bool:
        """Whether every use normalizes by batch moments, whatever is fed."""
        return bool(self.uses) and all(use.mode is Mode.BATCH for use in self.uses)

    @property
    def stands_still(self) -> bool:
        """Whether its updates keep all of the old value: statistics that are frozen on purpose."""
        return bool(self.updates) and all(update.decay == 1 for update in self.updates)

    @property
    def updated(self) -> bool:
        """Whether a train step runs updates of every statistic that has any, or the checkpoint shows that some ran."""
        by_statistic: dict[str, bool] = {}
        for update in self.updates:
            by_statistic[update.statistic] = by_statistic.get(update.statistic, False) or bool(update.steps)
        # What is averaged on the way, as for a debiased average, may be there once for each use.
        read = [by_statistic[each] for each in ("mean", "variance") if each in by_statistic]
        return self.moved is True or (bool(by_statistic) and all(read or by_statistic.values()))

    @property
    def stuck(self) -> bool:
        """Whether training takes batch moments, and has updates that no train step runs."""
        return self.takes_batch and bool(self.updates) and not self.updated and not self.stands_still


def facts(evidence: Evidence) -> list[Facts]:
    """What is known about each layer, in the graph's order."""
    graph = evidence.graph
    assert graph is not None
    stored = {layer.name: layer.statistics for layer in evidence.layers if layer.statistics is not None}
    uses: dict[str, list[Use]] = {}
    updates: dict[str, list[Update]] = {}
    steps: dict[str, list[TrainStep]] = {}
    for use in graph.uses:
        uses.setdefault(use.layer, []).append(use)
    for update in graph.updates:
        updates.setdefault(update.layer, []).append(update)
    for step in graph.train_steps:
        for name in step.layers:
            steps.setdefault(name, []).append(step)
    found = []
    for layer in graph.layers:
        statistics = stored.get(layer.name)
        found.append(
            Facts(
                layer,
                tuple(uses.get(layer.name, ())),
                tuple(updates.get(layer.name, ())),
                tuple(steps.get(layer.name, ())),
                None if statistics is None else _have_moved(layer, statistics),
            )
        )
    return found


def _have_moved(layer: GraphLayer, statistics: Statistics) -> bool:
    """Whether any number differs from what the graph has it begin with, or, where that is not known, from the usual."""
    if layer.initial is None:
        return not statistics.at_initialization
    mean, variance = (np.float32(each) for each in layer.initial)
    return bool(np.any(statistics.mean != mean) or np.any(statistics.variance != variance))


def never_fed(known: list[Facts]) -> list[Facts]:
    """Layers with a mode that has to be fed for training, has inference as its default, and that nobody knows of.

    That is so where the updates of all layers that it switches are in no collection and no train step runs them: who
    feeds the mode would need them.
    """
    fed = {
        use.switch
        for each in known
        if any(update.collected or update.steps for update in each.updates)
        for use in each.trained
    }
    return [each for each in known if _waits_for_a_mode(each) and fed.isdisjoint(use.switch for use in each.trained)]


def _waits_for_a_mode(each: Facts) -> bool:
    uses = each.trained
    return (
        bool(uses)
        and all(use.choice is Choice.DEFAULT and use.default is Mode.POPULATION for use in uses)
        and bool(each.updates)
        and each.moved is not True
    )


def several_networks(graph: Graph) -> bool:
    """Whether several steps train different variables, as those of adversarial networks do."""
    trained = [set(step.parameters) for step in graph.train_steps]
    return any(one - other and other - one for one in trained for other in trained)


def names(found: Iterable[Facts]) -> list[str]:
    """The layers' names."""
    return [each.name for each in found]
