"""Puts the pages of the checks into the site: they live in the package, where `steadynorm explain` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PAGES = Path(__file__).parents[1] / "src" / "steadynorm" / "checks" / "pages"
IN_THE_REPOSITORY = "../src/steadynorm/checks/pages/"


def on_files(files: Files, config: Any) -> Files:
    """Adds one page per check under checks/."""
    for path in sorted(PAGES.glob("SN*.md")):
        files.append(File.generated(config, f"checks/{path.name}", content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lets the index, which links to the pages in the repository, link to those of the site."""
    return markdown.replace(IN_THE_REPOSITORY, "checks/")
