"""A drawing as an SVG file, laid out by the same programs that run in the page."""

from __future__ import annotations

import json

from steadynorm.drawing.drawing import Drawing
from steadynorm.drawing.programs import engine, program
from steadynorm.extras import require
from steadynorm.report.words import printable

MOST_SHOWN = 200
"""Things in a picture; more take the engine minutes, and nobody finds anything among them."""

_BESIDE_A_BROWSER = "globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));"
"""What the engine takes for granted and the language alone does not have."""


def require_svg(who: str) -> None:
    """Makes sure that what a picture needs is installed.

    Raises:
        UnusableInputError: it is not; the message says how to install it.
    """
    require(("py_mini_racer",), who, "svg")


def picture(drawing: Drawing, title: str) -> str:
    """The drawing as the text of an SVG file, with the blocks open in which there are normalization layers.

    Arguments:
        drawing: what is drawn.
        title: what it shows, in a sentence.
    """
    from py_mini_racer import MiniRacer

    given = (drawing.plain(), drawing.opened_for_layers(MOST_SHOWN), printable(title), program("static/network.css"))
    arguments = ", ".join(json.dumps(each) for each in given)
    runtime = MiniRacer()
    try:
        for source in (_BESIDE_A_BROWSER, engine(), program("static/layout.js")):
            runtime.eval(source)
        return f"{runtime.eval(f'drawing.picture({arguments})')}\n"
    finally:
        runtime.close()
