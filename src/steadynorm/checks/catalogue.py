"""The catalogue: the one source for a check's code, name, severity, summary and page.

Terminal, JSON and documentation all read it. Codes are stable and never reused.
"""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.finding import Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue.

    Arguments:
        code: as `SN101`.
        name: as `updates-not-run`.
        severity: the severity of its findings, the higher one where it depends.
        summary: what is wrong, in a few words.
        trial: the remedy that a live diagnosis tries on a copy to measure the effect, `None` without one.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    trial: str | None = None

    @property
    def page(self) -> str:
        """The check's page in Markdown: what, why, how to see it, how to fix it, when to ignore it."""
        from importlib.resources import files

        return (files("steadynorm.checks") / "pages" / f"{self.code}.md").read_text(encoding="utf-8")


_ENTRIES = (
    Entry(
        "SN101",
        "updates-not-run",
        ERROR,
        "training normalizes by batch moments and never updates the statistics",
        "recalibrate",
    ),
    Entry(
        "SN102",
        "updates-collected-early",
        ERROR,
        "some layers update their statistics, others never do",
        "recalibrate",
    ),
    Entry(
        "SN103",
        "statistics-at-initialization",
        ERROR,
        "the statistics still have their initial values though the weights are trained",
        "recalibrate",
    ),
    Entry(
        "SN104",
        "statistics-lag",
        ERROR,
        "the average is too slow: it still holds its initial value, or old weights' moments",
        "recalibrate",
    ),
    Entry(
        "SN105",
        "updates-repeated",
        WARNING,
        "the statistics are updated several times per step from the same input",
    ),
    Entry(
        "SN106",
        "no-population-statistics",
        ERROR,
        "the layer keeps no statistics, so inference depends on the batch",
        "population",
    ),
    Entry("SN107", "updated-outside-training", ERROR, "the evaluation moves the statistics", "recalibrate"),
    Entry(
        "SN108",
        "updated-without-step",
        ERROR,
        "the optimizer skipped a step but the statistics took the batch in",
    ),
    Entry(
        "SN201",
        "inference-with-batch-statistics",
        ERROR,
        "inference normalizes by the moments of the batch",
        "inference-mode",
    ),
    Entry(
        "SN202",
        "training-with-population-statistics",
        ERROR,
        "training normalizes by statistics that nothing updates",
    ),
    Entry("SN203", "mode-not-switched-back", ERROR, "from the first evaluation on the model trains in inference mode"),
    Entry(
        "SN204",
        "batch-of-one",
        ERROR,
        "batch moments are taken from one value per channel: the output is beta",
        "inference-mode",
    ),
    Entry("SN205", "mode-not-passed-on", ERROR, "a call takes the mode and does not hand it to the layer"),
    Entry(
        "SN206",
        "variables-not-shared",
        ERROR,
        "training and inference are built with separate variables",
    ),
    Entry(
        "SN207",
        "update-outside-cond",
        ERROR,
        "what a condition should choose is built outside its branches, so that inference updates, too",
    ),
    Entry("SN208", "layer-not-registered", ERROR, "mode switches and the state dict do not reach the layer"),
    Entry(
        "SN209",
        "mode-frozen-in-export",
        ERROR,
        "an export normalizes by the moments of the batch for ever",
    ),
    Entry("SN301", "statistics-not-saved", ERROR, "gamma or beta are saved and the statistics are not"),
    Entry(
        "SN302",
        "statistics-not-restored",
        ERROR,
        "a restore left the statistics at their initial values",
        "recalibrate",
    ),
    Entry("SN303", "variable-list-lost", WARNING, "a list of variables is None: extend() and the like return nothing"),
    Entry("SN304", "convention-mismatch", WARNING, "converted with another framework's epsilon, or decay for momentum"),
    Entry(
        "SN305",
        "averaged-weights-without-statistics",
        ERROR,
        "the statistics belong to other weights than the model's",
        "recalibrate",
    ),
    Entry(
        "SN306",
        "restored-then-initialized",
        ERROR,
        "the initializer runs after the restore and wipes what was restored",
    ),
    Entry(
        "SN401",
        "shared-by-different-inputs",
        WARNING,
        "one set of statistics is fed by inputs whose moments differ",
        "separate",
    ),
    Entry("SN402", "replicas-differ", WARNING, "replicas with the same weights hold different statistics"),
    Entry("SN403", "moved-by-the-other-step", WARNING, "one network's train step moves the other's statistics"),
    Entry(
        "SN501",
        "bias-before-normalization",
        INFO,
        "the layer before adds a bias that the mean subtraction cancels",
    ),
    Entry(
        "SN502",
        "normalization-before-sigmoid",
        INFO,
        "the normalized output goes straight into a sigmoid or tanh",
    ),
    Entry("SN503", "normalization-on-output", WARNING, "the network's output is normalized"),
    Entry("SN504", "wrong-axis", ERROR, "the axis that is normalized along is not that of the channels"),
    Entry("SN505", "batch-too-small", WARNING, "the batch moments are taken from too few values"),
    Entry("SN506", "weight-decay-on-normalization", INFO, "weight decay pulls gamma and beta towards zero"),
    Entry(
        "SN507",
        "dropout-before-normalization",
        WARNING,
        "dropout raises the variance in training only",
        "recalibrate",
    ),
    Entry("SN508", "scale-missing", INFO, "there is no gamma though what follows depends on the scale"),
    Entry("SN509", "epsilon-dominates", WARNING, "epsilon is larger than the variance in many channels"),
    Entry("SN510", "momentum-convention", ERROR, "the momentum is the other framework's number", "recalibrate"),
    Entry("SN511", "padding-counted", WARNING, "padded or masked positions enter the batch moments"),
    Entry("SN601", "frozen-layer-updates", WARNING, "the parameters are frozen, the statistics still move"),
    Entry(
        "SN602",
        "statistics-of-the-old-task",
        ERROR,
        "fine-tuned weights with the statistics of the pre-training",
        "recalibrate",
    ),
    Entry("SN603", "freeze-undone", ERROR, "a freeze by eval() is undone by the next train()"),
    Entry("SN701", "not-finite", ERROR, "NaN or Inf in statistics, gamma or beta", "recalibrate"),
    Entry("SN702", "negative-variance", ERROR, "a stored variance is negative", "recalibrate"),
    Entry("SN703", "dead-channels", INFO, "channels without variance or without scale"),
    Entry(
        "SN704",
        "low-precision-statistics",
        WARNING,
        "statistics are kept in half precision: small updates are lost",
    ),
    Entry(
        "SN705",
        "exploding-inference",
        ERROR,
        "the stored variance is far too small: activations explode in inference",
        "recalibrate",
    ),
    Entry("SN801", "not-synchronized", WARNING, "each replica normalizes its own small batch by itself"),
    Entry("SN802", "micro-batches", INFO, "the statistics see micro-batches, the optimizer their sum"),
    Entry("SN901", "cannot-learn-identity", WARNING, "an image-to-image network cannot learn to give its input back"),
    Entry("SN902", "cannot-overfit-one-batch", WARNING, "the loss on one fixed batch does not come down"),
    Entry("SN903", "output-range", ERROR, "the range of the targets is not that of the activation at the output"),
    Entry("SN904", "loss-fluctuates", WARNING, "the loss keeps jumping and does not fall any more"),
    Entry("SN905", "initial-scale", WARNING, "the initial weights are far too small or too large to train from"),
    Entry("SN906", "data-order", WARNING, "the training data come in their order: batches are not random samples"),
    Entry(
        "SN907", "loss-terms-out-of-scale", WARNING, "terms of very different size are summed: the small do not train"
    ),
    Entry(
        "SN908",
        "disconnected",
        ERROR,
        "the loss does not reach a part of the model, or compares predictions with others' targets",
    ),
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in _ENTRIES}


def entry(code: str) -> Entry:
    """The entry of a code, in any case.

    Raises:
        KeyError: there is no such code; the message lists the nearest ones.
    """
    found = CATALOGUE.get(code.upper())
    if found is None:
        raise KeyError(f"there is no check {code!r}; the codes are {', '.join(CATALOGUE)}")
    return found
