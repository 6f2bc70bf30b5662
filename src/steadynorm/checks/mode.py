"""SN2: checks on the mode in which layers run."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.causes import left_behind, runs_on_population, trained_on_population
from steadynorm.checks.distance import mismatched
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding

_FIXED = {
    "torch": "the layer ignores eval(), or was traced in training mode",
    "keras": "the layer ignores the mode, or was traced in training mode",
    "tensorflow": "the graph fixes the mode to training, or inference is fed the wrong one",
}
"""Why a layer may be in training mode when inference is asked for."""


@check("SN201", "evaluation")
def inference_with_batch_statistics(evidence: Evidence) -> Iterator[Finding]:
    """The evaluation normalizes by batch moments although the layer keeps statistics."""
    evaluation = evidence.evaluation
    assert evaluation is not None
    if evaluation.single_value_layers:
        return  # SN204 says more about the same mistake
    layers = [
        layer.name
        for layer in evidence.layers
        if layer.name in evaluation.batch_layers and layer.registered and layer.statistics is not None
    ]
    if not layers:
        return
    if evaluation.given:
        message = f"the evaluation runs {many(layers, '', 'normalization layer', evidence.layers)} on batch moments"
        advice = "Call model.eval() before the evaluation (and model.train() after it)."
    else:
        message = (
            f"{many(layers, 'use', 'normalization layer', evidence.layers)} batch moments although the model is in "
            f"inference mode: {_FIXED.get(evidence.framework, _FIXED['torch'])}"
        )
        advice = "Pass training=self.training to F.batch_norm; export or trace the model after model.eval()."
    yield finding(
        "SN201",
        layers,
        message,
        advice,
        evidence={"values_per_channel": evaluation.values, "given": evaluation.given},
    )


@check("SN202", "steps")
def training_with_population_statistics(evidence: Evidence) -> Iterator[Finding]:
    """The train step normalizes by statistics that were never estimated.

    A layer that runs on good statistics in training is a deliberate freeze, and one that runs on statistics of other
    data is SN602; only statistics at their initial values prove that the layer never normalized anything.
    """
    steps = evidence.steps
    assert steps is not None
    layers = []
    for layer in evidence.layers:
        observed = steps.layers.get(layer.name)
        if (
            observed is not None
            and observed.population_uses > 0
            and observed.batch_uses == 0
            and not layer.frozen
            and layer.statistics is not None
            and layer.statistics.at_initialization
        ):
            layers.append(layer.name)
    if layers:
        yield finding(
            "SN202",
            layers,
            f"the train step runs {many(layers, '', 'normalization layer', evidence.layers)} in inference mode, on "
            "mean 0 and variance 1: they only scale, and nothing updates them",
            "Call model.train() before the training loop, and again after every evaluation.",
            evidence={"steps": steps.steps},
        )


@check("SN202", "calls", "gap")
def trained_in_inference_mode(evidence: Evidence) -> Iterator[Finding]:
    """The weights fit statistics that the training did not renew: an eval() that was never undone."""
    misfits = {layer.name for layer, _ in mismatched(evidence)}
    stale = []
    for layer in evidence.layers:
        stored = layer.statistics
        if stored is None or layer.frozen or layer.name not in misfits or runs_on_population(evidence, layer):
            continue
        untouched = stored.at_initialization and trained_on_population(evidence)
        if untouched or left_behind(evidence, layer):
            stale.append(layer)
    if stale:
        updates = max((layer.statistics.updates or 0) for layer in stale if layer.statistics)
        steps = None if evidence.steps is None else evidence.steps.optimizer_steps
        counted = "" if steps is None else f" in {steps} steps of the optimizer"
        yield finding(
            "SN202",
            [layer.name for layer in stale],
            f"{many(stale, 'count')} {updates} updates{counted}, and inference does no worse than batch mode: the "
            "weights were trained in inference mode, where the layers only scale",
            "Call model.train() before the training loop, and again after every evaluation, and train again. New "
            "statistics may make this model worse: its weights were trained with these.",
            evidence={"updates": updates, "optimizer_steps": steps},
        )


@check("SN204", "evaluation")
def batch_of_one(evidence: Evidence) -> Iterator[Finding]:
    """Batch moments from one value per channel, in evaluation or in training."""
    evaluation, steps = evidence.evaluation, evidence.steps
    assert evaluation is not None
    refused = evaluation.failed_with_one_value + (steps.failed_with_one_value if steps else ())
    where = "the evaluation" if evaluation.single_value_layers else "the train step"
    single = {*refused, *evaluation.single_value_layers}
    if steps is not None:
        single.update(name for name, observed in steps.layers.items() if observed.values == 1)
    layers = [layer.name for layer in evidence.layers if layer.name in single]
    if layers:
        yield finding(
            "SN204",
            layers,
            f"{where} takes batch moments from one value per channel: x − mean is 0, so the output is beta whatever "
            "the input" + (" (the layer raised an error for it)" if refused else ""),
            (
                "Evaluate in inference mode: model.eval()."
                if where == "the evaluation"
                else "Drop the last small batch (drop_last=True), or use larger batches."
            ),
            evidence={"refused": list(refused)},
        )


@check("SN208")
def layer_not_registered(evidence: Evidence) -> Iterator[Finding]:
    """A layer that the model uses but does not know as a part."""
    layers = [layer.name for layer in evidence.layers if not layer.registered]
    if layers:
        yield finding(
            "SN208",
            layers,
            f"{len(layers)} normalization layers stand outside the model's parts (in a plain list or dict, or outside "
            "the model): train(), eval(), to() and the state dict do not reach them",
            "Hold them in torch.nn.ModuleList or ModuleDict, or assign each to an attribute of the module.",
            evidence={"layers": layers},
        )
