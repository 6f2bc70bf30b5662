"""Python's own parser, and what it refuses said in one line."""

from __future__ import annotations

import ast
import re
import sys
import warnings

from steadynorm.errors import UnusableInputError

VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"

_SAID_OF_PYTHON_2 = (
    "missing parentheses in call to",
    "multiple exception types must be parenthesized",
    "leading zeros in decimal integer literals",
    "inconsistent use of tabs",
)
"""What Python 3 says about code of Python 2, where it recognises it."""

_PYTHON_2 = re.compile(
    r"""^\s*(?:print(?:\s+[^=\s(,.)]|\s*>>)|exec\s+["'\w]|except\s+[\w.]+\s*,\s*\w+\s*:|raise\s+[\w.]+\s*,)"""
    r"|<>|`[^`]+`|\b\d+[lL]\b|\b[uU][rR][\"']|\blambda\s*\(|def\s+\w+\((?:[^()=]*,)?\s*\(",
)
"""The same where it only says that the syntax is invalid."""


def parsed(path: str, text: str) -> ast.Module:
    """The syntax tree of a text.

    Raises:
        UnusableInputError: it is no Python of the version that runs; one line says where and why.
    """
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnusableInputError(f"{path}:{line}: has a null byte in it, so it is no source code, or it is UTF-16")
    try:
        with warnings.catch_warnings():
            # An invalid escape in a string of the user's is none of our business.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise UnusableInputError(_refused(path, text, error)) from error
    except (RecursionError, MemoryError) as error:
        raise UnusableInputError(f"{path}: is nested too deeply for Python's parser") from error
    except ValueError as error:
        raise UnusableInputError(f"{path}: cannot be parsed: {error}") from error


def _refused(path: str, text: str, error: SyntaxError) -> str:
    where = f"{path}:{error.lineno}" if error.lineno else path
    if "too many nested" in error.msg or "too complex" in error.msg:
        return f"{where}: is nested too deeply for Python's parser ({error.msg})"
    if _is_python_2(text, error):
        return f"{where}: is Python 2; expected Python 3: convert it with 2to3, or leave it out with --exclude"
    said = " ".join(error.msg.split())
    return f"{where}: is not valid {VERSION}: {said}"


def _is_python_2(text: str, error: SyntaxError) -> bool:
    if error.msg.lower().startswith(_SAID_OF_PYTHON_2):
        return True
    lines = re.split(r"\r\n|\r|\n", text)
    number = (error.lineno or 1) - 1
    return number < len(lines) and _PYTHON_2.search(lines[number]) is not None
