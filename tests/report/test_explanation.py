"""The pages in a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.report import explanation


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What a terminal of 80 columns without colour would show."""
    screen = StringIO()
    monkeypatch.setattr(
        explanation, "Console", lambda: Console(file=screen, width=80, force_terminal=True, color_system=None)
    )
    return screen


def test_page_is_rendered_within_the_width(terminal: StringIO) -> None:
    explanation.show_page("SN101")
    shown = terminal.getvalue()

    assert "SN101 updates-not-run" in shown
    assert "```" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_list_has_every_check_with_its_severity_in_words(terminal: StringIO) -> None:
    explanation.show_all()
    shown = terminal.getvalue()

    assert max(map(len, shown.splitlines())) <= 80
    for entry in CATALOGUE.values():
        assert f"{entry.code}  {entry.severity.value:<7}  {entry.name}" in shown
