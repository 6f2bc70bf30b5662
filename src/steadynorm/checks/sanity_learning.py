"""SN901, SN902, SN904: what trainings of copies show."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import told_apart
from steadynorm.evidence import Evidence
from steadynorm.experiments.curve import fluctuates
from steadynorm.experiments.learning import shown
from steadynorm.experiments.records import Calmed, Experiments, Learned, Outcome, Task
from steadynorm.finding import Certainty, Finding

CALMER = 0.5
"""Jumps under this part of what they were have calmed down."""

LOWER = 0.8
"""A mean loss under this part of what it was is lower."""


@check("SN901", "experiments", layers=False)
def identity_not_learned(evidence: Evidence) -> Iterator[Finding]:
    """An image-to-image network does not learn to give its input back."""
    assert evidence.experiments is not None
    tried = evidence.experiments.of(Task.IDENTITY)
    best = shown(tried)
    if best is None:
        return
    yield finding(
        "SN901",
        (),
        f"trained to give its input back, the network keeps a squared error of {best.last:.3g} on one batch after "
        f"{best.steps} steps ({best.first:.3g} before; {_tried(tried)})",
        "Look for what stops the image on its way: a bottleneck that is too narrow, a normalization or an activation "
        "at the output whose range is not that of the images, upsampling that loses the place. A skip connection "
        "from input to output makes the identity easy.",
        evidence=_numbers(tried),
    )


@check("SN902", "experiments", layers=False)
def batch_not_fitted(evidence: Evidence) -> Iterator[Finding]:
    """The loss on one batch does not come down, however long it is trained on."""
    assert evidence.experiments is not None
    tried = evidence.experiments.of(Task.ONE_BATCH)
    worst = shown(tried)
    if worst is not None:
        yield _unfitted(worst, tried, _doubt(evidence.experiments, worst, tried))


def _doubt(experiments: Experiments, worst: Learned, tried: tuple[Learned, ...]) -> str | None:
    """What a training that fails may be but a mistake; `None` if it is none of these."""
    fits = any(each.outcome is Outcome.FITTED for each in tried)
    if worst.own and fits and worst.moved and experiments.optimizers > 1:
        return "whether the train step's optimizers work against each other on purpose, as those of a GAN do"
    if not fits and (len(experiments.first.terms) > 1 or experiments.first.output_shape is None):
        return "whether the terms of the loss contradict each other on purpose, as those of an autoencoder may"
    if worst.outcome is Outcome.SLOW and worst.moved:
        return "whether the learning rate is meant to be that low, or is still being warmed up"
    return None


def _unfitted(worst: Learned, tried: tuple[Learned, ...], doubt: str | None) -> Finding:
    fitting = next((each for each in tried if not each.own and each.outcome is Outcome.FITTED), None)
    first, last, floor = told_apart(worst.first, worst.last, worst.floor)
    if worst.outcome is Outcome.NOT_FINITE:
        ended = "the loss is no finite number any more"
    elif worst.last == worst.first:
        ended = f"the loss on one fixed batch is {last} as before"
    else:
        slow = worst.outcome is Outcome.SLOW
        ended = f"the loss on one fixed batch {'falls only' if slow else 'goes'} from {first} to {last}"
        ended += "" if slow else " and no further"
    message = f"after {worst.steps} steps by {worst.by} {ended}; {floor} is within reach of free outputs"
    if all(each.own for each in tried):
        remedy = (
            "Look at the learning rate and at what is trained, and for a layer that is not connected, an activation "
            "that is saturated or dead, targets that do not belong to their inputs; Adam could not be tried."
        )
    elif fitting is None:
        remedy = (
            "Adam does no better, so that it is in the model or the loss: look for a layer that is not connected, an "
            "activation that is saturated or dead, targets that do not belong to their inputs."
        )
    elif not worst.moved:
        remedy = "The train step changes no parameter: call optimizer.step() with an optimizer of this model."
    else:
        message += f". {fitting.by} fits it in {fitting.steps} steps"
        remedy = (
            f"The model can; its training does not: try a learning rate like that of {fitting.by}, and look at which "
            "parameters the optimizer has, at what clips or scales the gradients, and at the mode it trains in."
        )
    certainty = Certainty.PROVEN if doubt is None else Certainty.LIKELY
    return finding("SN902", (), message, remedy, evidence=_numbers(tried), certainty=certainty, settle=doubt)


@check("SN904", "experiments", layers=False)
def loss_keeps_jumping(evidence: Evidence) -> Iterator[Finding]:
    """A recorded loss jumps and does not fall in its second half."""
    assert evidence.experiments is not None
    trend, calmed = evidence.experiments.trend, evidence.experiments.calmed
    if trend is None or not fluctuates(trend):
        return
    slower = next((each for each in calmed if each.rate), None)
    fewer = next((each for each in calmed if not each.rate), None)
    message = (
        f"in the second half of its {trend.steps} values the loss jumps by {trend.jumps:.0%} of its level, "
        f"{trend.level:.3g}, and does not fall ({trend.fall:+.1%} ± {trend.fall_error:.1%} from the third quarter to "
        "the fourth)"
    )
    certainty, settle = Certainty.PROVEN, None
    if slower is not None and _helped(slower):
        message += f"; a tenth of the learning rate brings it to {slower.after:.3g} from {slower.before:.3g} on a copy"
        remedy = "Lower the learning rate to a tenth, or let it decay."
    elif fewer is not None and fewer.after < LOWER * fewer.before:
        message += f"; an eighth of the data is learned ({fewer.after:.3g}, all of them: {fewer.before:.3g})"
        remedy = "The model has too little capacity for all of the data: make it wider or deeper."
    else:
        certainty = Certainty.LIKELY
        lacking = "a train step" if evidence.experiments.bad_step is None else "more time (seconds)"
        settle = f"{lacking}: it is then tried with a tenth of the learning rate, and on less data"
        if calmed and slower is None:
            settle = (
                "a training with a tenth of the learning rate, which could not be tried: where the train step has its "
                "rate was not found; less data did not change it"
            )
        elif calmed:
            settle = "a longer training: neither a tenth of the learning rate nor less data changed it in these steps"
        remedy = "Try a tenth of the learning rate; if that does not calm it, a wider or deeper model."
    numbers = {
        "steps": trend.steps,
        "level": trend.level,
        "jumps": trend.jumps,
        "fall": trend.fall,
        "fall_error": trend.fall_error,
        "tried": {each.change: [each.before, each.after, each.jumps_before, each.jumps_after] for each in calmed},
    }
    yield finding("SN904", (), message, remedy, evidence=numbers, certainty=certainty, settle=settle)


def _helped(tried: Calmed) -> bool:
    calmer = tried.jumps_after < CALMER * tried.jumps_before and tried.after <= tried.before
    return calmer or tried.after < LOWER * tried.before


def _tried(tried: tuple[Learned, ...]) -> str:
    return ", ".join(each.by for each in tried)


def _numbers(tried: tuple[Learned, ...]) -> dict[str, object]:
    return {
        each.by: {
            "outcome": each.outcome,
            "steps": each.steps,
            "first": each.first,
            "last": each.last,
            "floor": each.floor,
            "moved": each.moved,
        }
        for each in tried
    }
