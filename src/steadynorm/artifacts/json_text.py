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
        raise UnusableInputError(f"{path}: {what} is no JSON: {why_no_json(error)}") from error
    if not isinstance(found, dict):
        raise UnusableInputError(f"{path}: {what} is a {type(found).__name__}; expected an object")
    return found


def why_no_json(error: ValueError | RecursionError) -> str:
    """What is wrong with a text that was to be JSON, without advice that is meant for programmers."""
    if isinstance(error, RecursionError):
        return "it nests too deep"
    reason = str(error)
    return "a number in it has thousands of digits" if "integer string conversion" in reason else reason[:200]
