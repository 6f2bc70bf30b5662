"""SN3 and SN6 in a pair of checkpoints: what a restore, a conversion or a fine-tuning did to the statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steadynorm.checks.causes import valid
from steadynorm.checks.registry import check, finding
from steadynorm.checks.stored_causes import (
    MOVED,
    decays,
    earlier,
    has_parameters,
    is_copy,
    is_known,
    lost_since,
    moved_by,
    never_moved,
    parameters_kept,
    same,
    statistics_kept,
    training_moved,
)
from steadynorm.checks.stored_remedies import freezing, restoring, updating
from steadynorm.checks.wording import many
from steadynorm.evidence import Array, Evidence, Layer
from steadynorm.finding import Certainty, Finding, Severity

SCALE_APART = 0.01
"""Relative change of a channel's scale, by another epsilon, that counts."""

MANY_CHANNELS = 0.25
OLD_SHARE = 0.5
ROUNDING = 1e-3
"""How far, relative to a constant, differences may be from it and still be that constant in float32."""


EPSILONS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)


@dataclass(frozen=True, slots=True)
class _Epsilons:
    """What a layer adds to the variance before and now, how far the variances are apart, and what comes of it."""

    then: float
    now: float
    offset: float
    effect: float


@check("SN302", "stored")
def statistics_not_restored(evidence: Evidence) -> Iterator[Finding]:
    """The earlier checkpoint has statistics; here they are at their initial values."""
    layers = [layer.name for layer in evidence.layers if lost_since(evidence, layer) and not is_copy(evidence, layer)]
    if layers:
        yield finding(
            "SN302",
            layers,
            f"{many(layers, 'have', of=evidence.layers)} statistics at their initial values, mean 0 and "
            "variance 1, which the earlier checkpoint has real ones of: the restore left them out"
            + _by_order(evidence),
            f"{restoring(evidence.framework)}; this file gets them back with 'steadynorm repair --from' the earlier "
            "one, or by re-estimation.",
            evidence={"layers": layers},
        )


@check("SN304", "stored")
def convention_mismatch(evidence: Evidence) -> Iterator[Finding]:
    """The same layers with another epsilon, or with a decay that is one minus the other."""
    epsilons: dict[str, _Epsilons] = {}
    swapped: dict[str, tuple[float, float]] = {}
    certain = True
    for layer in evidence.layers:
        before = earlier(evidence, layer)
        if before is None or not _same_but_variance(layer, before):
            continue
        effect = _scale_change(layer, before)
        if effect > SCALE_APART:
            epsilons[layer.name] = _Epsilons(
                before.config.epsilon, layer.config.epsilon, _offset(layer, before), effect
            )
            certain &= is_known(layer, "epsilon") and is_known(before, "epsilon")
        if _is_swapped(layer, before):
            swapped[layer.name] = (before.config.decay or 0.0, layer.config.decay or 0.0)
    if epsilons:
        yield _other_epsilon(epsilons, certain, _by_order(evidence))
    if swapped:
        then, now = next(iter(swapped.values()))
        yield finding(
            "SN304",
            swapped,
            f"{many(swapped, 'keep')} {now:g} of the old value per update, and the model that they come from keeps "
            f"{then:g}: the decay was taken for the momentum, which is one minus it",
            f"Use momentum={1 - then:g} in PyTorch, momentum={then:g} in Keras and TensorFlow, before training on; the "
            "statistics in the file are right.",
            evidence={"before": then, "now": now},
        )


@check("SN602", "stored")
def statistics_of_the_old_task(evidence: Evidence) -> Iterator[Finding]:
    """Weights that were trained on since the earlier checkpoint, with its statistics."""
    kept: dict[str, float] = {}
    slow: dict[str, float] = {}
    for layer in evidence.layers:
        before = earlier(evidence, layer)
        if before is None or never_moved(layer) or layer.frozen or is_copy(evidence, layer) or not valid(layer):
            continue
        change = moved_by(layer, before)
        if change < MOVED:
            continue  # its parameters were frozen along with its statistics, or nothing was trained
        if statistics_kept(layer, before):
            kept[layer.name] = change
        elif (share := _old_share(layer, before)) is not None and share > OLD_SHARE:
            slow[layer.name] = share
    if kept:
        yield finding(
            "SN602",
            kept,
            f"gamma and beta of {many(kept)} were trained on (by up to {max(kept.values()):.2g} of their size), "
            "and their statistics are those of the earlier checkpoint, bit for bit" + _by_order(evidence),
            "Re-estimate the statistics on the new data: 'steadynorm repair'; in training run the updates "
            f"({updating(evidence.framework)}). If the layers ran in inference mode on purpose, the weights "
            "have adapted to these statistics and nothing is to be done.",
            evidence={"parameters_moved": kept},
            severity=Severity.WARNING,
            certainty=Certainty.LIKELY,
            settle="diagnose the live model: it measures whether the statistics fit what the layers are fed",
        )
    if slow:
        worst = max(slow, key=lambda name: slow[name])
        decay = evidence.layer(worst).config.decay
        yield finding(
            "SN602",
            slow,
            f"{slow[worst]:.0%} of the statistics of '{worst}' are still those of the earlier checkpoint: too few "
            f"updates since then for a decay of {decay:g} ({many(slow)})" + _by_order(evidence),
            "Re-estimate the statistics on the new data: 'steadynorm repair'; fine-tune with a decay of 0.9 to 0.99"
            + (" (PyTorch momentum of 0.1 to 0.01)." if evidence.framework == "torch" else "."),
            evidence={"share_of_old": slow, "decay": decay},
            severity=Severity.WARNING,
            certainty=Certainty.LIKELY,
            settle="diagnose the live model: it measures whether the statistics fit what the layers are fed",
        )


@check("SN601", "stored")
def frozen_layer_updates(evidence: Evidence) -> Iterator[Finding]:
    """Gamma and beta as they were while other weights were trained, and other statistics."""
    stored = evidence.stored
    assert stored is not None
    trained = training_moved(stored) > MOVED or any(
        before is not None and moved_by(layer, before) > MOVED
        for layer in evidence.layers
        if (before := earlier(evidence, layer)) is not None
    )
    if not trained:
        return  # statistics that were re-estimated, nothing more
    layers = []
    for layer in evidence.layers:
        before = earlier(evidence, layer)
        if before is None or not has_parameters(layer) or is_copy(evidence, layer):
            continue
        if parameters_kept(layer, before) and not statistics_kept(layer, before) and _says_something(layer):
            layers.append(layer.name)
    if layers:
        yield finding(
            "SN601",
            layers,
            f"gamma and beta of {many(layers)} are those of the earlier checkpoint, bit for bit, while other "
            "weights were trained: they were frozen, and their statistics moved all the same" + _by_order(evidence),
            f"Keep frozen layers in inference mode: {freezing(evidence.framework)}; the earlier checkpoint has the "
            "statistics that they were frozen with.",
            evidence={"layers": layers, "weights_moved": training_moved(stored)},
        )


def _other_epsilon(epsilons: dict[str, _Epsilons], certain: bool, matched: str) -> Finding:
    worst = max(epsilons, key=lambda name: epsilons[name].effect)
    found = epsilons[worst]
    then, now, offset = found.then, found.now, found.offset
    known = "" if certain else " (the frameworks' defaults)"
    shown = f"the variances are {abs(offset):.3g} {'larger' if offset > 0 else 'smaller'} than before in every channel"
    numbers = {
        "epsilon_before": then,
        "epsilon": now,
        "variance_offset": offset,
        "scale_change": {name: each.effect for name, each in epsilons.items()},
    }
    settle = "look up the epsilon that both models were built with"
    if not certain and then == now:
        # Whoever added a constant knew of two epsilons; which they are, neither file tells.
        pair = _pair(offset)
        told = "" if pair is None else f", which is {pair[0]:g} − {pair[1]:g}"
        return finding(
            "SN304",
            epsilons,
            f"{shown}{told}, as a conversion between two epsilons leaves them ({many(epsilons)}){matched}",
            f"Nothing, if the epsilon of the model that this file is for is smaller by {offset:.3g} than that of the "
            "earlier one: variance + epsilon is then the same."
            if offset > 0
            else f"Nothing, if the epsilon of the model that this file is for is larger by {-offset:.3g} than that of "
            "the earlier one: variance + epsilon is then the same.",
            evidence=numbers,
            severity=Severity.INFO,
            certainty=Certainty.LIKELY,
            settle=settle,
        )
    left = then - now - offset
    apart = f"{then:g} before and {now:g} now{known}" if then != now else f"{now:g}{known} before and now"
    added = "" if abs(offset) <= ROUNDING * abs(then - now) else f"; {shown}"
    return finding(
        "SN304",
        epsilons,
        f"converted with the wrong epsilon: {apart}{added}, which changes the scale of channels of '{worst}' by "
        f"{found.effect:.1%} ({many(epsilons)}){matched}",
        f"Build the layers with epsilon {now + left:g}, or add {left:.3g} to the variances in the file: 'steadynorm "
        "convert' does."
        if now + left > 0
        else f"Add {left:.3g} to the variances in the file.",
        evidence=numbers,
        certainty=Certainty.PROVEN if certain else Certainty.LIKELY,
        settle=None if certain else settle,
    )


def _pair(offset: float) -> tuple[float, float] | None:
    """The epsilons in use, larger and smaller, that are this far apart."""
    for larger in EPSILONS:
        for smaller in EPSILONS:
            if smaller < larger and abs(larger - smaller - abs(offset)) <= ROUNDING * (larger - smaller):
                return larger, smaller
    return None


def _by_order(evidence: Evidence) -> str:
    """How the layers of the two checkpoints were matched, where that is worth saying."""
    told = evidence.stored is not None and evidence.stored.by_order
    return " (the layers were matched by their order and sizes: their names are of two builds)" if told else ""


def _offset(layer: Layer, before: Layer) -> float:
    """The median difference of the variances, of layers whose channels all have the same."""
    assert layer.statistics is not None
    assert before.statistics is not None
    return float(np.median(layer.statistics.variance - before.statistics.variance))


def _same_but_variance(layer: Layer, before: Layer) -> bool:
    """Whether it is the same layer, not trained on: all is equal, but for an offset of the variance."""
    now, then = layer.statistics, before.statistics
    if now is None or then is None or not valid(layer) or not valid(before) or never_moved(layer):
        return False
    if not (has_parameters(layer) and parameters_kept(layer, before) and _close(now.mean, then.mean)):
        return False
    difference = now.variance - then.variance
    constant = float(np.median(difference))
    # The offset was added in float32, to values of any size.
    noise = ROUNDING * abs(constant) + 4e-7 * np.maximum(np.abs(now.variance), np.abs(then.variance))
    return bool(np.all(np.abs(difference - constant) <= noise))


def _scale_change(layer: Layer, before: Layer) -> float:
    """The relative change of 1 / sqrt(variance + epsilon) that a quarter of the channels exceeds."""
    now, then = layer.statistics, before.statistics
    assert now is not None
    assert then is not None
    ratio = (then.variance + before.config.epsilon) / (now.variance + layer.config.epsilon)
    return float(np.quantile(np.abs(np.sqrt(ratio) - 1), 1 - MANY_CHANNELS))


def _is_swapped(layer: Layer, before: Layer) -> bool:
    now, then = layer.config.decay, before.config.decay
    if not (decays(layer) and decays(before)) or now is None or then is None:
        return False
    return abs(now - then) > 1e-6 and abs(now + then - 1) < 1e-6


def _old_share(layer: Layer, before: Layer) -> float | None:
    """The share of the earlier statistics in the present ones, where the updates between are counted."""
    now, then = layer.statistics, before.statistics
    if now is None or then is None or now.updates is None or then.updates is None or not decays(layer):
        return None
    return float((layer.config.decay or 0.0) ** (now.updates - then.updates)) if now.updates > then.updates else None


def _close(first: Array, second: Array) -> bool:
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-6, atol=1e-9))


def _says_something(layer: Layer) -> bool:
    """Whether gamma and beta hold values of a training: those of the initialization stay where nothing trains."""
    return not all(each is None or same(each, np.full_like(each, each.flat[0])) for each in (layer.gamma, layer.beta))
