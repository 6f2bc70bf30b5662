"""The example that a model is folded by, as the arguments of a call."""

from __future__ import annotations

from typing import Any

from steadynorm.torch.batches import fresh


def arguments_of(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments, copied: a tuple and a dict are these, anything else is one argument."""
    example = fresh(example)
    if isinstance(example, tuple):
        return example, {}
    if isinstance(example, dict):
        return (), example
    return (example,), {}
