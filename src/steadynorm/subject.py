"""What a live diagnosis is about: a model with its data and the user's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from steadynorm.errors import UnusableInputError


@dataclass(frozen=True)
class Subject:
    """A model that is to be diagnosed or repaired, with everything needed to run it.

    Arguments:
        model: the model as it stands after training, in any mode; never changed by a diagnosis.
        train_data: any iterable of batches. A batch is `(inputs, targets)`, or a dict with one of the keys `label`,
            `labels`, `target`, `targets`, `y`, or anything that `forward` and `target` understand.
        validation_data: the same; without it the training data stand in for it.
        loss: `loss(output, target)`, a scalar, lower is better.
        metric: `metric(output, target)`, a number that can be averaged over samples, as accuracy.
        higher_is_better: direction of `metric`.
        forward: `forward(model, batch)`, the model's output; by default the model is called with the inputs of the
            batch (a dict as keyword arguments, a tuple as positional ones; a Keras model with all of them as its one
            argument, and with training=False).
        target: `target(batch)`, the targets of a batch, where the default rule does not find them.
        train_step: `train_step(model, batch)`, or `train_step(model, optimizer, batch)` where `optimizer` is given:
            one step as the user's own loop does it. It is run a few times on a copy. For Keras also
            `train_step(state, batch)`, with the values of trainable, other and optimizer variables as the state, which
            returns the new state or a tuple with it; a compiled model needs none.
        optimizer: the optimizer of the model's parameters; copied along with the model.
        evaluate: `evaluate(model, batches)`, the user's own evaluation; may return the metric. Run on a copy; a Keras
            model is put back afterwards instead.
        source_model: the model that these weights were averaged or copied from (EMA, SWA, teacher), if they were.
        name: how reports call it.

    Raises:
        UnusableInputError: an argument is not of the kind described here.
    """

    model: Any
    train_data: Iterable[Any]
    validation_data: Iterable[Any] | None = None
    loss: Callable[[Any, Any], Any] | None = None
    metric: Callable[[Any, Any], Any] | None = None
    higher_is_better: bool = True
    forward: Callable[[Any, Any], Any] | None = None
    target: Callable[[Any], Any] | None = None
    train_step: Callable[..., Any] | None = None
    optimizer: Any = None
    evaluate: Callable[[Any, Any], Any] | None = None
    source_model: Any = None
    name: str = "model"

    def __post_init__(self) -> None:
        self._check_functions()
        for name in ("train_data", "validation_data"):
            value = getattr(self, name)
            if value is not None and not hasattr(value, "__iter__") and not hasattr(value, "__getitem__"):
                raise UnusableInputError(
                    f"{name} of the subject is a {type(value).__name__}; expected an iterable of batches"
                )

    def _check_functions(self) -> None:
        for name in ("loss", "metric", "forward", "target", "train_step", "evaluate"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise UnusableInputError(f"{name} of the subject is a {type(value).__name__}; expected a function")
