"""SN1 in graphs: what the train steps reach decides whether the statistics move."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from steadynorm.checks.graph_facts import SETTLE, Facts, facts, names
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding
from steadynorm.recorded import Update


@check("SN101", "graph")
def updates_unreached(evidence: Evidence) -> Iterator[Finding]:
    """Update operations exist, and no train step depends on any of them."""
    known = facts(evidence)
    stuck = _stuck(known, beside=False)
    if not stuck:
        return
    steps = list(dict.fromkeys(step.node for each in stuck for step in each.steps))
    updates = [update.node for each in stuck for update in each.updates]
    yield finding(
        "SN101",
        names(stuck),
        f"{many(updates, 'update', 'operation')} the statistics of {many(stuck)}, and the train step "
        f"'{steps[0]}' depends on none of them"
        + (
            ""
            if len(steps) == 1
            else f", nor {'does' if len(steps) == 2 else 'do'} {many(len(steps) - 1, noun='other')}"
        ),
        _remedy(stuck),
        evidence={"train_steps": steps, "updates": updates},
        certainty=_certainty(stuck),
        settle=None if _certainty(stuck) is Certainty.PROVEN else SETTLE,
    )


@check("SN102", "graph")
def updates_of_some_unreached(evidence: Evidence) -> Iterator[Finding]:
    """The train step depends on the updates of some layers and not on those of others."""
    known = facts(evidence)
    stuck, moving = _stuck(known, beside=True), _moving(known)
    if stuck:
        yield finding(
            "SN102",
            names(stuck),
            f"the train step runs the updates of {many(moving)} and not those of {many(stuck, noun='other')}, which "
            "normalize by batch moments as well",
            f"Read the collection when all layers are built, and without a scope that leaves some out:\n{_CONTROLLED}",
            evidence={"updated": names(moving), "updates": [up.node for each in stuck for up in each.updates]},
            certainty=_certainty(stuck),
            settle=None if _certainty(stuck) is Certainty.PROVEN else SETTLE,
        )


@check("SN105", "graph")
def updates_twice(evidence: Evidence) -> Iterator[Finding]:
    """One train step runs two updates of one statistic by the moments of the same input."""
    graph = evidence.graph
    assert graph is not None
    repeated: dict[str, int] = {}
    for each in facts(evidence):
        if not each.stands_still:
            most = max((_times(each.updates, step.node) for step in graph.train_steps), default=1)
            if most > 1:
                repeated[each.name] = most
    if repeated:
        most = max(repeated.values())
        yield finding(
            "SN105",
            repeated,
            f"one train step updates the statistics of {many(repeated)} up to {most} times from the same input: "
            f"the effective decay is decay^{most}",
            "Run each update once: build the layer once per input, and let a second pass over the same input use "
            "updates_collections=[] or training=False.",
            evidence={"updates_per_step": repeated},
        )


@check("SN106", "graph")
def moments_without_averages(evidence: Evidence) -> Iterator[Finding]:
    """Normalization by batch moments that nothing averages."""
    assert evidence.graph is not None
    if evidence.graph.frozen:
        return  # averages that nothing read there are cut off, whether there were any or not: SN209
    found = [each for each in facts(evidence) if each.only_batch and not each.keeps_statistics and not each.updates]
    if found:
        yield finding(
            "SN106",
            names(found),
            f"{many(found, 'normalize')} by the moments of the batch alone and keep no averages of them "
            f"('{found[0].uses[0].node}'): a prediction depends on the other samples of its batch",
            _AVERAGED.get(evidence.framework, _AVERAGED["tensorflow"]),
            evidence={"nodes": [use.node for each in found for use in each.uses]},
        )


_AVERAGED = {
    "tensorflow": "Use tf.layers.batch_normalization (or keep moving averages of both moments), pass the mode as a "
    "tensor, and run the updates with the train step.",
    "torch": "Build the layers with track_running_stats=True and estimate the statistics before the export "
    "(steadynorm.recalibrate), or use a normalization without batch moments (GroupNorm, LayerNorm).",
    "onnx": "Keep running statistics in the layers and export the model in inference mode, or use a normalization "
    "without batch moments.",
}


_CONTROLLED = """\
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss)"""


def _moving(known: list[Facts]) -> list[Facts]:
    return [each for each in known if each.takes_batch and each.updates and each.updated and not each.stands_still]


def _stuck(known: list[Facts], beside: bool) -> list[Facts]:
    """Layers that never move, with others beside them that the same train step trains and moves, or without."""
    moved_by = {step.node for each in _moving(known) for step in each.steps}
    return [each for each in known if each.stuck and any(step.node in moved_by for step in each.steps) is beside]


def _certainty(stuck: list[Facts]) -> Certainty:
    return Certainty.PROVEN if all(each.moved is False for each in stuck) else Certainty.LIKELY


def _remedy(stuck: list[Facts]) -> str:
    repair = "Then re-estimate the statistics: 'steadynorm repair'."
    if any(update.collected for each in stuck for update in each.updates):
        return f"Make the train op wait for the updates, when all layers are built:\n{_CONTROLLED}\n{repair}"
    return (
        "Make the train step depend on the operation that updates the averages: what ema.apply() returned, or "
        f"layer.updates of a Keras layer, which stand in no collection. {repair}"
    )


def _times(updates: tuple[Update, ...], step: str) -> int:
    """How often a step updates one statistic from one input."""
    run = [update for update in updates if step in update.steps and update.input is not None]
    times = 1
    for update in run:
        same = [each for each in run if each.statistic == update.statistic and each.input == update.input]
        pairs = [(one, other) for one, other in combinations(same, 2) if _exclude(one, other)]
        if not pairs:
            times = max(times, len(same))
    return times


def _exclude(one: Update, other: Update) -> bool:
    """Whether a condition chooses between two updates, so that only one of them runs."""
    return any((node, not side) in other.exclusive for node, side in one.exclusive)
