"""The command that draws a model's network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from steadynorm.command import Traceback, one_line
from steadynorm.errors import UnusableInputError


def graph(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A TensorFlow graph (.meta, .pb, SavedModel), a checkpoint beside its .meta, an ONNX model or an "
            "exported PyTorch program (.pt2).",
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
    traceback: Traceback = False,
) -> None:
    """Draw a model's network: its blocks, its normalization layers by health, and what should run their updates."""
    with one_line(traceback):
        from steadynorm.delivery import check_output
        from steadynorm.drawing.making import draw, is_picture
        from steadynorm.writing import write_text

        as_picture = is_picture(output)
        if output is None and sys.stdout.isatty():
            raise UnusableInputError("a drawing is nothing for a terminal: expected --output network.html")
        if output is not None:
            check_output(output, (model,))
        drawn = draw(model, as_picture)
        if output is None:
            print(drawn.text, end="")
        else:
            check_output(output, drawn.files)
            write_text(output, drawn.text)
            typer.echo(f"{drawn.verdict} The drawing is in {output}.", err=True)
