"""SN1 in source: whether the statistics are kept, updated, and by what."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks import source_tensorflow as tensorflow
from steadynorm.checks import source_torch as torch
from steadynorm.checks.registry import check, sighted
from steadynorm.checks.source_words import Words, worded
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding, Severity

RESIDUAL = 0.01
"""A share of the initial value in the average from which on it is reported."""

LARGE_RESIDUAL = 0.1
"""A share from which on inference is another function than training."""

_DROPPED: Words = {
    ("keras", "stateless"): (
        "'{subject}' gives the new statistics as its second result, which the training drops: inference normalizes by "
        "their initial values",
        """\
Keep them, and hand them to the next step:
    y, non_trainable = model.stateless_call(
        trainable, non_trainable, x, training=True)""",
    ),
    ("keras", "function"): (
        "this function trains '{subject}' without running {model}.updates, which only fit() and train_on_batch() do by "
        "themselves: inference normalizes by the initial statistics",
        "Run them in the same step: updates={model}.updates + the optimizer's. They need the inputs of the model; "
        "where it is called on other tensors, those of the call are {model}.get_updates_for(tensors).",
    ),
    ("jax", "applied"): (
        "'{subject}' gives the new statistics as its second result, which the training drops: inference normalizes by "
        "their initial values",
        "Keep them: logits, updates = {call}(...), and hand updates['batch_stats'] to the next step.",
    ),
    ("jax", "state"): (
        "'{subject}' gives its new state as a result, which the training drops: inference normalizes by the initial "
        "statistics",
        """\
Give it back from the loss function, and hand it to the next step:
    grad_fn = eqx.filter_value_and_grad(loss_fn, has_aux=True)
    (loss, state), grads = grad_fn(model, state, x, y)""",
    ),
    ("jax", "merged"): (
        "'{subject}' is merged inside the gradient and its new statistics are dropped with it: inference normalizes by "
        "their initial values",
        "Return nnx.state(model, nnx.BatchStat) as has_aux and hand it to the next step, or use nnx.value_and_grad.",
    ),
}

_UNKEPT: Words = {
    (framework, ""): (
        "'{subject}' normalizes by the moments of the batch and keeps no average of them: inference depends on what "
        "else is in its batch",
        way,
    )
    for framework, way in (
        ("keras", "Use keras.layers.BatchNormalization(), which keeps the statistics."),
        ("jax", "Use flax.linen.BatchNorm(use_running_average=not train), which keeps the statistics."),
    )
}

_MOVED: Words = {
    (framework, ""): (
        "this evaluation runs '{subject}' in training mode and moves its statistics with validation data",
        way,
    )
    for framework, way in (
        ("keras", "Write training=False here; models that were trained this way need new statistics."),
        ("jax", "Run it in inference mode here; models that were trained this way need new statistics."),
    )
}


@check("SN101", "program")
def updates_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The training drops what updates the statistics."""
    yield from worded(evidence, "SN101", {**_DROPPED, **tensorflow.UPDATES})


@check("SN102", "program")
def early_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The update collection is read before all layers are built, or for a scope that leaves some out."""
    yield from worded(evidence, "SN102", tensorflow.EARLY)


@check("SN104", "program")
def lag_in_source(evidence: Evidence) -> Iterator[Finding]:
    """The average still holds its initial value when the training ends."""
    assert evidence.program is not None
    for each in evidence.program.seen("SN104"):
        decay, steps = each.facts.get("decay"), each.facts.get("steps")
        if not isinstance(decay, float) or not isinstance(steps, int | float) or not 0 < decay < 1 or steps < 1:
            continue
        left: float = decay**steps
        if left < RESIDUAL:
            continue
        kept = _rounded_down(RESIDUAL ** (1 / steps))
        option = each.facts.get("option", "momentum")
        way = f"momentum={1 - kept:g} or more" if each.framework == "torch" else f"{option}={kept:g} or less"
        yield sighted(
            each,
            f"'{each.subject}' keeps {decay:g} of the old value per update and the training makes {steps:g} updates: "
            f"{left:.0%} of the average is still its initial value",
            f"Use {way}, or debias the average ('steadynorm repair').",
            severity=Severity.ERROR if left >= LARGE_RESIDUAL else Severity.WARNING,
        )


def _rounded_down(decay: float) -> float:
    """A decay with as few digits as keep it below the given one."""
    for digits in range(1, 6):
        rounded: float = int(decay * 10**digits) / 10**digits
        if rounded and (1 - rounded) <= 2 * (1 - decay):
            return rounded
    return decay


@check("SN106", "program")
def no_statistics_in_source(evidence: Evidence) -> Iterator[Finding]:
    """Normalization by the batch alone."""
    yield from worded(evidence, "SN106", {**_UNKEPT, **tensorflow.UNKEPT, **torch.UNKEPT})


@check("SN107", "program")
def moved_in_source(evidence: Evidence) -> Iterator[Finding]:
    """An evaluation moves the statistics."""
    yield from worded(evidence, "SN107", {**_MOVED, **tensorflow.MOVED, **torch.MOVED})
