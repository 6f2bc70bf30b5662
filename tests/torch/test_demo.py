"""The demonstration: every mistake shows, is named, and its repair works; judged here by plain PyTorch."""

from __future__ import annotations

import builtins
import copy
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import steadynorm
from steadynorm.errors import UnusableInputError
from steadynorm.loading import subject_from
from steadynorm.torch import demo
from steadynorm.torch.demo.case import Case
from steadynorm.torch.demo.mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
CODES = ("SN101", "SN104", "SN201", "SN103", "SN401")


@dataclass
class Demonstration:
    """The whole demonstration: what it prints, and every case with its report, that of no mistake first."""

    printed: str
    cases: list[Case]
    reports: list[steadynorm.Report]
    is_quiet: bool


@pytest.fixture(scope="module")
def demonstration() -> Demonstration:
    """Run once: its trainings and diagnoses are those that the tests look into."""
    output, threads, before = io.StringIO(), torch.get_num_threads(), torch.get_rng_state()
    cases: list[Case] = []
    reports: list[steadynorm.Report] = []
    row, diagnose = demo._row, steadynorm.diagnose

    def noted_row(case: Case) -> Any:
        cases.append(case)
        return row(case)

    def noted_diagnosis(*arguments: Any, **options: Any) -> steadynorm.Report:
        reports.append(diagnose(*arguments, **options))
        return reports[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_row", noted_row)
        patch.setattr(steadynorm, "diagnose", noted_diagnosis)
        assert demo.run(Console(file=output, width=80)) == 0
    is_quiet = torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
    return Demonstration(output.getvalue(), cases, reports, is_quiet)


def accuracy(model: nn.Module, batches: Any) -> float:
    """Of the model in the mode that it is in; inputs may be one tensor or a tuple of them."""
    right = count = 0
    with torch.no_grad():
        for inputs, labels in batches:
            output = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
            right += int((output.argmax(1) == labels).sum())
            count += len(labels)
    return right / count


def one_by_one(batches: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [pair for images, labels in batches for pair in zip(images.split(1), labels.split(1), strict=True)]


@pytest.mark.slow
def test_the_network_without_a_mistake_is_healthy(demonstration: Demonstration) -> None:
    case, report = demonstration.cases[0], demonstration.reports[0]
    assert report.exit_status() == 0, [found.code for found in report.findings]
    network = copy.deepcopy(case.subject.model).eval()
    assert accuracy(network, case.subject.validation_data) > case.training - 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), list(enumerate(CODES, 1)), ids=[each.__name__ for each in MISTAKES])
def test_a_mistake_shows_is_named_and_repaired(demonstration: Demonstration, number: int, code: str) -> None:
    case, report = demonstration.cases[number], demonstration.reports[number]
    assert case.training > 0.97

    broken, validation = copy.deepcopy(case.subject.model), case.subject.validation_data
    if code == "SN201":
        symptom = accuracy(broken.train(), one_by_one(validation))
    else:
        symptom = accuracy(broken.eval(), validation)
    assert symptom < case.training - 0.3
    assert case.inference() == pytest.approx(symptom, abs=1e-6)

    assert report.findings[0].code == code, [(found.code, found.message) for found in report.findings]
    assert report.findings[0].share > 0.9
    assert report.exit_status() == 1

    weights = {name: value.clone() for name, value in case.subject.model.named_parameters()}
    repaired = case.repair().eval()
    after = accuracy(repaired, validation)
    assert abs(after - case.training) <= 0.02
    assert case.repaired() == pytest.approx(after, abs=1e-6)
    if code == "SN401":
        first, second = repaired.first, repaired.second
        assert first is not second
        assert all(one is other for one, other in zip(first.parameters(), second.parameters(), strict=True))
        assert not torch.equal(first.norm.running_mean, second.norm.running_mean)
    else:
        assert accuracy(repaired, one_by_one(validation)) == pytest.approx(after, abs=1e-6)
    for name, value in repaired.named_parameters():
        assert torch.equal(value, weights[name]), "the repair is not training"


@pytest.mark.slow
def test_the_whole_demonstration_prints_one_table_of_80_columns(demonstration: Demonstration) -> None:
    assert demonstration.is_quiet
    lines = demonstration.printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in demonstration.printed, "nothing is cut off"
    found = [line.split()[1] for line in lines if line.startswith("  found")]
    assert found == ["nothing", *CODES]
    numbers = [line.split()[-3:] for line in lines if line and not line.startswith(" ") and line[-1].isdigit()]
    rows = [list(map(float, each)) for each in numbers if all(part[:2] in ("0.", "1.") for part in each)]
    assert len(rows) == len(CODES)
    assert all(inference < training - 0.3 and repaired > 0.97 for training, inference, repaired in rows)


@pytest.fixture(scope="module")
def example() -> Iterator[tuple[steadynorm.Subject, steadynorm.Report]]:
    with subject_from(f"{ROOT / 'examples' / 'diagnose_digits.py'}:subject") as subject:
        yield subject, steadynorm.diagnose(subject, progress=False)


@pytest.mark.slow
def test_the_example_shows_an_average_that_is_too_slow(example: tuple[steadynorm.Subject, steadynorm.Report]) -> None:
    subject, report = example
    assert report.exit_status() == 1
    found = report.findings[0]
    assert found.code == "SN104"
    assert found.effect is not None
    assert found.effect.share > 0.95
    model = copy.deepcopy(subject.model)
    assert accuracy(model.train(), subject.train_data) > 0.97
    model = copy.deepcopy(subject.model)
    assert accuracy(model.eval(), subject.validation_data) < 0.5
    steadynorm.recalibrate(model, subject.train_data, progress=False)
    assert accuracy(model.eval(), subject.validation_data) > 0.94


@pytest.mark.slow
def test_the_readme_shows_what_the_example_prints(example: tuple[steadynorm.Subject, steadynorm.Report]) -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("examples/diagnose_digits.py:subject\n", 1)[1]
    printed = str(example[1])

    def words(text: str) -> list[str]:
        """Without the numbers, which rounding may change, up to the tables that are ordered by them."""
        return re.sub(r"[\d.]+", "", text.split("\nLayers:")[0]).split()

    assert words(shown) == words(printed)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.split(".")[0] == "sklearn":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return imported(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    output = io.StringIO()
    with pytest.raises(UnusableInputError, match=r"^[^\n]*pip install 'steadynorm\[demo\]'$"):
        demo.run(Console(file=output))
    assert output.getvalue() == ""
