"""JSON objects out of files that nobody vouches for."""

from __future__ import annotations

import json
from typing import Any

from steadynorm.errors import UnusableInputError


def read_object(path: str, text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object.

    Arguments:
        path: the file that it is from, for the error.
        text: the JSON.
        what: what it should be, for the error.

    Raises:
        UnusableInputError: it is not, or nests too deep to be read.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise UnusableInputError(f"{path}: {what} is no JSON: {reason[:200]}") from error
    if not isinstance(found, dict):
        raise UnusableInputError(f"{path}: {what} is a {type(found).__name__}; expected an object")
    return found
