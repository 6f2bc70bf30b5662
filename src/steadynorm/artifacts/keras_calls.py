"""The calls that a Keras configuration records: what they read, and with which arguments they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from steadynorm.artifacts.keras_config import Config


def references_in(found: Any) -> Iterator[tuple[str, int, int]]:
    """All references to the results of calls, however they are nested: layer, call and output."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            history = each.get("config", {}).get("keras_history") if isinstance(each.get("config"), dict) else None
            waiting += [history] if history is not None else reversed(list(each.values()))
        elif isinstance(each, list | tuple):
            if len(each) >= 3 and isinstance(each[0], str) and all(_is_index(at) for at in each[1:3]):
                yield each[0], each[1], each[2]
            else:
                waiting += reversed(each)


def _is_index(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def training_of(call: Any) -> bool | None:
    """The argument `training` that a call was recorded with."""
    options = call.get("kwargs") if isinstance(call, dict) else None
    if isinstance(call, list):  # Keras 2: [[layer, call, output, options], ...]
        options = next((each[3] for each in call if isinstance(each, list) and len(each) > 3), None)
    training = options.get("training") if isinstance(options, dict) else None
    return bool(training) if isinstance(training, bool | int) else None


def rank_of_tensor(call: Any) -> int | None:
    """The number of axes of the first tensor of a call, which only Keras 3 records."""
    waiting = [call.get("args") if isinstance(call, dict) else None]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif isinstance(each, dict) and isinstance(each.get("config"), dict):
            return rank_of_shape({"batch_shape": each["config"].get("shape")})
    return None


def rank_of_shape(config: Config) -> int | None:
    """The number of axes that an input layer, or the first layer of a Sequential, says that it takes."""
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return len(shape) if isinstance(shape, list) else None
