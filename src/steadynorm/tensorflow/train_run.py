"""Runs the train op of a copied graph and tells what it does to the normalization layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array, Layer, LayerSteps, TrainSteps
from steadynorm.norm.moments import Moments
from steadynorm.steplog import Call, StepLog, summarized
from steadynorm.tensorflow.batches import feed, sample_count
from steadynorm.tensorflow.graph_copy.copied import CopiedGraph, Seen, said
from steadynorm.tensorflow.graph_copy.sites import one_per_use
from steadynorm.tensorflow.graph_subject import GraphModel


def run_train_op(
    copied: CopiedGraph,
    model: GraphModel,
    layers: Sequence[Layer],
    trained: Sequence[str],
    batches: Sequence[Any],
    loss: Any,
) -> TrainSteps:
    """Runs the train op once per batch; the caller puts the copy's variables back.

    First it is read off the graph which updates the train op reaches, and the runs show what moves.

    Arguments:
        copied: the copy.
        model: what it is a copy of.
        layers: its normalization layers.
        trained: the variables that the train op trains.
        batches: what to train on.
        loss: the loss tensor, or `None`.

    Raises:
        UnusableInputError: the train op cannot be run.
    """
    reached = copied.layers.reached(each.name for each in model.train_op)
    writes = {layer.name: copied.layers.updates(layer.name, reached) for layer in layers}
    run = _Run(copied, {layer.name: copied.layers.statistics(layer.name) for layer in layers}, writes)
    # A loss that the step computes anyway is of the same pass; one of a graph for inference is not part of the step.
    fetched = [loss] if loss is not None and loss.op.name in reached else []
    skipped, damaging, moved, samples = 0, 0, False, []
    for index, batch in enumerate(batches):
        parameters = copied.read(trained)
        run.log.begin_step()
        try:
            (*_, value), seen = copied.run(
                [*model.train_op, *fetched], feed(model, batch, training=True, with_labels=True)
            )
        except Exception as error:
            raise UnusableInputError(
                f"train_op raised at batch {index}: {type(error).__name__}: {said(error)}. It is fed "
                "inputs, labels and training_feed ({mode: True} by default); leave train_op out to diagnose without it"
            ) from error
        run.end_step(seen)
        samples.append(sample_count(batch))
        after = copied.read(trained)
        changed = any(not np.array_equal(parameters[name], after[name]) for name in trained)
        moved |= changed
        if fetched and not changed and not np.isfinite(value).all() and run.statistics_moved():
            skipped += 1
            damaging += run.log.damaged()
    return TrainSteps(
        steps=len(batches),
        samples=int(np.median(samples)),
        layers=run.summaries(copied),
        parameters_moved=moved,
        skipped_updates=skipped,
        damaging_updates=damaging,
    )


class _Run:
    def __init__(
        self,
        copied: CopiedGraph,
        variables: Mapping[str, tuple[str, str] | None],
        writes: Mapping[str, tuple[int, float | None]],
    ) -> None:
        self._copied, self._variables, self._writes = copied, variables, writes
        self._stored: dict[str, Array | None] = {}
        self.log = StepLog(variables, stored=lambda name: self._stored[name], uses_batch=lambda name: True)
        self._refresh()

    def _refresh(self) -> None:
        names = [name for pair in self._variables.values() if pair is not None for name in pair]
        values = self._copied.read(list(dict.fromkeys(names)))
        for layer, pair in self._variables.items():
            flat = [] if pair is None else [np.asarray(values[name], np.float64).ravel() for name in pair]
            self._stored[layer] = np.concatenate(flat) if flat else None

    def end_step(self, seen: Sequence[Seen]) -> None:
        """Writes down what ran, all of it at once: within one run of a session there is no before and after."""
        before = dict(self._stored)
        self._refresh()
        spots = self._copied.layers.spots
        calls = [each for each in one_per_use(seen, spots, by_batch=True) if spots[each.spot].layer in self._variables]
        names = [spots[each.spot].layer for each in calls]
        for each in calls:
            spot = spots[each.spot]
            # What moved belongs to a call only where it is the one that moves anything.
            alone = names.count(spot.layer) == 1 and self._writes[spot.layer][0] == 1
            taken = Moments(float(each.values), each.mean, each.variance * each.values) if each.by_batch else None
            stored = (before[spot.layer], self._stored[spot.layer]) if alone else (None, None)
            self.log.logs[spot.layer].steps[-1].append(Call(each.by_batch, each.values, taken, spot.trains, *stored))
        self.log.end_step()

    def statistics_moved(self) -> bool:
        """Whether the last step moved any layer's statistics."""
        return any(log.moved[-1] for log in self.log.logs.values())

    def summaries(self, copied: CopiedGraph) -> dict[str, LayerSteps]:
        """What the layers that ran did."""
        found = {}
        for name, log in self.log.logs.items():
            if any(log.steps):
                summary = summarized(log, copied.layers.epsilon(name))
                count, decay = self._writes[name]
                updates = max(count, 1) * sum(log.moved) / len(log.moved)
                found[name] = replace(summary, updates=updates, decay=summary.decay if count == 1 else decay)
        return found
