"""The catalogue, the index and the pages say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.report.documentation import FAMILIES, index, main

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "src" / "steadynorm" / "checks" / "pages"

SECTIONS = ["Why it matters", "How to see it", "How to fix it", "When to ignore it", "Known problems"]
FRAMEWORKS = ["TensorFlow graph mode", "Keras", "PyTorch"]


def headings(page: str, level: int) -> list[str]:
    """The headings of one level, outside blocks of code."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.findall(rf"^{'#' * level} (.+)$", prose, re.MULTILINE)


def test_index_is_what_the_catalogue_gives() -> None:
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == index(), "run 'make docs'"


def test_index_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    main([str(tmp_path / "checks.md")])

    assert (tmp_path / "checks.md").read_text(encoding="utf-8") == index()


def test_links_of_the_index_lead_to_pages() -> None:
    links = re.findall(r"\]\(([^)]+)\)", index())

    assert len(links) == len(CATALOGUE)
    assert all((ROOT / "docs" / link).is_file() for link in links)


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(CATALOGUE)


def test_codes_stand_in_order_and_belong_to_a_family() -> None:
    assert {code[:3] for code in CATALOGUE} <= set(FAMILIES)
    families = [code[:3] for code in CATALOGUE]
    assert families == sorted(families)


@pytest.mark.parametrize("code", CATALOGUE)
def test_page_has_the_structure_of_all_pages(code: str) -> None:
    page = CATALOGUE[code].page

    assert page.splitlines()[0] == f"# {code} {CATALOGUE[code].name}"
    assert headings(page, 1) == [f"{code} {CATALOGUE[code].name}"]
    assert headings(page, 2) == SECTIONS
    assert headings(page, 3) == FRAMEWORKS
    assert page.endswith("\n")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_section_of_a_page_says_something(code: str) -> None:
    _, *sections = re.split(r"^#{2,3} (.+)$", CATALOGUE[code].page, flags=re.MULTILINE)
    bodies = dict(zip(sections[::2], sections[1::2], strict=True))
    del bodies["How to fix it"]  # may be all in the parts per framework

    assert all(body.strip() for body in bodies.values())
