"""SN4 and SN8 in source: one set of statistics for several inputs, networks or replicas."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_tensorflow as tensorflow
from steadynorm.checks import source_torch as torch
from steadynorm.checks.few import FEW_SAMPLES
from steadynorm.checks.registry import check, sighted
from steadynorm.checks.source_words import Words, seen, worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding

ENOUGH_SAMPLES = 32
"""Samples from which on the moments of a part of the batch are about as good as those of all of it."""

_ONE_BATCH = {
    "keras": "one joint batch, tf.split(network(tf.concat([a, b], 0), training=True), 2)",
    "jax": "one joint batch, jnp.split(network(jnp.concatenate([a, b])), 2)",
}

_SHARED: Words = {
    (framework, ""): (
        "'{subject}' takes {first} and {second} in separate calls of one training step: its statistics are those of "
        "neither",
        f"Use {way}, or a layer per input.",
    )
    for framework, way in _ONE_BATCH.items()
}

_OTHER_STEP: Words = {
    ("keras", ""): (
        "this step trains '{trained}' and moves the statistics of '{subject}' as well, {times} times per step of its "
        "own",
        "Write training=False here, if that suits the losses.",
    ),
    ("jax", ""): (
        "this step trains '{trained}' and moves the statistics of '{subject}' as well, {times} times per step of its "
        "own",
        "Drop the new statistics here: the step of '{subject}' keeps its own.",
    ),
    ("jax", "mode"): (
        "this step trains '{trained}' and moves the statistics of '{subject}' as well, {times} times per step of its "
        "own",
        "Call it with use_running_average=True here, if that suits the losses.",
    ),
}

_SYNCHRONIZED = {
    "keras": "Use BatchNormalization(synchronized=True), or larger batches.",
    "jax": "Pass axis_name={axis} to BatchNorm, or use larger batches.",
    "torch": "Write model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model) before it is wrapped.",
    "tensorflow": "Use tf.keras.layers.BatchNormalization(synchronized=True), or larger batches.",
}

_MICRO: Words = {
    ("keras", ""): (
        "the optimizer sees the sum over several batches, the normalization layers each of them alone",
        "Use larger batches instead where memory allows, or keras.layers.GroupNormalization().",
    ),
    ("jax", ""): (
        "the optimizer sees the sum over several batches, the normalization layers each of them alone",
        "Use larger batches instead where memory allows, or a GroupNorm.",
    ),
    ("tensorflow", ""): (
        "the optimizer sees the sum over several batches, the normalization layers each of them alone, of {samples:g} "
        "samples",
        "Use larger batches instead where memory allows, or group normalization.",
    ),
}


@check("SN401", "program")
def shared_in_source(evidence: Evidence) -> Iterator[Finding]:
    """One layer takes inputs of different kinds in separate calls."""
    yield from worded(evidence, "SN401", {**_SHARED, **tensorflow.SEVERAL_INPUTS, **torch.SHARED})


@check("SN403", "program")
def other_step_in_source(evidence: Evidence) -> Iterator[Finding]:
    """A step that trains one network moves the statistics of another one."""
    yield from worded(evidence, "SN403", {**_OTHER_STEP, **tensorflow.OTHERS_STEP, **torch.OTHER_STEP})


@check("SN801", "program")
def replicas_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Each replica normalizes a small batch by itself."""
    for each in seen(evidence, "SN801"):
        samples = each.facts.get("samples")
        if isinstance(samples, int | float) and samples >= FEW_SAMPLES:
            continue
        few = "its own batch" if samples is None else f"its own {samples:g} samples"
        yield sighted(
            each,
            f"each replica normalizes {few} by itself: no layer is synchronized",
            _SYNCHRONIZED[each.framework].format_map({"axis": "'batch'", **each.facts}),
        )


@check("SN802", "program")
def micro_batches_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Gradients are summed over batches, moments are not."""
    for found in worded(evidence, "SN802", {**_MICRO, **torch.MICRO}):
        samples = found.evidence.get("samples")
        if not isinstance(samples, int | float) or samples < ENOUGH_SAMPLES:
            yield found
