"""The checks' pages as parts of a report, so that whoever gets the report needs nothing else to understand it."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

from steadynorm.checks.catalogue import CATALOGUE


@cache
def page_of(code: str) -> Markup:
    """A check's page without its title; its headings are set as bold lines, since they are none of the report's."""
    tokens = _reader().parse(CATALOGUE[code].page)
    ends = [index for index, token in enumerate(tokens) if token.type == "heading_close"]
    rest = tokens[ends[0] + 1 :] if ends else tokens
    for token in rest:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            if token.nesting > 0:
                token.attrSet("class", "heading")
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    reader = _reader()
    return Markup(reader.renderer.render(rest, reader.options, {}))


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
