"""Writes docs/checks.md from the catalogue: python -m steadynorm.report.documentation [FILE]."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.writing import write_text

INDEX = Path("docs/checks.md")
PAGES = "../src/steadynorm/checks/pages"

FAMILIES = {
    "SN1": "Statistics",
    "SN2": "Mode",
    "SN3": "Checkpoints",
    "SN4": "Sharing",
    "SN5": "Configuration and place",
    "SN6": "Fine-tuning",
    "SN7": "Numbers",
    "SN8": "Scale-out",
    "SN9": "Training sanity",
}

INTRODUCTION = """\
# The checks

Codes are stable and never reused. An error breaks inference or training, a warning probably costs accuracy, an info is
worth knowing. Each code links to its page, which `steadynorm explain CODE` shows as well.

This index is made from the catalogue by `make docs`; edit `src/steadynorm/checks/catalogue.py` instead.
"""


def index() -> str:
    """The index of all checks in Markdown, a table per family."""
    parts = [INTRODUCTION]
    for family, entries in groupby(CATALOGUE.values(), key=lambda entry: entry.code[:3]):
        rows = [
            f"| [{entry.code}]({PAGES}/{entry.code}.md) | {entry.name} | {entry.severity.value} | {entry.summary} |"
            for entry in entries
        ]
        heading = f"## {family} {FAMILIES[family]}\n\n| code | name | severity | what is wrong |\n|---|---|---|---|"
        parts.append("\n".join([heading, *rows, ""]))
    return "\n".join(parts)


def main(arguments: list[str]) -> None:
    """Writes the index to the file that is named, `docs/checks.md` by default."""
    write_text(Path(arguments[0]) if arguments else INDEX, index())


if __name__ == "__main__":
    main(sys.argv[1:])
