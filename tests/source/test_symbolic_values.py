"""A symbolic run of a program whose inputs are all known comes to what Python comes to when it executes it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

Shown = Callable[..., list[object]]

TEXT = (Path(__file__).parent / "programs.txt").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^---- (.+)\n((?:(?!----).*\n)*)", TEXT, re.MULTILINE))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_known_program_comes_to_what_python_comes_to(
    program: str, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"from probe import show\n{program}\n"
    really: list[object] = []
    probe: Any = ModuleType("probe")
    probe.show = really.append
    monkeypatch.setitem(sys.modules, "probe", probe)
    exec(compile(text, "program", "exec"), {"__name__": "__main__"})
    assert really
    assert shown(text) == really
    assert [type(value) for value in shown(text)] == [type(value) for value in really]


def test_huge_constants_are_not_worked_out(shown: Shown) -> None:
    text = """
        from probe import show
        show(10 ** 10 ** 8)
        show("a" * 10 ** 9)
        show("%1000000000d" % 1)
        show("{:>1000000000}".format(1))
        show(len(range(10 ** 12)))
        show([0] * 10 ** 9)
    """
    assert all(isinstance(value, str) and len(value) < 20 for value in shown(dedent(text)))
