"""SN3 and SN4 in one file or one run: what was not saved, what averages left out, and ranks that differ."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.causes import valid
from steadynorm.checks.distance import LOG_VARIANCE_THRESHOLD, SHIFT_THRESHOLD, apart
from steadynorm.checks.registry import check, finding
from steadynorm.checks.stored_causes import (
    earlier,
    moved_by,
    never_moved,
    parameters_kept,
    related,
    statistics_kept,
    was_trained,
)
from steadynorm.checks.stored_remedies import averaging, saving
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Layer
from steadynorm.finding import Certainty, Finding, Severity

AVERAGED_APART = 0.01
"""Relative difference of gamma or beta from which on an average is another model than the one that it is taken of."""


@check("SN301", "stored")
def statistics_not_saved(evidence: Evidence) -> Iterator[Finding]:
    """Gamma or beta are in the file, the statistics are not."""
    stored = evidence.stored
    assert stored is not None
    savers = evidence.graph.savers if evidence.graph is not None else ()
    told = {name for saver in savers for name in saver.incomplete}
    missing = [name for name in stored.without_statistics if name not in told]
    before = {name for name in missing if _had_statistics(evidence, name)}
    proven = [name for name in missing if name in stored.certainly or (name in before and related(stored))]
    likely = [name for name in missing if name not in proven and (name in before or name not in stored.by_name)]
    for layers, certainty, doubtful in (
        (proven, Certainty.PROVEN, False),
        (likely, Certainty.LIKELY, False),
        ([name for name in missing if name not in {*proven, *likely}], Certainty.LIKELY, True),
    ):
        if layers:
            yield _not_saved(evidence, layers, certainty, bool(before & set(layers)), doubtful)


def _not_saved(evidence: Evidence, layers: list[str], certainty: Certainty, before: bool, doubtful: bool) -> Finding:
    others = sum(layer.statistics is not None for layer in evidence.layers)
    known = f"those of {many(others, 'are', 'other layer')} there" if others else "it has those of no layer"
    if before:
        known = "the earlier checkpoint has them"
    elif certainty is Certainty.PROVEN:
        known = "the graph has them" if evidence.graph is not None else "other parts of them, as counts, are there"
    elif doubtful:
        known += "; nothing but the names speaks for batch normalization, and other normalizations have none"
    instead = "" if certainty is Certainty.PROVEN or evidence.framework != "torch" else _KEEPS_NONE
    severity = None
    if certainty is Certainty.LIKELY:
        # Other normalizations stand under the name of the one that they replaced.
        severity = Severity.INFO if doubtful else (None if others or before else Severity.WARNING)
    return finding(
        "SN301",
        layers,
        f"the file has gamma or beta of {many(layers)} ('{layers[0]}') and no moving statistics of them; {known}",
        f"{saving(evidence.framework)}; this file needs them re-estimated, or taken from another one: 'steadynorm "
        f"repair --from'.{instead}",
        evidence={"layers": layers, "others_with_statistics": others},
        severity=severity,
        certainty=certainty,
        settle=None if certainty is Certainty.PROVEN else _SETTLES.get(evidence.framework, _SETTLES["tensorflow"]),
    )


_KEEPS_NONE = (
    " If the layers were built with track_running_stats=False they have none to save, and inference normalizes by "
    "the batch (SN106); group and instance normalization need none."
)

_SETTLES = {
    "torch": "look up what the layers are in the model's code (print(model)), or pass a checkpoint that has their "
    "statistics: --before",
    "flax": "look up what the layers are in the model's code, or pass a checkpoint that has their statistics: --before",
    "keras": "check the whole model (.keras, .h5), which names the class of each layer, or pass a checkpoint that has "
    "their statistics: --before",
    "tensorflow": "check the graph beside the checkpoint: it shows whether the layers keep statistics",
}


def _had_statistics(evidence: Evidence, name: str) -> bool:
    return any(layer.name == name and earlier(evidence, layer) is not None for layer in evidence.layers)


@check("SN106", "stored")
def batch_moments_alone(evidence: Evidence) -> Iterator[Finding]:
    """Layers of a whole module that keep no statistics."""
    stored = evidence.stored
    assert stored is not None
    if stored.batch_only:
        yield finding(
            "SN106",
            stored.batch_only,
            f"{many(stored.batch_only, 'were')} built with track_running_stats=False ('{stored.batch_only[0]}'): "
            "they normalize by the moments of the batch in inference too, so that a prediction depends on the other "
            "samples of its batch",
            "Build the layers with track_running_stats=True and estimate the statistics (steadynorm.recalibrate), or "
            "use a normalization without batch moments (GroupNorm, LayerNorm).",
            evidence={"layers": list(stored.batch_only)},
        )


@check("SN305", "stored")
def averaged_without_statistics(evidence: Evidence) -> Iterator[Finding]:
    """An averaged copy in the file whose statistics are those of other weights, or initial."""
    stored = evidence.stored
    assert stored is not None
    initial, borrowed = [], []
    for layer in evidence.layers:
        if stored.averaged and never_moved(layer) and was_trained(layer):
            initial.append(layer.name)
        original = _original(evidence, layer)
        if original is None or moved_by(layer, original) < AVERAGED_APART:
            continue
        if never_moved(layer) and not never_moved(original):
            initial.append(layer.name)
        elif statistics_kept(layer, original) and not never_moved(layer):
            borrowed.append(layer.name)
    if initial:
        yield finding(
            "SN305",
            initial,
            f"the averaged weights have statistics at their initial values in {many(initial)} ('{initial[0]}')"
            + ("" if stored.averaged else ", while the model beside them has real ones"),
            "Re-estimate the statistics for the averaged weights before they are used: 'steadynorm repair'.",
            evidence={"at_initialization": initial},
        )
    if borrowed:
        yield _borrowed(
            evidence.framework,
            borrowed,
            "the averaged weights have the statistics of the model that they were averaged from",
        )
    if stored.parameters_averaged:
        yield _borrowed(
            evidence.framework,
            list(stored.parameters_averaged),
            "the file has averages of gamma and beta and none of the moving statistics: who restores the averages "
            "normalizes them by the statistics of the last weights",
            # Graphs of TensorFlow often keep averages that nobody restores; elsewhere they are kept to be used.
            Severity.INFO if evidence.framework == "tensorflow" else Severity.WARNING,
        )


def _borrowed(framework: str, layers: list[str], message: str, severity: Severity = Severity.WARNING) -> Finding:
    return finding(
        "SN305",
        layers,
        f"{message} ({many(layers)}, first '{layers[0]}')",
        "Re-estimate the statistics for the averaged weights ('steadynorm repair'), or average the statistics along: "
        f"{averaging(framework)}.",
        evidence={"layers": layers},
        severity=severity,
        certainty=Certainty.LIKELY,
        settle="evaluate the averaged weights before and after a re-estimation: 'steadynorm repair' shows both",
    )


@check("SN402", "stored")
def replicas_differ(evidence: Evidence) -> Iterator[Finding]:
    """Ranks with the same weights and other statistics."""
    stored = evidence.stored
    assert stored is not None
    found: dict[str, float] = {}
    for others in stored.ranks.values():
        for layer in evidence.layers:
            other = others.get(layer.name)
            if other is None or not _comparable(layer, other):
                continue
            assert layer.statistics is not None
            assert other.statistics is not None
            shift, ratio = apart(layer.statistics, other.statistics, layer.config.epsilon)
            if shift > SHIFT_THRESHOLD or ratio > LOG_VARIANCE_THRESHOLD:
                found[layer.name] = max(found.get(layer.name, 0.0), shift, ratio)
    if found:
        worst = max(found, key=lambda name: found[name])
        yield finding(
            "SN402",
            found,
            f"{len(stored.ranks) + 1} ranks have the same weights and other statistics in {many(found)}: "
            f"'{worst}' differs by {found[worst]:.2g} standard deviations or log variance",
            "Synchronize the layers (SyncBatchNorm), broadcast the buffers (DistributedDataParallel's "
            "broadcast_buffers=True), or merge the statistics of all ranks before saving; which rank's file is served "
            "decides the result until then.",
            evidence={"distance": found, "ranks": sorted(stored.ranks)},
        )


def _original(evidence: Evidence, layer: Layer) -> Layer | None:
    """The layer that this one is a copy of, if both have values."""
    name = evidence.stored.copies.get(layer.name) if evidence.stored is not None else None
    if name is None or not valid(layer):
        return None
    original = evidence.layer(name)
    return original if original.channels == layer.channels and valid(original) else None


def _comparable(layer: Layer, other: Layer) -> bool:
    """Whether two ranks hold the same layer: the same gamma and beta, as replicas do, and statistics that count."""
    return (
        layer.channels == other.channels
        and valid(layer)
        and valid(other)
        and not statistics_kept(layer, other)
        and parameters_kept(layer, other)
    )
