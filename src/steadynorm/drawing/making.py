"""What a drawing is made as, by the name of the file that it goes to."""

from __future__ import annotations

from pathlib import Path

from steadynorm.drawing.picture import require_svg
from steadynorm.errors import UnusableInputError
from steadynorm.report.pages import require_html


def is_picture(output: Path | None) -> bool:
    """Whether a file with this name is a picture, in contrast to a page.

    Raises:
        UnusableInputError: it is neither, or what it needs is not installed.
    """
    ending = ".html" if output is None else output.suffix.lower()
    if ending == ".svg":
        require_svg(str(output))
    elif ending in (".html", ".htm"):
        require_html(str(output or "a drawing"))
    else:
        raise UnusableInputError(f"cannot draw to {output}: expected a name that ends in .html or .svg")
    return ending == ".svg"
