"""SN2 in graphs: which mode each layer is built in, and what chooses it."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.graph_facts import Facts, facts, names, never_fed, several_networks
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Mode
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.recorded import Choice, Graph, Use

_ESTIMATED = "whether the program fetches the updates beside what it computes, to estimate the statistics anew"
_REBUILT = "whether inference builds the graph anew with False: the source of the program that predicts decides"


@check("SN201", "graph")
def built_in_training_mode(evidence: Evidence) -> Iterator[Finding]:
    """The mode was fixed to training when the graph was built, and the same graph serves for inference."""
    graph = evidence.graph
    assert graph is not None
    if graph.exported:
        return  # SN209
    twins = {name for pair in graph.unshared for name in pair}
    found: dict[Severity, list[Facts]] = {Severity.ERROR: [], Severity.INFO: []}
    for each in facts(evidence):
        if each.only_batch and each.name not in twins:
            severity = _batch_only(each, graph)
            if severity is not None:
                found[severity].append(each)
    for severity, layers in found.items():
        if layers:
            yield _built_in_training_mode(layers, graph, severity)


def _batch_only(each: Facts, graph: Graph) -> Severity | None:
    """How bad it is that a layer has no other mode than that of the batch; `None` if that may well be right."""
    if not graph.train_steps:
        return Severity.ERROR if each.keeps_statistics or "Fused" in each.layer.kind else None
    if not each.trained:
        return None
    if each.keeps_statistics and any(not use.steps for use in each.uses):
        return Severity.ERROR  # no train step computes that use, so it is there to predict with
    if not graph.fed:
        return None  # a training of its own, fed by its own pipeline: another process evaluates
    if not each.keeps_statistics:
        # An operation that has a mode was left in training; without one SN106 says all.
        return Severity.ERROR if "Fused" in each.layer.kind else None
    if not each.stuck and (not each.updates or each.stands_still):
        return None
    switched = any(use.mode is not Mode.BATCH for use in graph.uses)
    if several_networks(graph):
        # Only one of two networks predicts, and here it seems to be the one that can be switched.
        return Severity.ERROR if each.stuck and not switched else Severity.INFO
    return Severity.ERROR if each.stuck or switched or graph.ignored_switches else Severity.INFO


def _built_in_training_mode(layers: list[Facts], graph: Graph, severity: Severity) -> Finding:
    if graph.ignored_switches:
        beside = f"; nothing in them reads the switch '{graph.ignored_switches[0]}'"
    elif any(use.mode is not Mode.BATCH for use in graph.uses):
        beside = "; other layers of the same graph can be in inference mode"
    else:
        beside = ""
    settle = _REBUILT if graph.train_steps else None
    if settle is None and all(each.updates for each in layers):
        settle = _ESTIMATED
    return finding(
        "SN201",
        names(layers),
        f"{many(layers, 'are')} built in training mode for good ('{layers[0].uses[0].node}'): what is predicted "
        f"with this graph is normalized by the moments of its batch{beside}",
        "Pass the mode as a tensor, tf.placeholder_with_default(False, []), and feed True in training; or build a "
        "second graph with False for inference and restore the checkpoint there.",
        evidence={"nodes": [use.node for each in layers for use in each.uses]},
        certainty=Certainty.PROVEN if settle is None else Certainty.LIKELY,
        severity=severity,
        settle=settle,
    )


@check("SN202", "graph")
def trained_on_population(evidence: Evidence) -> Iterator[Finding]:
    """A train step trains through layers that normalize by stored statistics."""
    graph = evidence.graph
    assert graph is not None
    known = facts(evidence)
    stand_ins = {inference for _, inference in graph.unshared}  # SN206
    unfed = {each.name for each in never_fed(known)}
    fixed, defaults = [], []
    for each in known:
        if not each.trained or not each.keeps_statistics or each.moved is True or not _is_trained_itself(each):
            continue
        if each.name in stand_ins:
            continue
        if each.name in unfed:
            defaults.append(each)
        elif all(use.mode is Mode.POPULATION for use in each.trained) and not any(up.steps for up in each.updates):
            fixed.append(each)
    if fixed:
        yield _on_population(
            fixed,
            f"{many(fixed, 'are')} trained in inference mode ('{fixed[0].trained[0].node}'), by statistics that "
            "nothing updates",
            "Pass training=True in training (tf.layers and tf.keras are in inference mode by default), or leave gamma "
            "and beta out of the training if the layers are frozen on purpose.",
        )
    if defaults:
        switch = defaults[0].trained[0].switch
        yield _on_population(
            defaults,
            f"{many(defaults, 'take')} their mode from '{switch}', which is inference unless it is fed, and nothing in "
            "the graph shows that it is: their updates stand in no collection and in no train step",
            f"Feed {{'{switch}': True}} in training and run layer.updates, or pass training= on the call.",
        )


def _on_population(layers: list[Facts], message: str, remedy: str) -> Finding:
    proven = all(each.moved is False for each in layers)
    return finding(
        "SN202",
        names(layers),
        message,
        remedy,
        evidence={"nodes": [use.node for each in layers for use in each.trained]},
        certainty=Certainty.PROVEN if proven else Certainty.LIKELY,
        settle=None
        if proven
        else "a checkpoint beside the graph: statistics of exactly 0 and 1 prove it, any others are those of a "
        "layer that is frozen on purpose",
    )


def _is_trained_itself(each: Facts) -> bool:
    """Whether gamma or beta are trained, or there are none: a layer that is frozen on purpose has neither trained."""
    if each.layer.gamma is None and each.layer.beta is None:
        return True
    return any(each.name in step.owned for step in each.steps)


@check("SN206", "graph")
def built_twice(evidence: Evidence) -> Iterator[Finding]:
    """Training and inference are two networks that share no variable."""
    graph = evidence.graph
    assert graph is not None
    stored = {layer.name: layer.statistics for layer in evidence.layers if layer.statistics is not None}
    initial = {name: statistics.at_initialization for name, statistics in stored.items()}
    pairs = [pair for pair in graph.unshared if initial.get(pair[1]) is not False]
    if pairs:
        training, inference = pairs[0]
        proven = all(initial.get(other) for _, other in pairs)
        yield finding(
            "SN206",
            [name for pair in pairs for name in pair],
            f"{many(pairs, 'exist')} twice, for training ('{training}') and for inference ('{inference}'), with "
            "variables of their own: inference reads what training never wrote",
            "Build the network once with the mode as a tensor, or the second time under the same variable scope with "
            "reuse=True.",
            evidence={"pairs": [list(pair) for pair in pairs]},
            certainty=Certainty.PROVEN if proven else Certainty.LIKELY,
            settle=None if proven else "a checkpoint: statistics of the inference layers that are exactly 0 and 1",
        )


@check("SN207", "graph")
def updated_in_both_modes(evidence: Evidence) -> Iterator[Finding]:
    """A condition chooses between tensors built outside its branches, and both run."""
    found = [each for each in facts(evidence) if any(update.always for update in each.updates)]
    if found:
        switch = next((use.switch for use in found[0].uses if use.switch is not None), "the mode")
        outside = any(use.outside for each in found for use in each.uses)
        yield finding(
            "SN207",
            names(found),
            f"the updates of {many(found)} run whatever '{switch}' chooses, in inference as well: "
            + (
                "both modes are built outside the branches, and the condition only picks one of the results"
                if outside
                else "only the moments are chosen by the condition, the updates stand outside it"
            ),
            "Build each mode inside its branch, with shared variables; what is computed outside runs in both modes:\n"
            "    tf.cond(is_training, lambda: batch_norm(x, True),\n"
            "            lambda: batch_norm(x, False))",
            evidence={"updates": [up.node for each in found for up in each.updates if up.always], "switch": switch},
        )


@check("SN209", "graph")
def exported_in_training_mode(evidence: Evidence) -> Iterator[Finding]:
    """An export whose layers normalize by the batch."""
    graph = evidence.graph
    assert graph is not None
    if not graph.exported:
        return
    # A layer without statistics has no other mode: SN106. Only a frozen TensorFlow graph may have had them: what
    # training mode does not read is cut off there.
    keeping = {each.name for each in facts(evidence) if each.keeps_statistics}
    uses = [use for use in graph.uses if use.layer in keeping or evidence.framework == "tensorflow"]
    # An export can go on training, as on a phone: then one of its functions trains, and another one predicts.
    served = {use.layer for use in uses if not use.trained and use.mode is not Mode.BATCH}
    fixed = [use for use in uses if use.mode is Mode.BATCH and not (use.trained and use.layer in served)]
    if fixed:
        yield finding(
            "SN209",
            _layers(fixed),
            f"{many(_layers(fixed), 'were')} exported in training mode ('{fixed[0].node}'): every prediction is "
            "normalized by the moments of its own batch, whatever mode is asked for",
            _EXPORT_AGAIN,
            evidence={"nodes": [use.node for use in fixed]},
        )
    unless = [use for use in uses if use.mode is None and use.choice in _SAVED and use.default is Mode.BATCH]
    if unless:
        yield finding(
            "SN209",
            _layers(unless),
            f"{many(_layers(unless), 'were')} saved in training mode ('{unless[0].switch or unless[0].node}'): "
            "unless whoever loads the model switches it, every prediction is normalized by the moments of its batch",
            _EXPORT_AGAIN,
            evidence={"nodes": [use.node for use in unless]},
            certainty=Certainty.LIKELY,
            settle="whether the program that loads it calls eval() or sets the mode before it predicts",
        )


_SAVED = (Choice.DEFAULT, Choice.VARIABLE)
_EXPORT_AGAIN = (
    "Export in inference mode: training=False in the signature's function (TensorFlow, Keras), model.eval() before "
    "torch.export, torch.jit.trace, torch.jit.script or torch.onnx.export."
)


def _layers(uses: list[Use]) -> list[str]:
    return list(dict.fromkeys(use.layer for use in uses))
