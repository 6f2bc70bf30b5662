"""A progress bar on stderr for anything that takes more than two seconds."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

DELAY = 2.0
"""Seconds before anything is shown."""


class Progress:
    """Shows what a long job is doing and how far it is; silent for the first two seconds.

    Arguments:
        shown: `False` shows nothing at all; nor is anything shown where stderr is no terminal.
    """

    def __init__(self, shown: bool = True) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._timer = threading.Timer(DELAY, self._start)
        self._lock = threading.Lock()
        self._bar: Bar | None = None
        self._state: tuple[str, float, float | None] = ("", 0.0, None)

    def __call__(self, stage: str, done: float = 0.0, total: float | None = None) -> None:
        """Says what is being done, and how much of it; a `total` of `None` is unknown."""
        with self._lock:
            self._state = (stage, done, total)
            self._draw()

    def __enter__(self) -> Progress:
        if self._shown:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._shown = False
            if self._bar is not None:
                self._bar.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        with self._lock:
            if not self._shown:
                return
            self._bar = Bar(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.add_task("")
            self._bar.start()
            self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            stage, done, total = self._state
            self._bar.update(self._bar.task_ids[0], description=stage, completed=done, total=total)
