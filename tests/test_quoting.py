"""What exceptions say, quoted in one line."""

from __future__ import annotations

import pytest

from steadynorm.quoting import said

OF_KERAS = """Exception encountered when calling Cell.call().

\x1b[1mthe shapes do not fit\x1b[0m

Arguments received by Cell.call():
  • args=('a', 'b')"""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("two\nlines."), "ValueError: two lines"),
        (RuntimeError(OF_KERAS), "RuntimeError: Exception encountered when calling Cell.call(). the shapes do not fit"),
        (TypeError("x" * 400), f"TypeError: {'x' * 300}…"),
        (KeyError("name"), "KeyError: 'name'"),
    ],
)
def test_one_line(error: Exception, expected: str) -> None:
    assert said(error) == expected
