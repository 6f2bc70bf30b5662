"""SN5: checks on a layer's options and its place in the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steadynorm.checks.causes import (
    dropout_effect,
    has_swapped_momentum,
    no_gap,
    observed,
    residual,
    runs_on_population,
    valid,
)
from steadynorm.checks.few import FEW_SAMPLES, FEW_VALUES
from steadynorm.checks.numbers import DEAD_VARIANCE
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import CallSite, Evidence, Layer, Operation, Split
from steadynorm.finding import Certainty, Finding, Severity

MANY_CHANNELS = 0.25
SMALL_SCALE = 1e-3
CLEARLY = 0.1
"""Variances below this share of an epsilon are below whatever epsilon the layer may have been given instead."""


@check("SN501", "calls")
def bias_before_normalization(evidence: Evidence) -> Iterator[Finding]:
    """The bias of the layer before is cancelled by the mean subtraction.

    A convolution whose output is also read elsewhere (a shortcut) needs its bias.
    """
    found = {}
    for site in evidence.calls or ():
        producer = site.before[0] if site.before else None
        if producer is not None and producer.bias and producer.consumers == 1:
            found[site.layer] = producer.name
    if found:
        yield finding(
            "SN501",
            found,
            f"{many(found, 'follow')} a convolution or linear layer with a bias, which the mean subtraction cancels "
            f"(first: '{next(iter(found.values()))}')",
            "Build these with bias=False; beta does the same job.",
            evidence={"producers": found},
        )


@check("SN502", "calls")
def normalization_before_sigmoid(evidence: Evidence) -> Iterator[Finding]:
    """A sigmoid or tanh reads the normalized output."""
    found = {}
    for site in evidence.calls or ():
        following = _skip_reshapes(site.after)
        if following and following[0].kind in ("sigmoid", "tanh"):
            found[site.layer] = following[0].kind
    if found:
        yield finding(
            "SN502",
            found,
            f"the output of {many(found)} goes straight into a sigmoid or tanh: with deviation 1 it stays on the "
            "nearly linear part",
            "Normalize before the linear layer instead, use a rectifier, or accept it if it trains well.",
            evidence={"activations": found},
        )


@check("SN503", "calls")
def normalization_on_output(evidence: Evidence) -> Iterator[Finding]:
    """The model's output is the normalized tensor."""
    found = []
    for site in evidence.calls or ():
        layer = evidence.layer(site.layer)
        following = [each.kind for each in _skip_reshapes(site.after) if each.kind != "softmax"]
        # Without gamma and beta it is a deliberate whitening of an embedding.
        if following == ["output"] and (layer.gamma is not None or layer.beta is not None):
            found.append(site.layer)
    if found:
        yield finding(
            "SN503",
            found,
            f"the network's output is normalized ('{found[0]}'): its scale is tied to the batch in training and to the "
            "statistics in inference",
            "Leave the last layer without normalization.",
            evidence={"layers": found},
        )


@check("SN505", "calls")
def batch_too_small(evidence: Evidence) -> Iterator[Finding]:
    """Batch moments from fewer than 16 values or 8 samples."""
    few: dict[str, int] = {}
    for layer in evidence.layers:
        if layer.per_instance or layer.frozen or runs_on_population(evidence, layer):
            continue
        values = _training_values(evidence, layer)
        samples = evidence.steps.samples if evidence.steps is not None else evidence.samples
        if values is not None and (values < FEW_VALUES or (samples is not None and samples < FEW_SAMPLES)):
            few[layer.name] = values
    if few:
        least = min(few.values())
        samples = evidence.steps.samples if evidence.steps is not None else evidence.samples
        yield finding(
            "SN505",
            few,
            f"{many(few, 'take')} batch moments from few values: {least} per channel at least, from {samples} "
            f"samples per step; the variance alone is uncertain by {np.sqrt(2 / max(least - 1, 1)):.0%}",
            "Use larger batches, synchronized statistics over replicas (SyncBatchNorm), batch renormalization, or "
            "group normalization, which needs no batch.",
            evidence={"values": few, "samples": samples},
        )


@check("SN507", "calls")
def dropout_before_normalization(evidence: Evidence) -> Iterator[Finding]:
    """Dropout upstream of the layer gives it another variance in training than in inference."""
    found: dict[str, float] = {}
    for site in evidence.calls or ():
        raised = dropout_effect(evidence.layer(site.layer), site)
        if raised is not None:
            found[site.layer] = raised
    if found:
        worst = max(found, key=lambda name: abs(found[name]))
        yield finding(
            "SN507",
            found,
            f"dropout before '{worst}' makes its variance {np.exp(found[worst]):.3g} times as large in training as in "
            f"inference ({many(found)})",
            "Move the dropout behind the last normalization layer, or re-estimate the statistics without dropout: "
            "steadynorm.recalibrate.",
            evidence={"log_variance_ratio": found},
            severity=Severity.INFO if no_gap(evidence) else None,
        )


@check("SN509")
def epsilon_dominates(evidence: Evidence) -> Iterator[Finding]:
    """Epsilon over the variance in many channels that do carry a signal."""
    found: dict[str, float] = {}
    for layer in evidence.layers:
        if layer.statistics is None or not valid(layer):
            continue
        variance, limit = layer.statistics.variance, layer.config.epsilon
        alive = variance > 0
        if "epsilon" in layer.assumed:
            # What is only a default has to be exceeded by far, in channels that do something.
            limit *= CLEARLY
            # A channel whose input is constant has what is left of the initial value.
            left = residual(evidence, layer) or 0.0
            alive = (variance > DEAD_VARIANCE) & ~np.isclose(variance, left, rtol=0.1, atol=0)
            if layer.gamma is not None:
                alive &= np.abs(layer.gamma) > SMALL_SCALE
        share = float(np.mean(variance[alive] < limit)) if alive.any() else 0.0
        if share >= MANY_CHANNELS:
            found[layer.name] = share
    if found:
        worst = max(found, key=lambda name: found[name])
        assumed = all("epsilon" in evidence.layer(name).assumed for name in found)
        default = ", the framework's default" if assumed else ""
        yield finding(
            "SN509",
            found,
            f"in {found[worst]:.0%} of the channels of '{worst}' the variance is {'far ' if assumed else ''}below "
            f"epsilon ({evidence.layer(worst).config.epsilon:g}{default}): the layer hardly normalizes them "
            f"({many(found)})",
            "Scale the input, or lower epsilon (1e-5 in PyTorch, 1e-3 in TensorFlow and Keras by default).",
            evidence={"share_of_channels": found},
            certainty=Certainty.LIKELY if assumed else Certainty.PROVEN,
            settle="look up the epsilon that the layers were built with" if assumed else None,
        )


@check("SN510")
def momentum_convention(evidence: Evidence) -> Iterator[Finding]:
    """A decay so small that it was probably meant as the other framework's momentum.

    What it does to the statistics is arithmetic; that nobody wanted it shows only where better statistics do better.
    """
    found = {layer.name: layer.config.decay or 0.0 for layer in evidence.layers if has_swapped_momentum(layer)}
    if found:
        decay = next(iter(found.values()))
        step = next((each for name in found if (each := observed(evidence, evidence.layer(name)))), None)
        seen = "" if step is None or step.decay is None else f"; the train step shows {step.decay:.3g}"
        meant = 1 - decay
        trial = evidence.trial("recalibrate")
        harmful = trial is not None and (trial.share or 0.0) > 0
        yield finding(
            "SN510",
            found,
            f"{many(found, 'keep')} {decay:.1%} of the old value per update, so the statistics are those of the "
            f"last batch or two{seen}: {meant:g} is TensorFlow's and Keras' momentum, PyTorch's is 1 − that",
            f"Use {_momentum(evidence.framework, decay)}, and re-estimate the statistics: "
            + ("steadynorm.recalibrate." if evidence.stored is None else "'steadynorm repair'."),
            evidence={"decay": found},
            certainty=Certainty.PROVEN if harmful else Certainty.LIKELY,
            settle=None if harmful else _MEANT[evidence.stored is None and evidence.graph is None],
        )


_MEANT = {
    True: "look up whether the number was meant; a loss or metric on data on which inference falls short shows it, "
    "if re-estimated statistics make up for that",
    False: "look up whether inference reads the statistics: published pix2pix models keep 10 % on purpose, and "
    "normalize by the batch in inference too. Where it does read them, 'steadynorm repair' with a metric shows what "
    "they cost",
}
"""What would tell a slip from intent, by whether the model is there and can be measured."""


def _momentum(framework: str, decay: float) -> str:
    if framework == "torch":
        return f"momentum={decay:.4g}"
    return f"decay={1 - decay:.4g}" if framework == "tensorflow" else f"momentum={1 - decay:.4g}"


def _skip_reshapes(chain: tuple[Operation, ...]) -> tuple[Operation, ...]:
    return tuple(operation for operation in chain if operation.kind != "reshape")


def _training_values(evidence: Evidence, layer: Layer) -> int | None:
    step = observed(evidence, layer)
    if step is not None:
        return step.values
    sites: tuple[CallSite, ...] = evidence.sites(layer.name)
    return min((site.moments[Split.TRAIN].values for site in sites if Split.TRAIN in site.moments), default=None)
