"""How a long piece of work says what it is doing."""

from __future__ import annotations

from typing import Protocol


class Stage(Protocol):
    """Progress: called with the name of what begins now and how much of the work is done."""

    def __call__(self, stage: str, done: float = 0.0, total: float | None = None) -> None:
        """Shows `stage` as what is being done."""


def silent(stage: str, done: float = 0.0, total: float | None = None) -> None:
    """A `Stage` that shows nothing."""
