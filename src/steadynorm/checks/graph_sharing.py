"""SN3 and SN4 in graphs: what savers leave out, and statistics that several inputs or steps move."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.graph_facts import Facts, facts, names
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Mode
from steadynorm.finding import Certainty, Finding


@check("SN301", "graph")
def saver_without_statistics(evidence: Evidence) -> Iterator[Finding]:
    """The saver writes gamma or beta of a layer and not its statistics.

    A graph may have other savers for parts of it, to restore from for instance; only the one that wrote the file
    counts, or all of them where that is not known.
    """
    graph = evidence.graph
    assert graph is not None
    chief = [saver for saver in graph.savers if saver.main] or list(graph.savers)
    missing = [each for each in facts(evidence) if chief and all(each.name in saver.incomplete for saver in chief)]
    if missing:
        lost = [name for each in missing for name in (each.layer.mean, each.layer.variance) if name is not None]
        yield finding(
            "SN301",
            names(missing),
            f"the saver '{chief[0].node}' writes {len(chief[0].tensors)} variables, among them gamma or beta of "
            f"{many(missing)}, and not all of their statistics ('{lost[0]}')",
            "tf.train.Saver() without a list saves all variables; a list has to hold the moving averages too: "
            "tf.train.Saver(tf.global_variables()), not tf.trainable_variables().",
            evidence={"saver": chief[0].node, "statistics": lost},
        )


@check("SN401", "graph")
def averages_of_several_inputs(evidence: Evidence) -> Iterator[Finding]:
    """One set of statistics, moved by uses in training mode whose data come from different places."""
    graph = evidence.graph
    assert graph is not None
    found: dict[str, list[str]] = {}
    for each in facts(evidence):
        if each.stands_still:
            continue
        moving = {update.input for update in each.updates if update.steps}
        uses = [use for use in each.uses if use.mode is not Mode.POPULATION and use.input in moving]
        if len({use.origins for use in uses if use.origins}) > 1:
            found[each.name] = [use.node for use in uses]
    if found:
        first = next(iter(found.values()))
        yield finding(
            "SN401",
            found,
            f"{many(found, 'are')} applied to different inputs in training ('{first[0]}' and '{first[1]}'), and one "
            "set of statistics averages the moments of all of them: it fits none if they differ",
            "Let the updates of one of the inputs run only, give each input its own layer, or put both into one batch.",
            evidence={"uses": found},
            certainty=Certainty.LIKELY,
            settle="whether they are fed from one set of data, which a graph does not tell, and the moments of the "
            "layer's inputs: 'steadynorm diagnose' measures them",
        )


@check("SN403", "graph")
def moved_by_the_other_step(evidence: Evidence) -> Iterator[Finding]:
    """A train step runs updates of a layer that another step trains and it does not."""
    graph = evidence.graph
    assert graph is not None
    moves: list[tuple[Facts, str, str]] = []
    for each in facts(evidence):
        own = [step.node for step in graph.train_steps if each.name in step.owned]
        if own and not each.stands_still:
            others = dict.fromkeys(step for update in each.updates for step in update.steps if step not in own)
            moves += [(each, one, other) for other in others for one in own]
    apart = {frozenset((own, other)) for each, own, other in moves if _is_foreign(each, own, other)}
    found: dict[str, str] = {}
    for each, own_step, other in moves:
        if frozenset((own_step, other)) in apart:
            found.setdefault(each.name, other)
    if found:
        layer, other = next(iter(found.items()))
        yield finding(
            "SN403",
            found,
            f"the train step '{other}' moves the statistics of {many(found)} that another step trains "
            f"('{layer}'): every step of the one network changes the other",
            "Give each train step the updates of its own network: tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope) "
            "with that network's scope.",
            evidence={"moved_by": found},
        )


def _is_foreign(each: Facts, own: str, other: str) -> bool:
    """Whether a step moves a layer by other data than the step that trains the layer.

    It does not where one network has several optimizers, as for two learning rates or for its parts: then the
    gradients of both depend on the layer, applied to the same data.
    """
    moved = {update.input for update in each.updates if other in update.steps}
    uses = [use for use in each.uses if use.mode is not Mode.POPULATION and use.input in moved]
    if not uses or any(other not in use.heard for use in uses):
        return True
    trained = [use for use in each.uses if use.mode is not Mode.POPULATION and own in use.heard]
    return {use.origins for use in uses} != {use.origins for use in trained}
