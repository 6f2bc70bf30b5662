"""Programs that read a project in two processes, however small it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = """
import json, os, sys
from pathlib import Path
from steadynorm.source import parallel
from steadynorm.source.symbolic import dividing
dividing.WORTH, dividing.MOST_SHARED, dividing.MOST_OF_ALL = 0, 1, 0.8
parallel._may_fork = lambda: True
def forks(real=os.fork):
    print("fork", file=sys.stderr)
    return real()
os.fork = forks
"""


@pytest.fixture
def run_in_two() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs code, with paths as its arguments; every fork writes a line to the standard error."""

    def run(
        code: str, *paths: Path, cwd: Path | None = None, start_new_session: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", COMMAND + code, *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            start_new_session=start_new_session,
            timeout=300,
        )

    return run
