"""The line of the user's program that a warning points to, however deep in a framework it is given."""

from __future__ import annotations

import sys

_INNER = frozenset({"steadynorm", "keras", "torch", "tensorflow", "lightning", "pytorch_lightning"})


def user_level() -> int:
    """The `stacklevel` for `warnings.warn` by which a warning of the caller points to the line of the program."""
    frame, level = sys._getframe(1), 1
    while frame.f_globals.get("__name__", "").partition(".")[0] in _INNER and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return level
