"""From a path to the text of a page or a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steadynorm.drawing.picture import picture, require_svg
from steadynorm.errors import UnusableInputError
from steadynorm.extras import require
from steadynorm.report.pages import require_html
from steadynorm.report.summary import verdict


@dataclass(frozen=True, slots=True)
class Made:
    """A drawing as text.

    Arguments:
        text: the page or the picture.
        verdict: what was found in the model, in one sentence.
        files: what was read.
    """

    text: str
    verdict: str
    files: tuple[str, ...]


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


def draw(path: str, as_picture: bool) -> Made:
    """Reads, checks and draws the model that a path stands for; the model is not changed and nothing in it runs.

    Arguments:
        path: a file, a folder with one model, or the prefix of a checkpoint.
        as_picture: as SVG and not as a page.

    Raises:
        UnusableInputError: it is no model, or several, cannot be read, or has no graph that is drawn.
    """
    require(("google",), path, "files")
    from steadynorm.drawing.drawing import drawing_of
    from steadynorm.drawing.reading import read

    found = read(path)
    drawing = drawing_of(found.network, found.report)
    said = verdict(found.report)
    if as_picture:
        text = picture(drawing, said)
    else:
        from steadynorm.drawing.page import page

        text = f"{page(drawing, found.report)}\n"
    origin = found.report.origin
    return Made(text, said, origin.files if origin else ())
