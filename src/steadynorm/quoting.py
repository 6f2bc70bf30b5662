"""What an exception of somebody else's says, as messages quote it."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WHERE = ("Arguments received by", "Call arguments received by", "Traceback")
_LONGEST = 300


def said(error: BaseException) -> str:
    """The kind of an exception and what it says, in one line without the colours of a terminal.

    Keras appends all arguments of the call that failed, which are left out. What is longer than 300 characters is cut.
    """
    lines: list[str] = []
    for line in _COLOURS.sub("", str(error)).splitlines():
        if line.startswith(_WHERE):
            break
        lines.append(line)
    text = " ".join(" ".join(lines).split())
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{type(error).__name__}: {short.rstrip('.')}"
