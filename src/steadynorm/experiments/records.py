"""What the experiments of a sanity test measured: plain values, no framework object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Task(StrEnum):
    """What a copy is trained on."""

    ONE_BATCH = "one batch"
    IDENTITY = "identity"


class Outcome(StrEnum):
    """How a training on a copy ended; one whose smallest loss is not known is not begun."""

    FITTED = "fitted"
    STUCK = "stuck"
    SLOW = "falling too slowly"
    FALLING = "still falling"
    RANDOM = "random"
    NOT_FINITE = "not finite"
    BOTTOMLESS = "no smallest loss"
    UNKNOWN = "smallest loss not known"


@dataclass(frozen=True, slots=True)
class Learned:
    """One training of a copy on one fixed batch.

    Arguments:
        task: what it was trained on.
        by: what trained it, as `the train step` or `Adam at 0.001`.
        own: whether that is the user's own train step.
        first: the loss before.
        last: the smallest loss afterwards.
        floor: the loss that free outputs reach in place of the model's: no model can do better; minus infinity
            without a smallest loss, NaN where it was not found.
        useless: the loss of an answer that has learned nothing: logits of zero, or each image's mean; infinite if not
            known.
        steps: how many steps were made.
        outcome: how it ended.
        moved: whether any parameter changed.
    """

    task: Task
    by: str
    own: bool
    first: float
    last: float
    floor: float
    useless: float
    steps: int
    outcome: Outcome
    moved: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """A kernel or weight matrix before training.

    Arguments:
        name: the parameter's name.
        inputs: how many inputs each of its outputs sums up.
        deviation: the standard deviation of its values.
        gradient: root mean square of its gradient after one backward pass, `None` where none arrived.
    """

    name: str
    inputs: int
    deviation: float
    gradient: float | None


@dataclass(frozen=True, slots=True)
class Activation:
    """What a layer gave for the first batch.

    Arguments:
        name: the layer's name.
        kind: its class.
        deviation: the standard deviation of its outputs; NaN where they are not finite.
    """

    name: str
    kind: str
    deviation: float


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest of some numbers."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a loss that is a sum.

    Arguments:
        value: its value on the first batch.
        gradient: the norm of its gradient over all parameters, `None` where none depends on it.
    """

    value: float
    gradient: float | None


@dataclass(frozen=True, slots=True)
class FirstPass:
    """One pass forwards and backwards over the first batch, in training mode, before any step.

    Arguments:
        trained: whether something shows that the model has been trained already.
        loss: the loss, `None` without one.
        chance: the loss of outputs that know nothing, as logits of zero: what chance gives.
        classes: how many classes the targets are numbers of; `None` where they are something else.
        terms: the terms of a loss that returns several.
        output_shape: of the output, `None` where it is not one tensor; so are the following.
        target_shape: of the target.
        outputs: their range, once the last weights are enlarged so far that any activation shows its bounds.
        targets: their range in all sampled batches, where they are numbers with fractions.
        coupled: whether broadcasting makes the loss compare predictions with the targets of other samples; `None` if
            not tried.
        weights: kernels and weight matrices in model order.
        activations: of the layers without parts, in the order of their calls.
        without_gradient: trainable parameters of layers that were called, to which no gradient came.
        not_called: trainable parameters of layers that were not called.
    """

    trained: bool
    loss: float | None
    chance: float | None = None
    classes: int | None = None
    terms: Mapping[str, Term] = field(default_factory=dict)
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    outputs: Range | None = None
    targets: Range | None = None
    coupled: bool | None = None
    weights: tuple[Weight, ...] = ()
    activations: tuple[Activation, ...] = ()
    without_gradient: tuple[str, ...] = ()
    not_called: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How much neighbours in the training data resemble each other, against the same data in random order.

    Arguments:
        what: `labels`, `targets` that are no labels, or `inputs`.
        neighbours: the share of neighbours with the same label, or the mean correlation of neighbours.
        shuffled: the same in random order.
        error: standard deviation of `shuffled` over random orders.
        samples: how many samples were looked at.
    """

    what: str
    neighbours: float
    shuffled: float
    error: float
    samples: int


@dataclass(frozen=True, slots=True)
class Trend:
    """What a recorded loss does in its second half.

    Arguments:
        steps: how many values it has.
        level: its median there.
        jumps: root mean square of the differences from value to value, by the level.
        fall: by how much it falls from its third to its fourth quarter, by the level.
        fall_error: standard error of `fall`.
    """

    steps: int
    level: float
    jumps: float
    fall: float
    fall_error: float


@dataclass(frozen=True, slots=True)
class Calmed:
    """What became of a loss that fluctuates, when something was changed on a copy.

    Arguments:
        change: what was changed, in words.
        rate: whether it is the learning rate.
        before: the mean loss of a copy that was trained as long without the change.
        after: the mean loss with it.
        jumps_before: root mean square of the jumps without it.
        jumps_after: with it.
    """

    change: str
    rate: bool
    before: float
    after: float
    jumps_before: float
    jumps_after: float


@dataclass(frozen=True, slots=True)
class Experiments:
    """Everything that a sanity test tried.

    Arguments:
        first: the first pass.
        learned: trainings of copies on one batch.
        bad_step: the first step of the user's own training whose loss or parameters are not finite, counted from 1;
            0 where all are finite, `None` where no step was made.
        order: how much neighbours in the training data resemble each other.
        trend: of a recorded loss.
        calmed: what was tried about a loss that fluctuates.
        optimizers: how many the train step has; 0 where that is not known.
        skipped: why an experiment was not made, or has no outcome, by the code of its check.
        seconds: how long all of it took.
    """

    first: FirstPass
    learned: tuple[Learned, ...] = ()
    bad_step: int | None = None
    order: tuple[Resemblance, ...] = ()
    trend: Trend | None = None
    calmed: tuple[Calmed, ...] = ()
    optimizers: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def of(self, task: Task) -> tuple[Learned, ...]:
        """The trainings on this task, in the order in which they were made."""
        return tuple(each for each in self.learned if each.task is task)
