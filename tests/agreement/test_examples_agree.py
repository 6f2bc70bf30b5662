"""The examples of this project are as they should be, and the source check says so: one is broken on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

import steadynorm
from steadynorm.finding import Severity
from steadynorm.loading import subject_from

EXAMPLES = Path(__file__).parents[2] / "examples"
# Each Python file on its own, and each folder as one project.
CASES = sorted([*EXAMPLES.glob("*.py"), *(each.parent for each in EXAMPLES.glob("*/finetune.py"))])

ON_PURPOSE = {"diagnose_digits.py": {"SN104"}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_source_of_an_example_has_no_mistake_but_those_on_purpose(case: Path) -> None:
    files = [case] if case.is_file() else sorted(case.rglob("*.py"))
    checked = steadynorm.check(files, progress=False)

    found = [each for report in checked.reports for each in report.findings]
    assert not checked.unread
    assert {each.code for each in found if each.severity is not Severity.INFO} == ON_PURPOSE.get(case.name, set())


def test_examples_are_there() -> None:
    assert len(CASES) >= 4


def test_files_of_the_broken_example_show_what_they_can(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with subject_from(f"{EXAMPLES / 'diagnose_digits.py'}:subject") as subject:
        torch.save(subject.model.state_dict(), tmp_path / "state.pt")
        torch.save(subject.model, tmp_path / "model.pt")
        live = steadynorm.diagnose(subject, progress=False)
    state, model = (steadynorm.check(tmp_path / name, progress=False) for name in ("state.pt", "model.pt"))

    assert {each.code for each in live.findings} == ON_PURPOSE["diagnose_digits.py"]
    assert {each.code for each in model.findings} == ON_PURPOSE["diagnose_digits.py"]
    # A state has the number of updates and not the momentum, so that what is left of the beginning is not known.
    assert not state.findings
