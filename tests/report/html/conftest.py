"""Pages in a browser, a model of many layers, a run file, and names that nobody should have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadynorm.evidence import CallSite, Layer, SampledMoments, Split, Statistics
from steadynorm.norm.config import NormConfig
from steadynorm.report.model import Report
from steadynorm.report.run import Run, read_run

HOSTILE = (
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "\"><svg onload='window.hit = 1'>",
    "<a href='javascript:window.hit = 1'>b</a><br>",
    "{{ 7 * 7 }} {% raw %} %{x} $x$",
    "\u202egnp.exe \x1b[31m \udc80 &lt;b&gt; \u2028",
)
"""Names that are dangerous where they are not escaped: for HTML, scripts, templates, Plotly and the eye."""


@pytest.fixture
def hostile_names() -> tuple[str, ...]:
    return HOSTILE


def report_of(base: Report, names: list[str], shifts: list[float], error: float = 0.01) -> Report:
    """The report with other layers: each with a mean shift, and a variance ratio that shrinks with its place."""
    layers = tuple(
        Layer(name, "BatchNorm2d", 2, NormConfig(decay=0.9), Statistics(np.zeros(2), np.ones(2))) for name in names
    )
    errors = np.full(2, error)
    calls = tuple(
        CallSite(
            name,
            0,
            {Split.TRAIN: SampledMoments(np.full(2, shift), np.full(2, 1 + 0.5 / (1 + at)), errors, errors, 20, 9)},
        )
        for at, (name, shift) in enumerate(zip(names, shifts, strict=True))
    )
    return replace(base, evidence=replace(base.evidence, layers=layers, calls=calls, trials=()))


@pytest.fixture
def many_layers(long_report: Report) -> Report:
    """500 layers, whose mean shifts fall from 5 to 0.01."""
    names = [f"encoder.stages.{at // 50}.blocks.{at % 50}.norm" for at in range(500)]
    return report_of(long_report, names, [5 - 0.01 * at for at in range(500)])


@pytest.fixture
def hostile_report(long_report: Report) -> Report:
    """Hostile text wherever text comes from users."""
    report = report_of(long_report, list(HOSTILE), [1.0 + at for at in range(len(HOSTILE))])
    everything = " ".join(HOSTILE)
    findings = tuple(
        replace(found, message=everything, remedy=everything, settle=everything, layers=HOSTILE, evidence={each: each})
        for found, each in zip(report.findings, HOSTILE, strict=False)
    )
    skipped = tuple(replace(each, reason=everything) for each in report.not_assessed)
    return replace(report, name=everything, findings=findings, not_assessed=skipped)


@dataclass
class RunFile:
    """Writes a run file as `steadynorm.Monitor` does."""

    path: Path

    def __call__(self, names: list[str], steps: int = 40, warning: str = "the average lags behind") -> Run:
        lines: list[dict[str, Any]] = [
            {"steadynorm": "0.1.0", "kind": "run", "framework": "torch", "model": names[0], "interval": 10}
        ]
        for step in range(10, 10 * steps + 1, 10):
            fall = math.exp(-step / 100)
            layers = {
                name: {"mean_shift": fall / (1 + at), "log_variance_ratio": fall, "decay": 0.9, "updates_per_step": 1}
                for at, name in enumerate(names)
            }
            lines.append({"step": step, "kind": "statistics", "layers": layers})
            lines.append({"step": step, "kind": "loss", "train": fall})
        lines.append({"step": 10 * steps, "kind": "loss", "validation": 0.5})
        lines.append({"step": 100, "kind": "warning", "code": "SN104", "message": warning})
        self.path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return read_run(self.path)


@pytest.fixture
def run_file(tmp_path: Path) -> RunFile:
    return RunFile(tmp_path / "run.jsonl")


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not do."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    @property
    def is_quiet(self) -> bool:
        """No message in the console, no error, and nothing asked for but the file itself and what is inside it."""
        assert self.said == []
        assert [each for each in self.asked_for if not each.startswith(("blob:", "data:"))] == [self.page.url]
        return True

    def drawn(self) -> Any:
        """Waits until the plots are there."""
        self.page.wait_for_selector("html[data-plots=drawn]", state="attached")
        return self.page


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Opens a page's text as a file."""
    contexts = []

    def open_page(text: str, width: int = 1280, scheme: str = "light") -> Opened:
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("console", lambda message: found.said.append(message.text))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.on("request", lambda request: found.asked_for.append(request.url))
        found.page.goto(path.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()
