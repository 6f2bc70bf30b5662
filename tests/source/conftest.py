"""Runs of source text, for the tests of the symbolic machine. The fixtures in the folders are read and never run."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from steadynorm.source.reading.files import source_of
from steadynorm.source.symbolic.runs import runs_of
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import Known

collect_ignore_glob = ["SN*"]


@pytest.fixture
def runs() -> Callable[..., list[Run]]:
    """The runs of `main.py` and of other files, named without the ending."""

    def run(text: str, **files: str) -> list[Run]:
        sources = {"main.py": text} | {f"{name}.py": other for name, other in files.items()}
        found = [source_of(f"project/{name}", dedent(source).encode()) for name, source in sources.items()]
        return runs_of([file for file in found if file is not None])

    return run


@pytest.fixture
def calls(runs: Callable[..., list[Run]]) -> Callable[..., list[Call]]:
    """The calls of something by its canonical name, in all runs."""

    def called(name: str, text: str, **files: str) -> list[Call]:
        return [call for run in runs(text, **files) for call in run.calls() if call.name == name]

    return called


@pytest.fixture
def shown(calls: Callable[..., list[Call]]) -> Callable[..., list[object]]:
    """What `probe.show` is called with: Python values; for anything that is no constant its type's name."""

    def show(text: str, **files: str) -> list[object]:
        values = [call.arguments[0] for call in calls("probe.show", text, **files)]
        return [value.value if isinstance(value, Known) else type(value).__name__ for value in values]

    return show
