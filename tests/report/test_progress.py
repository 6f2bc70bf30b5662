"""The progress bar: only after two seconds, and only on a terminal."""

from __future__ import annotations

import threading

import pytest

from steadynorm.report.progress import DELAY, Progress


class Terminal:
    """A stderr that says whether it is a terminal, and keeps what is written."""

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.written = terminal, ""
        self.encoding = "utf-8"

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    ("terminal", "shown", "seconds", "expected"),
    [(True, True, 0.3, True), (True, True, 0.0, False), (True, False, 0.3, False), (False, True, 0.3, False)],
)
def test_progress(terminal: bool, shown: bool, seconds: float, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DELAY == 2.0
    stderr = Terminal(terminal)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr("steadynorm.report.progress.DELAY", 0.1)  # time runs faster here
    monkeypatch.setenv("TERM", "xterm")
    with Progress(shown) as progress:
        progress("four-way table")
        threading.Event().wait(seconds)
        waits = 100 if expected else 0  # the bar is loaded when it is first needed, which takes a while on busy cores
        while waits and "four-way table" not in stderr.written:
            threading.Event().wait(0.05)
            waits -= 1
        progress("remedies")
    assert ("four-way table" in stderr.written) == expected
