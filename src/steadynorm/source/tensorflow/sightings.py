"""How this framework's detectors write down what they have seen."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Run


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


def prefixes(run: Run) -> dict[str, str]:
    """By file, what its author calls TensorFlow, as `tf` or `tf.compat.v1`."""
    found: dict[str, str] = {}
    for call in run.calls():
        root, _, rest = call.name.partition(".")
        if root != "tensorflow" or call.node is None or call.place.path in found:
            continue
        text = ast.unparse(call.node.func)
        if text.endswith(f".{rest}"):
            found[call.place.path] = text.removesuffix(f".{rest}")
    return found


def near(place: Place, other: Place) -> str:
    """Another place as somebody who looks at a place would call it: its line, or its file and line."""
    if other.path.endswith(".ipynb"):
        return "another cell" if other.path == place.path else os.path.basename(other.path)
    return f"line {other.line}" if other.path == place.path else f"{os.path.basename(other.path)}:{other.line}"
