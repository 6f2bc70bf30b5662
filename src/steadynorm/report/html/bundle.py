"""Plotly as it travels inside a report: compressed, and unpacked by the browser once the page can be read."""

from __future__ import annotations

import zlib
from base64 import b64encode
from functools import cache

from plotly.offline import get_plotlyjs

_FACTORY = ' : this, () => {\n"use strict"'
_END = "\n}));"


@cache
def compressed_plotly() -> str:
    """The library as base64 of raw deflate: 2 MB instead of 5, and no work for the browser before the text is there."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b64encode(pack.compress(_compiled_at_once(get_plotlyjs()).encode()) + pack.flush()).decode()


def _compiled_at_once(source: str) -> str:
    """The same program with a bracket around the function that holds all of it.

    Browsers put off compiling a function until it is called, unless it stands in brackets. This one is called at once,
    and looking through 5 MB twice would take a quarter of the time until the plots are there.
    """
    head, found, body = source.rstrip().partition(_FACTORY)
    if not found or not body.endswith(_END):
        return source
    bracketed = _FACTORY.replace("() =>", "(() =>")
    return "".join([head, bracketed, body.removesuffix(_END), "\n})));"])
