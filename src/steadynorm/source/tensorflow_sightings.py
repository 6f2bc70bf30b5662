"""How this framework's detectors write down what they have seen."""

from __future__ import annotations

from collections.abc import Iterable

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting


def seen(
    code: str,
    place: Place,
    subject: str,
    how: str,
    certainty: Certainty = Certainty.PROVEN,
    settle: str | None = None,
    related: Iterable[Place] = (),
    **facts: object,
) -> Sighting:
    """One sighting in TensorFlow's graph mode."""
    return Sighting(code, "tensorflow", place, subject, how, certainty, settle, facts, tuple(related))
