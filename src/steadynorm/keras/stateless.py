"""Train steps without side effects, `train_step(state, batch)`: the state is taken from the model and put back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from steadynorm.errors import UnusableInputError


def is_stateless(step: Callable[..., Any]) -> bool:
    """Whether a train step takes the state of a training, which its first argument's name says: `state`."""
    try:
        names = list(inspect.signature(step).parameters)
    except (TypeError, ValueError):
        return False
    return bool(names) and names[0] == "state"


def stateful(step: Callable[..., Any], optimizer: Any) -> Callable[[Any, Any], Any]:
    """The step as one of a model and a batch.

    The state is a tuple of lists of values, as in Keras' guide to custom training loops in JAX: the model's trainable
    variables, its non-trainable ones, and, where there is an optimizer, the optimizer's. What the step returns is the
    new state, or a tuple with the new state in it.

    Raises:
        UnusableInputError: from the function returned, if there is no such state in what the step returns.
    """

    def run(model: Any, batch: Any) -> Any:
        parts = [model.trainable_variables, model.non_trainable_variables]
        if optimizer is not None:
            parts.append(optimizer.variables)
        result = step(tuple([each.value for each in part] for part in parts), batch)
        state, rest = _split(result, [len(part) for part in parts])
        for part, values in zip(parts, state, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value)
        return rest

    return run


def _split(result: Any, lengths: Sequence[int]) -> tuple[Any, Any]:
    """The state in a result, and what else there is."""
    if _is_state(result, lengths):
        return result, None
    if isinstance(result, list | tuple):
        for index, each in enumerate(result):
            if _is_state(each, lengths):
                rest = [*result[:index], *result[index + 1 :]]
                return each, rest[0] if len(rest) == 1 else rest
    raise UnusableInputError(
        f"train_step(state, batch) gave a {type(result).__name__}; expected the new state, {len(lengths)} lists of "
        f"{', '.join(map(str, lengths))} values, or a tuple such as (loss, state)"
    )


def _is_state(value: Any, lengths: Sequence[int]) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == len(lengths)
        and all(
            isinstance(part, list | tuple) and len(part) == length for part, length in zip(value, lengths, strict=True)
        )
    )
