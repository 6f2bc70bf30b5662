"""The programs that lay out and show a drawing: the layout engine, and our own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
ENGINE = "vendor/dagre/dagre.min.js"


@cache
def program(name: str) -> str:
    """The text of a file beside this one."""
    return (_HERE / name).read_text(encoding="utf-8").rstrip()
