"""SN7: checks on the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from functools import partial

import numpy as np

from steadynorm.checks.causes import valid
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Array, Evidence, Layer, Split
from steadynorm.finding import Certainty, Finding, Severity

DEAD_VARIANCE = 1e-10
DEAD_SCALE = 1e-6
EXPLODING_RATIO = 100.0
EXPLODING_OUTPUT = 10.0
LOW_PRECISION = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Types of half precision, each with the share of a value below which a change of it is rounded away."""


_EARLIER = "Go back to an earlier checkpoint: a parameter cannot be re-estimated from data."
_OF_A_DOMAIN = (
    "Re-estimate the statistics of this domain: steadynorm.recalibrate(model, its_data) inside "
    "steadynorm.torch.domain(model, index)"
)
_REMEDIES = {
    "moving": "Re-estimate the statistics with 'steadynorm repair'; in training, skip the batch before it "
    "reaches the layer, not after the loss.",
    "gamma": _EARLIER,
    "beta": _EARLIER,
    "running": f"{_OF_A_DOMAIN}.",
    "renorm": "Inference does not use it, and training from here on gives NaN: set what renormalization measures "
    "against to the moving mean and √(moving variance + epsilon), or go back to an earlier checkpoint.",
}
"""For what is not finite, by the first word of its name."""


def _arrays(layer: Layer) -> dict[str, Array | None]:
    stored = layer.statistics
    return {
        "moving_mean": None if stored is None else stored.mean,
        "moving_variance": None if stored is None else stored.variance,
        "gamma": layer.gamma,
        "beta": layer.beta,
        **layer.further,
    }


def _variances(layer: Layer) -> dict[str, Array]:
    own = {} if layer.statistics is None else {"moving_variance": layer.statistics.variance}
    return own | {name: each for name, each in layer.further.items() if name.startswith("running_var")}


def _first(mask: np.ndarray) -> int:
    return int(np.argmax(mask))


@check("SN701")
def not_finite(evidence: Evidence) -> Iterator[Finding]:
    """NaN or Inf in any of a layer's arrays: a finding for each remedy that there is."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    first: dict[str, str] = {}
    for layer in evidence.layers:
        for name, values in _arrays(layer).items():
            if values is None or np.all(np.isfinite(values)):
                continue
            bad, remedy = ~np.isfinite(values), _REMEDIES[name.partition("_")[0]]
            found.setdefault(remedy, {}).setdefault(layer.name, {})[name] = int(bad.sum())
            first.setdefault(
                remedy,
                f"{name} of '{layer.name}' is not finite in {int(bad.sum())} of {values.size} channels "
                f"(first: {values[_first(bad)]} at channel {_first(bad)})",
            )
    for remedy, message in first.items():
        layers = found[remedy]
        array, channels = next(iter(next(iter(layers.values())).items()))
        yield finding(
            "SN701",
            layers,
            f"{message}{_more(len(layers), sum(map(len, layers.values())))}",
            remedy,
            evidence={"array": array, "channels": channels, **_by_layer(layers, sum(map(len, layers.values())))},
        )


def _by_layer(found: Mapping[str, object], parts: int) -> dict[str, object]:
    """The numbers of each layer, where there are more than those of one array."""
    return {"layers": found} if parts > 1 else {}


def _more(layers: int, arrays: int) -> str:
    if arrays < 2:
        return ""
    return f"; so are {arrays} arrays of {layers} layers in all" if layers > 1 else f"; so are {arrays} of its arrays"


@check("SN702")
def negative_variance(evidence: Evidence) -> Iterator[Finding]:
    """A stored variance below zero."""
    found: dict[str, dict[str, object]] = {}
    message = remedy = ""
    for layer in evidence.layers:
        for name, variance in _variances(layer).items():
            bad = variance < 0
            if bad.any() and layer.name not in found:
                worst = int(np.nanargmin(variance))
                found[layer.name] = {"channels": int(bad.sum()), "lowest": float(variance[worst])}
                remedy = remedy or (
                    _OF_A_DOMAIN if name in layer.further else "Re-estimate it with 'steadynorm repair'"
                )
                message = message or (
                    f"{name} of '{layer.name}' is negative in {int(bad.sum())} of {variance.size} channels "
                    f"({variance[worst]:.3g} at channel {worst})"
                )
    if found:
        more = f", and so it is in {len(found)} layers in all" if len(found) > 1 else ""
        yield finding(
            "SN702",
            found,
            f"{message}{more}: it was averaged after a subtraction, or damaged",
            f"{remedy}; compute variances from deviations from the mean, never as E[x²] − E[x]².",
            evidence={**next(iter(found.values())), **_by_layer(found, len(found))},
        )


@check("SN703")
def dead_channels(evidence: Evidence) -> Iterator[Finding]:
    """Channels without variance or without scale."""
    found: dict[str, dict[str, int]] = {}
    channels = 0
    for layer in evidence.layers:
        still = np.zeros(layer.channels, bool)
        if layer.statistics is not None and not layer.statistics.at_initialization:
            still |= np.abs(layer.statistics.variance) <= DEAD_VARIANCE
        unscaled = np.zeros(layer.channels, bool)
        if layer.gamma is not None:
            unscaled |= np.abs(layer.gamma) <= DEAD_SCALE
        if (still | unscaled).any():
            found[layer.name] = {"no_variance": int(still.sum()), "no_scale": int(unscaled.sum())}
            channels += layer.channels
    if found:
        no_variance, no_scale = (sum(each[kind] for each in found.values()) for kind in ("no_variance", "no_scale"))
        who = f"'{next(iter(found))}' has" if len(found) == 1 else f"{len(found)} layers ('{next(iter(found))}') have"
        yield finding(
            "SN703",
            found,
            f"{who} {many(no_variance, noun='channel')} without variance and {no_scale} with gamma about 0, of "
            f"{channels}",
            "Nothing, if the channels were pruned or the input is constant there; otherwise lower the learning "
            "rate or the weight decay and check the initial weights.",
            evidence={"no_variance": no_variance, "no_scale": no_scale, **_by_layer(found, len(found))},
        )


@check("SN704")
def low_precision(evidence: Evidence) -> Iterator[Finding]:
    """Statistics stored in half precision."""
    if evidence.graph is not None and evidence.graph.exported:
        return  # nothing updates the statistics of an export any more
    found = [
        layer for layer in evidence.layers if layer.statistics is not None and layer.statistics.dtype in LOW_PRECISION
    ]
    if not found:
        return
    dtype = next(layer.statistics.dtype for layer in found if layer.statistics is not None)
    step = LOW_PRECISION[dtype]
    told = partial(finding, "SN704", [layer.name for layer in found], evidence={"dtype": dtype, "rounding_step": step})
    source = _cast(evidence)
    if evidence.stored is not None and not evidence.stored.training:
        yield told(
            f"the statistics of {many(found)} are stored in {dtype}, each to within {step:.2g} of its value",
            "Nothing for inference. Before training goes on from this file, convert the normalization layers to "
            "float32, or their averages will not move by less than that.",
            severity=Severity.INFO,
        )
    elif source is _Cast.UNKNOWN:
        yield told(
            f"the statistics of {many(found)} are stored in {dtype}, and so are all weights: either the file was cast "
            f"when it was saved, or the training ran in {dtype}, where an update that changes the average by less than "
            f"{step:.2g} of its value is rounded away",
            "Nothing if only the file was cast (a copy of the model with .half() before torch.save), as long as "
            "training goes on in float32. Otherwise keep the normalization layers in float32.",
            severity=Severity.INFO,
            certainty=Certainty.LIKELY,
            settle="look up whether the training casts its model, or only what it saves; the state of the optimizer in "
            "the file would tell: its averages have the type that the training ran in",
        )
    elif source is _Cast.IN_TRAINING:
        yield told(
            f"the statistics of {many(found)} are kept in {dtype}: an update that changes the average by less than "
            f"{step:.2g} of its value is rounded away",
            "Keep the normalization layers in float32 (autocast does; model.half() does not: convert them back with "
            "layer.float()).",
        )


class _Cast(Enum):
    """Since when statistics have had half precision."""

    IN_TRAINING = auto()
    ON_SAVING = auto()
    UNKNOWN = auto()


def _cast(evidence: Evidence) -> _Cast:
    stored = evidence.stored
    # A graph names the type of the variables that are trained, and a live model is what trains.
    if stored is None or evidence.graph is not None or not stored.weight_types:
        return _Cast.IN_TRAINING
    if not stored.weight_types <= LOW_PRECISION.keys():
        return _Cast.IN_TRAINING  # who casts a whole file does not leave its weights out
    if not stored.slot_types:
        return _Cast.UNKNOWN
    half = stored.slot_types & LOW_PRECISION.keys()
    if half == stored.slot_types:
        return _Cast.IN_TRAINING
    return _Cast.UNKNOWN if half else _Cast.ON_SAVING


@check("SN705", "calls", "gap")
def exploding_inference(evidence: Evidence) -> Iterator[Finding]:
    """A stored variance so far below the batch's that activations explode in inference."""
    growth = evidence.output_growth
    if growth is None or (np.isfinite(growth) and growth < EXPLODING_OUTPUT):
        return
    for site in evidence.calls or ():
        layer = evidence.layer(site.layer)
        moments = site.moments.get(Split.TRAIN)
        if moments is None or layer.statistics is None or not valid(layer):
            continue
        stored = layer.statistics.variance
        ratio = (moments.variance + layer.config.epsilon) / (stored + layer.config.epsilon)
        worst = int(np.argmax(ratio))
        if ratio[worst] > EXPLODING_RATIO:
            yield finding(
                "SN705",
                [layer.name],
                f"the batch variance of '{layer.name}' is {ratio[worst]:.3g} times the stored one at channel {worst}, "
                f"and the model's outputs in inference are {growth:.3g} times those in batch mode",
                "Re-estimate the statistics: steadynorm.recalibrate(model, train_data).",
                evidence={"variance_ratio": float(ratio[worst]), "output_growth": float(growth)},
            )
