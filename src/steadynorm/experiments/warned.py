"""Warnings of the user's code and of frameworks, which hundreds of steps would repeat, shown once each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def warned_once() -> Iterator[None]:
    """Shows every warning from inside at its end, and none of them twice; those that are errors remain errors."""
    seen: dict[tuple[str, type[Warning]], warnings.WarningMessage] = {}
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        for each in caught:
            seen.setdefault((str(each.message), each.category), each)
        for each in seen.values():
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
