"""The documentation site builds without a warning, and has a page for every check and every public name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import steadynorm
from steadynorm.checks.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]

INTERFACES_OF_FILES = {"Conversion", "Mended", "Unread"}
"""What functions give back and a reader meets in their pages only."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_every_check_has_a_page_that_the_index_leads_to(site: Path) -> None:
    index = (site / "checks" / "index.html").read_text(encoding="utf-8")

    for code, entry in CATALOGUE.items():
        page = (site / "checks" / code / "index.html").read_text(encoding="utf-8")
        assert entry.name in page
        assert f'href="{code}/"' in index


def test_every_public_name_is_described(site: Path) -> None:
    page = (site / "api" / "index.html").read_text(encoding="utf-8")

    missing = [name for name in steadynorm.__all__ if f'.{name}"' not in page]
    assert set(missing) <= INTERFACES_OF_FILES
