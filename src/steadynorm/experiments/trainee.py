"""The small interface over which a sanity test is written once; each framework's `trainee.py` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from steadynorm.evidence import Array
from steadynorm.experiments.records import FirstPass, Task

ENLARGED = 1e3
"""Standard deviation that the last layer's outputs are brought to, at which sigmoid and tanh show their bounds."""


class Learner(Protocol):
    """A copy in training. Nothing that it does reaches the user's own objects."""

    floor: float
    """The loss that no model can fall below on this task; minus infinity without one, NaN where not known."""

    useless: float
    """The loss of an answer that has learned nothing: logits of zero, or each image's mean; infinite if not known."""

    def loss(self) -> float:
        """The loss on the task's batch, by batch moments and without dropout."""

    def step(self) -> float | None:
        """One step; gives the number that the user's own train step returned, if it is one."""

    def moved(self) -> bool:
        """Whether any parameter is another than at the start."""


class Trainee(Protocol):
    """A user's model and data, of which copies can be trained.

    Attributes:
        framework: whose model it is.
        has_train_step: whether a copy can be trained by the user's own train step.
        optimizers: how many optimizers the train step has; 0 where that is not known.
        has_rate: whether the learning rates of that are known, so that they can be scaled.
        compiles_anew: whether each training by the train step takes the time again that the first took to compile it.
        has_loss: whether a copy can be trained on a loss.
        has_gradients: whether Adam can do that, too.
        cannot: what else this model cannot be put to: the reason by the code of the check.
    """

    framework: str
    has_train_step: bool
    optimizers: int
    has_rate: bool
    compiles_anew: bool
    has_loss: bool
    has_gradients: bool
    cannot: Mapping[str, str]

    def arrays(self) -> Sequence[tuple[Any, Any]]:
        """Inputs and targets of the sampled training batches in their own order, as arrays; `None` for no array."""

    def first_pass(self) -> FirstPass:
        """One pass forwards and backwards over the first batch."""

    def output_gradient(self, index: int) -> Array | None:
        """The gradient of the loss for each number of the output of one batch; `None` where the shapes differ."""

    def is_image_to_image(self) -> bool:
        """Whether inputs, outputs and targets are images of one shape."""

    def learner(self, task: Task, rate: float | None = None) -> Learner:
        """A copy that learns the task: by the user's own train step, or by Adam at `rate`."""

    def course(self, steps: int, *, rate: float = 1.0, share: float = 1.0) -> Sequence[float]:
        """The losses of a copy that is trained over the sampled batches by the user's own train step.

        Arguments:
            steps: how many steps; fewer if time runs out is the caller's business.
            rate: what the learning rates of the optimizer are multiplied by; only where the trainee `has_rate`.
            share: the share of the batches that is used, over and over.
        """
