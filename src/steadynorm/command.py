"""What all commands share: options, and errors that are one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from steadynorm import exits
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.extras import missing_module

Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE.py:NAME",
        help="Where the model and its data are: a file, or module:NAME. NAME is a steadynorm.Subject, or a function "
        "without required arguments that returns one.",
        show_default=False,
    ),
]
Device = Annotated[str | None, typer.Option(help="Where to run, as cuda:0. By default where the model is.")]
Traceback = Annotated[bool, typer.Option("--traceback", help="Show where an error comes from.")]


@contextmanager
def one_line(show_traceback: bool, who: str = "steadynorm", extra: str | None = None) -> Iterator[None]:
    """Turns whatever is raised into one line on stderr and an exit code that no finding has."""
    try:
        yield
    except (Exception, SystemExit) as error:
        # A reader of stdout that has seen enough is no error of this command.
        if isinstance(error, typer.Exit | BrokenPipeError):
            raise
        if show_traceback:
            from traceback import print_exc

            print_exc()
        typer.echo(f"steadynorm: {_line(error, who, extra)}", err=True)
        raise typer.Exit(exits.NOTHING if isinstance(error, NoNormalizationLayersError) else exits.UNUSABLE) from None


def _line(error: BaseException, who: str, extra: str | None) -> str:
    if isinstance(error, ModuleNotFoundError):
        return missing_module(error, who, extra)
    if not isinstance(error, UnusableInputError):
        return f"stopped by {type(error).__name__}: {' '.join(str(error).split())}; --traceback shows where"
    return " ".join(str(error).split())
