"""How this framework's detectors write down what they have seen."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.reading.files import SourceFile
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


def near(place: Place, other: Place, files: Mapping[str, SourceFile]) -> str:
    """Another place as somebody who looks at a place would call it: its line, with its cell or file where it differs.

    Arguments:
        place: what is looked at.
        other: the other place.
        files: by path; those of notebooks tell the cells.
    """
    name = os.path.basename(other.path)
    file = files.get(other.path)
    cell = None if file is None else file.cell_at(other.line)
    if file is None or cell is None:
        return f"line {other.line}" if other.path == place.path else f"{name}:{other.line}"
    line = f"line {other.line - cell.line + 1}"
    if other.path != place.path:
        return f"{name}, cell {cell.number}, {line}"
    return line if file.cell_at(place.line) is cell else f"cell {cell.number}, {line}"
