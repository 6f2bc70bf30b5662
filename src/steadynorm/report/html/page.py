"""One file that holds everything: text, style, program, data and, where something is plotted, the library for it."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

import steadynorm
from steadynorm.report.words import (
    closed,
    counted,
    folded,
    known,
    listed,
    measured,
    number,
    percent,
    printable_lines,
    sentence,
)

_HERE = Path(__file__).parent


def write_page(
    template: str,
    title: str,
    plots: Sequence[dict[str, Any]] = (),
    programs: Sequence[str] = (),
    styles: Sequence[str] = (),
    **parts: object,
) -> str:
    """A page as text.

    Whatever is not text of the templates is escaped, and has no effect but to be read: names and messages come from
    models and files, and these from anywhere.

    Arguments:
        template: its file's name.
        title: for the browser's tab.
        plots: what report.js draws.
        programs: texts of programs that run after report.js.
        styles: texts of style sheets behind report.css.
        parts: what the template is about.
    """
    script = "\n".join([_file("report.js"), *programs])
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            version=steadynorm.__version__,
            style=Markup("\n".join([_file("report.css"), *styles])),
            script=Markup(script),
            script_hash=Markup(b64encode(sha256(script.encode()).digest()).decode()),
            plots=embedded(list(plots)),
            plotly=_plotly() if plots else None,
            **parts,
        )
    )


def embedded(value: object) -> Markup:
    """A value as JSON that can stand within a script element."""
    return htmlsafe_json_dumps(value, dumps=partial(json.dumps, allow_nan=False, separators=(",", ":")))


@cache
def _file(name: str) -> str:
    return (_HERE / "static" / name).read_text(encoding="utf-8")


def _plotly() -> Markup:
    from steadynorm.report.html.bundle import compressed_plotly

    return Markup(compressed_plotly())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: list[Callable[..., str]] = [
        closed,
        counted,
        folded,
        known,
        listed,
        measured,
        number,
        percent,
        sentence,
        sortable,
    ]
    environment.filters.update({each.__name__: each for each in filters})
    return environment


def sortable(value: float | None, nan_is_unknown: bool = False) -> str:
    """A number as report.js sorts by it: what is no number is larger than all, what is not known is an empty text."""
    if value is None or (nan_is_unknown and math.isnan(value)):
        return ""
    return repr(float(value)) if math.isfinite(value) else "Infinity"


def _visible(value: object) -> object:
    """Characters that nobody sees, as those that turn the direction of writing, become escapes."""
    return printable_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value
