"""The programs that lay out and show a drawing: the layout engine, and our own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_ENGINE = Path("vendor") / "dagre"


@cache
def engine() -> str:
    """dagre, with its licence, which wants to travel with every copy."""
    return f"/*!\n{program(str(_ENGINE / 'LICENSE'))}\n*/\n{program(str(_ENGINE / 'dagre.min.js'))}"


@cache
def program(name: str) -> str:
    """The text of a file beside this one."""
    return (_HERE / name).read_text(encoding="utf-8").rstrip()
