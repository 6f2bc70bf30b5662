"""The checks' pages on stdout: rendered in a terminal, elsewhere as they are written, in lines of 80 characters."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.report.layout import WIDTH
from steadynorm.report.styles import STYLES, WIDEST
from steadynorm.selection import entry_of


def show_page(code: str) -> None:
    """Shows the page of a check.

    Raises:
        UnusableInputError: there is no such code; the message names the nearest ones.
    """
    page = entry_of(code).page
    console = Console()
    if console.is_terminal:
        # Takes longer to import than all the rest, so it is left alone where nothing is rendered.
        from rich.markdown import Markdown

        console.print(Markdown(page), width=min(console.width, WIDEST))
    else:
        print(_filled(page), end="")


def _filled(page: str) -> str:
    """A page in Markdown with its paragraphs in lines of the usual width; code, tables and headings as they are."""
    filled: list[str] = []
    paragraph: list[str] = []
    is_code = False
    for line in [*page.splitlines(), ""]:
        is_fence = line.startswith("```")
        as_it_is = is_code or is_fence or not line or line[0] in "#|"
        if paragraph and (as_it_is or line.startswith("- ")):
            filled += _wrapped(paragraph)
            paragraph = []
        if as_it_is:
            filled.append(line)
        else:
            paragraph.append(line.strip())
        is_code ^= is_fence
    return "\n".join(filled)


def _wrapped(paragraph: list[str]) -> list[str]:
    hanging = "  " if paragraph[0].startswith("- ") else ""
    text = " ".join(paragraph)
    return textwrap.wrap(text, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def show_all() -> None:
    """Shows all codes with name, severity and summary: one line each where the output is read by a program."""
    console = Console()
    if not console.is_terminal:
        for entry in CATALOGUE.values():
            print(f"{entry.code}  {entry.severity.value:<7}  {entry.name:<35}  {entry.summary}")
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    for entry in CATALOGUE.values():
        severity = Text(entry.severity.value, style=STYLES[entry.severity])
        table.add_row(Text(entry.code), severity, Text(entry.name, style="bold"))
        table.add_row("", "", Text(entry.summary))
    console.print(table, width=min(console.width, WIDEST))
