"""Numbers, names and counts as a reader wants them. One place, so that every report says them the same way."""

from __future__ import annotations

import math
from collections.abc import Sequence

SHOWN_NAMES = 2
"""Names that are shown before the rest is only counted."""


def number(value: float) -> str:
    """Three significant digits, as `0.310`, `1.2e+06` or `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # Trailing zeros stay, so that numbers that are compared show the same precision.
    return f"{value:#.3g}".rstrip(".") if value == 0 or 1e-3 <= abs(value) < 1e3 else f"{value:.3g}"


def measured(value: float | None, error: float) -> str:
    """A value with its standard error, as `0.310 ± 0.009`; a dash without one.

    Both have the same number of decimals, and large values only as many as they need.
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return number(value)
    size = max(abs(value), abs(error) if math.isfinite(error) else 0.0)
    if size >= 1e5:
        return f"{value:.2e} ± {error:.0e}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def known(value: float | None) -> str:
    """A number, or a dash for one that is not known."""
    return "–" if value is None or math.isnan(value) else number(value)


_LEAST_SHARE = 1e-3
"""A remedy that closes less of a gap than this is no gain."""


def percent(share: float) -> str:
    """A share as `71 %`. What is not nothing is never called 0 %, and what is not all never 100 %."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 0.9995:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def closed(share: float | None, before: float | None, after: float | None) -> str:
    """What a remedy did: the share of the gap that it closed, or no gain; empty where there was no gap to close.

    Arguments:
        share: the share that it closed, `None` without a gap.
        before: the number before it.
        after: the number after it.
    """
    if share is None:
        return "no gain" if None not in (before, after) and number(before or 0.0) == number(after or 0.0) else ""
    return "no gain" if share < _LEAST_SHARE else f"{percent(share)} of the gap"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun, as `1 layer` or `2 layers`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, as `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def folded(names: Sequence[str], most: int = SHOWN_NAMES) -> str:
    """Layers by name, a long list as `conv1, conv2 and 12 more`; `most` are named where it is long."""
    shown = [name or "the model itself" for name in names]
    if len(shown) <= most + 1:
        return listed(shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most} more"


def sentence(text: str) -> str:
    """The text with a capital at its start and a full stop at its end.

    A first word that is code, with a dot, an underscore or a bracket in it, keeps its case; a last line that is code,
    indented below the text, gets no full stop.
    """
    first = text.split(" ", 1)[0]
    if first.isalpha():
        text = text[:1].upper() + text[1:]
    is_code = text.rpartition("\n")[2].startswith(" ")
    return text if is_code or text.endswith((".", "!", "?")) else f"{text}."


def printable(text: str) -> str:
    """The text without what a terminal would obey or cannot show: names come from files, and files from anywhere.

    Control characters, the end of a line among them, and bytes that are not UTF-8 become escapes, as `\\x1b`.
    """
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, whose ends stay."""
    return "\n".join(map(printable, text.split("\n")))


def _escape(character: str) -> str:
    # How Python keeps a byte of a file's name that is not UTF-8.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return ascii(character)[1:-1]


def shortened(text: str, width: int) -> str:
    """The text in at most `width` characters, its middle left out: both ends of a layer's path tell it apart."""
    if len(text) <= width:
        return text
    left = (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - (width - 1 - left) :]}"
