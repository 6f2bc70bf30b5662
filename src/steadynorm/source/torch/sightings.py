"""How the detectors for PyTorch write down what they have seen."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from steadynorm.finding import Certainty
from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.symbolic.trace import Call


def seen(
    code: str,
    place: Place,
    subject: str,
    how: str,
    settle: str | None = None,
    related: Iterable[Place] = (),
    **facts: object,
) -> Sighting:
    """One sighting in PyTorch; where something would have to settle it, it is only likely."""
    certainty = Certainty.PROVEN if settle is None else Certainty.LIKELY
    return Sighting(code, "torch", place, subject, how, certainty, settle, facts, tuple(related))


def called(call: Call) -> str | None:
    """How what a call calls is written, as `self.model`; `None` where the call is not written, or is long."""
    return None if call.node is None else _text(call.node.func)


def receiver(call: Call) -> str | None:
    """How the object is written whose method a call calls, as `self.model` in `self.model.eval()`."""
    function = None if call.node is None else call.node.func
    return _text(function.value) if isinstance(function, ast.Attribute) else None


def _text(node: ast.expr) -> str | None:
    text = ast.unparse(node)
    return text if len(text) <= 40 and "\n" not in text else None
