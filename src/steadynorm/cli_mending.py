"""The commands that write checkpoints: repair and convert."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steadynorm.command import Device, Traceback, one_line
from steadynorm.errors import UnusableInputError

if TYPE_CHECKING:
    from steadynorm.mending.records import Mended

What = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT|FILE.py:NAME",
        help="The checkpoint to mend; or, to save a model anew, where the model and its data are: a file, or "
        "module:NAME. NAME is a steadynorm.Subject, or a function without required arguments that returns one.",
        show_default=False,
    ),
]
New = Annotated[
    Path | None, typer.Option("--output", "-o", help="The new checkpoint; never one that exists.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]
Names = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE.json", help="Names of layers or tensors that differ: an object of texts."),
]


def repair(
    target: What,
    output: New = None,
    subject: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:NAME", help="Re-estimate the checkpoint's statistics with this model's data."),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option("--from", metavar="OTHER", help="Take statistics that are missing or initial from here."),
    ] = None,
    names: Names = None,
    debias: Annotated[
        bool, typer.Option("--debias", help="Take the initial value out of statistics that lag, without data.")
    ] = False,
    decay: Annotated[
        float | None, typer.Option(help="For --debias: the fraction kept per update (1 - PyTorch's momentum).")
    ] = None,
    updates: Annotated[int | None, typer.Option(help="For --debias: how many updates there were.")] = None,
    dry_run: DryRun = False,
    device: Device = None,
    traceback: Traceback = False,
) -> None:
    """Write a new checkpoint whose statistics are right; what was given is never changed.

    With --subject, --from or --debias, a copy of CHECKPOINT in its own format, in which only the statistics differ.

    Without, a state dict of the model that FILE.py:NAME gives, with its loss or metric before and after.
    """
    with one_line(traceback):
        ways = [subject is not None, other is not None, debias]
        if sum(ways) > 1:
            raise UnusableInputError("--subject, --from and --debias are three ways to mend; expected one of them")
        _check_belongs(names is not None, other is not None, "--map", "--from")
        _check_belongs(decay is not None or updates is not None, debias, "--decay and --updates", "--debias")
        if not any(ways):
            _check_belongs(dry_run, False, "--dry-run", "--subject, --from or --debias")
            _repair_subject(target, _given(output), device)
            return
        # A dry run needs no name; whatever is shown is never written.
        new = _unnamed(target) if output is None and dry_run else _given(output)
        typer.echo(str(_mended(target, new, subject, other, names, decay, updates, dry_run, device)))


def convert(
    checkpoint: Annotated[str, typer.Argument(metavar="IN", help="The checkpoint, of any format.", show_default=False)],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The new checkpoint; never one that exists.", show_default=False)
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMEWORK",
            help="tensorflow, keras, torch or safetensors; by default what the ending of OUT says.",
        ),
    ] = None,
    names: Names = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Epsilon of the new model's layers: variances are changed to fit it.")
    ] = None,
    source_epsilon: Annotated[
        float | None, typer.Option(help="Epsilon of the old model's layers, where the file does not tell.")
    ] = None,
    only_normalization: Annotated[
        bool, typer.Option("--only-normalization", help="Leave the tensors of other layers out.")
    ] = False,
    dry_run: DryRun = False,
    traceback: Traceback = False,
) -> None:
    """Write a checkpoint's normalization layers with another framework's names and conventions.

    Shows what does not fit. Other tensors are copied as they are.
    """
    with one_line(traceback):
        from steadynorm.mending.convert import convert as converted

        result = converted(
            checkpoint,
            output,
            to=to,
            names=names,
            epsilon=epsilon,
            source_epsilon=source_epsilon,
            only_normalization=only_normalization,
            dry_run=dry_run,
        )
        typer.echo(str(result))


def _repair_subject(target: str, output: Path, device: str | None) -> None:
    from steadynorm.loading import subject_from
    from steadynorm.repair import repair as repaired
    from steadynorm.report.repair import as_text

    if not target.rpartition(":")[1] and Path(target).exists() and not target.endswith(".py"):
        raise UnusableInputError(
            f"{target} is a checkpoint: say how to mend it, with --subject FILE.py:NAME, --from OTHER or --debias"
        )
    with redirect_stdout(sys.stderr), subject_from(target) as subject:
        result = repaired(subject, output, device=device)
    typer.echo(as_text(subject.name, result))


def _mended(
    checkpoint: str,
    output: Path,
    subject: str | None,
    other: str | None,
    names: Path | None,
    decay: float | None,
    updates: int | None,
    dry_run: bool,
    device: str | None,
) -> Mended:
    if subject is not None:
        from steadynorm.loading import subject_from
        from steadynorm.mending.planning import opened
        from steadynorm.mending.reestimate import repair_checkpoint

        # What is refused is refused before the user's code runs, which may take its time over data.
        opened(checkpoint, output)
        with redirect_stdout(sys.stderr), subject_from(subject) as found:
            return repair_checkpoint(checkpoint, found, output, dry_run=dry_run, device=device)
    if other is not None:
        from steadynorm.mending.transfer import take_statistics

        return take_statistics(checkpoint, other, output, names=names, dry_run=dry_run)
    from steadynorm.mending.debias import debias_statistics

    return debias_statistics(checkpoint, output, decay=decay, updates=updates, dry_run=dry_run)


def _check_belongs(given: bool, allowed: bool, option: str, to: str) -> None:
    if given and not allowed:
        raise UnusableInputError(f"{option} goes with {to}")


def _given(output: Path | None) -> Path:
    if output is None:
        raise UnusableInputError("repair needs --output, the name of the new checkpoint")
    return output


def _unnamed(checkpoint: str) -> Path:
    """A name beside the checkpoint that nothing has."""
    path = Path(checkpoint.rstrip("/"))
    number = 0
    while any(path.parent.glob(f"{path.stem}-mended{number or ''}*")):
        number += 1
    return path.with_name(f"{path.stem}-mended{number or ''}{path.suffix}")
