"""What all tests share: real data, small enough to train on in a second, and that none depends on another."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import shutil
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from steadynorm import Finding, Report, Severity

# How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no worker waits for it at the end."""
    items.sort(key=lambda each: each.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """A framework's hundreds of thousands of objects stay: the garbage collector need not go through them each time."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Digits:
    """Handwritten digits (scikit-learn's 1797 images of 8×8) as batches (x, y).

    x is float32 (N, 1, 8, 8) in [0, 1], y int64 (N,).
    """

    train: list[tuple[Any, Any]]
    validation: list[tuple[Any, Any]]


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The digits in a fixed random order: 1400 to train on and 397 to validate on, in batches of 64."""
    torch = pytest.importorskip("torch")
    datasets = pytest.importorskip("sklearn.datasets")

    images, labels = datasets.load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)[order]
    y = torch.tensor(labels, dtype=torch.int64)[order]
    train = list(zip(x[:1400].split(64), y[:1400].split(64), strict=True))
    validation = list(zip(x[1400:].split(64), y[1400:].split(64), strict=True))
    return Digits(train, validation)


@pytest.fixture(autouse=True, scope="module")
def _generators(request: pytest.FixtureRequest) -> list[tuple[np.random.Generator, Any]]:
    """The random generators of a test file, each with its state before the first test."""
    found = (each for each in vars(request.module).values() if isinstance(each, np.random.Generator))
    return [(each, each.bit_generator.state) for each in found]


@pytest.fixture(autouse=True)
def _same_numbers(_generators: list[tuple[np.random.Generator, Any]]) -> None:
    """Lets every test draw the same numbers, whichever tests ran before it."""
    for generator, state in _generators:
        generator.bit_generator.state = state


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker() -> None:
    """Keep parallel test workers from fighting over the cores."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


RANKS = 2
RANKS_SECONDS = 240
"""How long ranks may take for one function before they are taken to wait for each other forever."""


@dataclass(frozen=True)
class Failed:
    """A function raised in a rank."""

    trace: str


class Ranks:
    """Two processes that torch.distributed joins over gloo; they are started once and run one function after another.

    Arguments:
        folder: where they meet, new.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._started = folder, 0
        self._processes: list[tuple[Any, Any]] = []

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Returns what `function(rank, *arguments)` of a test file returns in each of them.

        Whatever it leaves in variables of its file is there the next time.
        """
        if not self._processes:
            self._start()
        task = pickle.dumps((function, arguments))
        for pipe, _ in self._processes:
            pipe.send_bytes(task)
        results = []
        for pipe, _ in self._processes:
            try:
                found = pickle.loads(pipe.recv_bytes()) if pipe.poll(RANKS_SECONDS) else Failed("no end")
            except EOFError:
                found = Failed("a rank ended")
            results.append(found)
        failed = [each.trace for each in results if isinstance(each, Failed)]
        if failed:
            self.stop()  # they need not be at the same place any more
            pytest.fail(f"{function.__name__}: " + "\n".join(failed), pytrace=False)
        return results

    def stop(self) -> None:
        for pipe, process in self._processes:
            process.kill()
            process.join()
            pipe.close()
        self._processes.clear()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._started += 1
        for rank in range(RANKS):
            pipe, other = context.Pipe()
            meeting = f"file://{self._folder}/meeting{self._started}"
            process = context.Process(target=_be_rank, args=(rank, meeting, other), daemon=True)
            process.start()
            other.close()
            self._processes.append((pipe, process))


def _be_rank(rank: int, meeting: str, pipe: Any) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    timeout = timedelta(seconds=RANKS_SECONDS / 2)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS, timeout=timeout)
    while True:
        try:
            task = pipe.recv_bytes()
        except EOFError:
            return
        try:
            function, arguments = pickle.loads(task)
            result = function(rank, *arguments)
        except BaseException:
            result = Failed(f"rank {rank}: {traceback.format_exc()}")
        pipe.send_bytes(pickle.dumps(result))


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    """Two processes of torch.distributed, which run functions of a test file."""
    pytest.importorskip("torch.distributed")
    started = Ranks(tmp_path_factory.mktemp("ranks"))
    yield started
    started.stop()


class ReportAssertions:
    """What the tests of the checks ask of a report, whichever framework it is of."""

    def codes(self, report: Report) -> list[str]:
        """The codes found, in rank order."""
        return [found.code for found in report.findings]

    def assert_first(self, report: Report, code: str) -> Finding:
        """The true cause is ranked first."""
        assert report.findings, "nothing was found"
        assert report.findings[0].code == code, [(found.code, found.message) for found in report.findings]
        return report.findings[0]

    def assert_healthy(self, report: Report) -> None:
        """No finding of severity error or warning."""
        found = report.at_least(Severity.WARNING)
        assert not found, [(each.code, each.message, each.effect) for each in found]
        assert report.exit_status() == 0


@pytest.fixture(scope="session")
def of_reports() -> ReportAssertions:
    """What a laboratory for one framework hands on to its tests."""
    return ReportAssertions()


VERDICTS = json.loads((Path(__file__).parent / "data" / "verdicts.json").read_text(encoding="utf-8"))


@pytest.fixture
def assert_verdict() -> Callable[[Any, str], None]:
    """Compares the JSON of a report with what the table says of a mistake, field by field."""

    def compare(report: Any, mistake: str) -> None:
        found, expected = json.loads(report.to_json()), VERDICTS["mistakes"][mistake]
        _assert_fields(found)
        assert [_summary(each) for each in found["findings"]] == [_expected(each) for each in expected["findings"]]
        for mine, other in zip(found["findings"], expected["findings"], strict=True):
            _assert_like(mine["evidence"], other["evidence"])
        # Every framework draws its own initial weights, so that networks that are built alike score differently.
        assert found["gap"]["size"] == pytest.approx(expected["gap"], abs=0.1)

    return compare


def _summary(found: dict[str, Any]) -> dict[str, Any]:
    """What a finding has in common with those of the other frameworks, beside its evidence."""
    effect = found["effect"]
    return {
        **{name: found[name] for name in ("code", "severity", "certainty")},
        "layers": len(found["layers"]),
        "effect": effect and [effect["remedy"], effect["share"]],
        "settle": bool(found["settle"]),
    }


def _expected(finding: dict[str, Any]) -> dict[str, Any]:
    effect = finding["effect"]
    # A share is a quotient of scores on 389 samples or more: one of them makes 0.03 at a gap of 0.1.
    close = effect and [effect[0], effect[1] and pytest.approx(effect[1], abs=0.05)]
    return {name: each for name, each in finding.items() if name != "evidence"} | {"effect": close}


def _assert_fields(value: Any, path: str = "") -> None:
    """Every object has the fields of the table, and no others, with values of their types."""
    if path:
        assert _KIND[type(value)] in VERDICTS["fields"][path].split(" or "), (path, value)
    if isinstance(value, list):
        for each in value:
            _assert_fields(each, f"{path}[]")
    elif isinstance(value, dict) and path != "findings[].evidence":
        inside = f"{path}." if path else ""
        rest = (name.removeprefix(inside) for name in VERDICTS["fields"] if name.startswith(inside))
        assert set(value) == {name for name in rest if not {".", "["} & set(name)}, path
        for name, each in value.items():
            _assert_fields(each, inside + name)


_KIND = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
}


def _assert_like(found: Any, expected: Any) -> None:
    """Numbers as in the table, or of the type that it names where they depend on the network."""
    if isinstance(expected, dict):
        # A layer has the names of what holds it, which each framework writes in its own way.
        named = {name.replace(".", "/").rpartition("/")[2]: each for name, each in found.items()}
        assert named.keys() == expected.keys()
        for name, each in named.items():
            _assert_like(each, expected[name])
    elif expected == "integers":
        assert all(type(each) is int for each in found)
    elif isinstance(expected, str):
        assert _KIND[type(found)] == expected
    else:
        # The moments of an input are those of the same images, with other initial weights before them.
        assert found == pytest.approx(expected, rel=0.1)


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
"""What lets Chromium run as root in a container, and keeps it from calling home."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, driven by playwright; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        missing = "needs Chromium, which is not installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET.split())
        yield browser
        browser.close()
