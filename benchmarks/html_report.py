"""How large the HTML report of a model with 500 normalization layers is, and how long it takes to open in Chromium.

Open is when the plots are drawn, counted from the start of the navigation. Beside the time on the clock stands the
time of the page's own thread, which says more where the machine does other work as well.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from steadynorm.evidence import CallSite, Evidence, Layer, SampledMoments, Split, Statistics
from steadynorm.norm.config import NormConfig
from steadynorm.report.model import Report

LAYERS = 500
CHANNELS = 64
ROUNDS = 9
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PAINTED = "performance.getEntriesByType('paint')[0].startTime"
DRAWN = "performance.getEntriesByName('plots-drawn')[0].startTime"


def report() -> Report:
    generator = np.random.default_rng(0)
    config, errors = NormConfig(decay=0.9), np.full(CHANNELS, 0.02)
    names = [f"encoder.stages.{at // 50}.blocks.{at % 50}.norm" for at in range(LAYERS)]
    stored = Statistics(np.zeros(CHANNELS), np.ones(CHANNELS), 1000)
    layers = tuple(Layer(name, "BatchNorm2d", CHANNELS, config, stored) for name in names)
    calls = []
    for name in names:
        mean, variance = generator.normal(0, 0.5, CHANNELS), np.exp(generator.normal(0, 0.4, CHANNELS))
        calls.append(CallSite(name, 0, {Split.TRAIN: SampledMoments(mean, variance, errors, errors, 20, 4096)}))
    return Report("benchmark", Evidence("torch", layers, calls=tuple(calls)))


def opened(browser: Browser, path: Path) -> tuple[float, float, float]:
    """Milliseconds until something is painted, until the plots are drawn, and of the page's thread until then."""
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-plots=drawn]", state="attached")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    times = page.evaluate(PAINTED), page.evaluate(DRAWN), 1000 * metrics["ThreadTime"]
    page.close()
    return times


def main() -> None:
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit("needs Chromium, which is not installed: apt-get install chromium")
    start = time.perf_counter()
    text = report().to_html()
    written = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        rounds = [opened(browser, path) for _ in range(ROUNDS)]
        browser.close()
    painted, drawn, busy = (statistics.median(column) for column in zip(*rounds, strict=True))
    fastest = min(each[1] for each in rounds)
    print(f"| {LAYERS} layers, {ROUNDS} rounds | | goal |\n|---|---:|---:|")
    print(f"| size of the file | {len(text.encode()) / 1e6:.2f} MB | < 6 MB |")
    print(f"| something is painted, median | {painted:.0f} ms | |")
    print(f"| the plots are drawn, median | {drawn:.0f} ms | < 1000 ms |")
    print(f"| the plots are drawn, fastest | {fastest:.0f} ms | |")
    print(f"| time of the page's thread until then, median | {busy:.0f} ms | |")
    print(f"| the report is written | {1000 * written:.0f} ms | |")


if __name__ == "__main__":
    main()
