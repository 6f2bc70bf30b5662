"""The command that draws a model's network."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steadynorm.command import Device, Traceback, one_line
from steadynorm.errors import UnusableInputError

if TYPE_CHECKING:
    from steadynorm.drawing.drawn import Drawn


def graph(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A TensorFlow graph (.meta, .pb, SavedModel), a checkpoint beside its .meta, an ONNX model or an "
            "exported PyTorch program (.pt2); or, as FILE.py:NAME, a steadynorm.Subject with a live model, or a "
            "function without required arguments that returns one.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="FILE.html is a page in which blocks open on click, FILE.svg a picture; by default the page goes to "
            "stdout.",
            show_default=False,
        ),
    ] = None,
    batches: Annotated[int, typer.Option(min=1, help="How many batches of its data a live model is judged by.")] = 20,
    device: Device = None,
    traceback: Traceback = False,
) -> None:
    """Draw a model's network: its blocks, its normalization layers by health, and what should run their updates.

    A live model is diagnosed and followed on a copy; nothing of yours is changed.
    """
    with one_line(traceback):
        from steadynorm.delivery import check_output
        from steadynorm.drawing.making import is_picture
        from steadynorm.loading import EXPECTED, file_of, names_subject
        from steadynorm.writing import write_text

        as_picture = is_picture(output)
        if output is None and sys.stdout.isatty():
            raise UnusableInputError("a drawing is nothing for a terminal: expected --output network.html")
        is_live = names_subject(model)
        if model.endswith(".py") and not is_live:
            raise UnusableInputError(f"{model} names no subject: expected {model}:NAME, where NAME is {EXPECTED}")
        if output is not None:
            check_output(output, (file_of(model) if is_live else model,))
        drawn = _live(model, batches, device) if is_live else _file(model, device)
        text = drawn.to_svg() if as_picture else f"{drawn.to_html()}\n"
        if output is None:
            print(text, end="")
        else:
            origin = drawn.report.origin
            check_output(output, origin.files if origin else ())
            write_text(output, text)
            typer.echo(f"{drawn.verdict} The drawing is in {output}.", err=True)


def _live(target: str, batches: int, device: str | None) -> Drawn:
    from steadynorm.drawing.api import draw
    from steadynorm.loading import subject_from

    with redirect_stdout(sys.stderr), subject_from(target) as subject:
        return draw(subject, batches=batches, device=device)


def _file(path: str, device: str | None) -> Drawn:
    from steadynorm.drawing.api import draw

    if device is not None:
        raise UnusableInputError(f"--device {device} is for a live model, FILE.py:NAME; {path} is read, and not run")
    return draw(path)
