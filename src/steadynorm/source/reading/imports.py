"""The lines of a text that import something, found without parsing it."""

from __future__ import annotations

import re
from collections.abc import Iterator


def imports(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches of a pattern at the beginnings of lines that have an import in them.

    They are searched for by that word, since a pattern that is tried at each line's beginning takes ten times as long.
    """
    at = text.find("import")
    while at >= 0:
        found = pattern.match(text, text.rfind("\n", 0, at) + 1)
        if found is not None:
            yield found
        end = text.find("\n", at)
        at = text.find("import", end) if end >= 0 else -1
