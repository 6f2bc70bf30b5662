"""The commands. What they do stands elsewhere; here are their options, their exit codes and their one-line errors.

stdout carries the report and nothing else: what the user's own code prints goes to stderr.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import steadynorm
from steadynorm import cli_drawing, cli_mending
from steadynorm.command import Device, Target, Traceback, one_line
from steadynorm.errors import UnusableInputError
from steadynorm.options import FailOn, Form

if TYPE_CHECKING:
    from steadynorm.settings import Settings

MOST_WORKERS = 8
"""Processes that a check of many files uses at most; the disk is busy with these."""

_ALONE = "alone"
"""What a command is told where it is all that its process does."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Output = Annotated[
    Path | None,
    typer.Option(
        help="Write the report to this file instead of to stdout; its name may say the form: .html, .json, .sarif."
    ),
]
FormOption = Annotated[
    Form | None, typer.Option("--format", help="How the report is written; text if not given.", show_default=False)
]
Select = Annotated[list[str] | None, typer.Option(help="Check only these codes or prefixes: SN1,SN201.")]
Ignore = Annotated[list[str] | None, typer.Option(help="Leave these codes or prefixes out.")]
FailFrom = Annotated[
    FailOn | None, typer.Option(help="Exit with 1 from this severity on; warning if not given.", show_default=False)
]


def main() -> None:
    """The command `steadynorm`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that has no arrow gets a question mark instead of an error.
            stream.reconfigure(errors="replace")
    app(prog_name="steadynorm", obj=_ALONE)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"steadynorm {steadynorm.__version__}")
        raise typer.Exit


@app.callback()
def _steadynorm(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Batch normalization that behaves the same in training and in serving.

    Exit codes: 0 nothing found, 1 findings at or over --fail-on, 2 unusable input, 3 nothing to check.
    """


@app.command()
def check(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Python files, notebooks, checkpoints, graphs, exported models, prefixes of checkpoints, folders that "
            "are searched for them; s3:// and the like as well.",
            show_default=False,
        ),
    ],
    before: Annotated[
        str | None, typer.Option(metavar="OLD", help="Compare with this earlier checkpoint of the same model.")
    ] = None,
    form: FormOption = None,
    output: Output = None,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave these names or patterns out of a search: archive, runs/*/tmp.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Edit source files where a safe edit mends a finding.")] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option("--unsafe-fixes", help="With --fix or --diff: edits as well that change what may be wanted."),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Show what --fix would change (for patch; notebooks by cell), and change nothing."),
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Do not report the findings in this file.", show_default=False)
    ] = None,
    new_baseline: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE", help="Write all findings to this file.", show_default=False),
    ] = None,
    fail_on: FailFrom = None,
    traceback: Traceback = False,
) -> None:
    """Find out from source code and from files what is wrong with a model's normalization.

    Nothing in them is run, and nothing is changed without --fix.

    Exit code 2 says that something could not be read, whatever was found in the rest.

    For options that are not given, the table tool.steadynorm of pyproject.toml counts.
    """
    with one_line(traceback, extra="files"), _to_the_end(context.obj == _ALONE and not fix):
        from steadynorm.checking import check as checked
        from steadynorm.delivery import check_output, deliver, deliver_baseline, deliver_difference, form_of

        _check_options(fix, unsafe_fixes, diff, baseline, new_baseline)
        chosen = Form.TEXT if diff or new_baseline is not None else form_of(form, output)
        settings = _settings(select, ignore, fail_on, exclude)
        for written in (output, new_baseline):
            if written is not None:
                check_output(written, (*paths, before))
        result = checked(
            paths,
            before=before,
            select=settings.select,
            ignore=settings.ignore,
            exclude=settings.exclude,
            per_file_ignores=settings.per_file_ignores,
            root=settings.root,
            baseline=None if new_baseline is not None else baseline or settings.baseline,
            fix=fix,
            unsafe_fixes=unsafe_fixes,
            try_fixes=diff,
            workers=min(os.cpu_count() or 1, MOST_WORKERS),
        )
        if new_baseline is not None:
            status = deliver_baseline(result, new_baseline)
            raise typer.Exit(status)
        if diff:
            deliver_difference(result, unsafe_fixes, output)
        else:
            deliver(result, chosen, output)
        status = result.exit_status(settings.fail_on.severity)
    raise typer.Exit(status)


@app.command()
def diagnose(
    target: Target,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json (docs/report-json.md).")] = False,
    form: FormOption = None,
    output: Output = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What steadynorm.Monitor wrote of the training: the HTML report draws it.",
            show_default=False,
        ),
    ] = None,
    batches: Annotated[int, typer.Option(min=1, help="How many batches of each kind of data are sampled.")] = 20,
    device: Device = None,
    select: Select = None,
    ignore: Ignore = None,
    fail_on: FailFrom = None,
    traceback: Traceback = False,
) -> None:
    """Find out why a model behaves differently in inference than in training.

    The model is measured and repaired on copies; nothing of yours is changed.

    For options that are not given, the table tool.steadynorm of pyproject.toml counts.
    """
    with one_line(traceback):
        from steadynorm.api import diagnose as diagnosed
        from steadynorm.delivery import check_output, deliver, form_of
        from steadynorm.loading import file_of, subject_from
        from steadynorm.report.run import read_run

        if json and form not in (None, Form.JSON):
            raise UnusableInputError(f"--json and --format {form} contradict each other; expected one of them")
        chosen = form_of(Form.JSON if json else form, output)
        if run is not None and chosen is not Form.HTML:
            raise UnusableInputError("--run goes with an HTML report: expected --output FILE.html as well")
        settings = _settings(select, ignore, fail_on)
        training = None if run is None else read_run(run)
        if output is not None:
            check_output(output, (file_of(target), None if run is None else str(run)))
        with redirect_stdout(sys.stderr), subject_from(target) as subject:
            if output is not None:
                # Of a module the file is known once it is imported.
                check_output(output, (file_of(target),))
            report = diagnosed(subject, batches=batches, device=device, select=settings.select, ignore=settings.ignore)
        report = replace(report, code=file_of(target))
        deliver(report, chosen, output, training)
        status = report.exit_status(settings.fail_on.severity)
    raise typer.Exit(status)


@app.command()
def sanity(
    target: Target,
    losses: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A recorded training loss: a CSV file, a TensorBoard event file or a folder with one.",
            show_default=False,
        ),
    ] = None,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="The task needs the order of its data: do not look at it.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="How long all experiments may take.")] = 60.0,
    form: FormOption = None,
    output: Output = None,
    device: Device = None,
    select: Select = None,
    ignore: Ignore = None,
    fail_on: FailFrom = None,
    traceback: Traceback = False,
) -> None:
    """Try whether a model can be trained: one batch, the identity, scales, ranges, the order of the data.

    Copies are trained for a minute at most; nothing of yours is changed.

    For options that are not given, the table tool.steadynorm of pyproject.toml counts.
    """
    with one_line(traceback):
        from steadynorm.delivery import check_output, deliver, form_of
        from steadynorm.experiments.api import sanity as examined
        from steadynorm.loading import file_of, subject_from

        chosen = form_of(form, output)
        settings = _settings(select, ignore, fail_on)
        if output is not None:
            check_output(output, (file_of(target),))
        with redirect_stdout(sys.stderr), subject_from(target) as subject:
            report = examined(
                subject,
                losses=losses,
                sequential=sequential,
                seconds=seconds,
                device=device,
                select=settings.select,
                ignore=settings.ignore,
            )
        report = replace(report, code=file_of(target))
        deliver(report, chosen, output)
        status = report.exit_status(settings.fail_on.severity)
    raise typer.Exit(status)


@app.command()
def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The run file that steadynorm.Monitor wrote, or the report of a live model that diagnose or sanity "
            "wrote as JSON.",
            show_default=False,
        ),
    ],
    output: Output = None,
    traceback: Traceback = False,
) -> None:
    """Show what a monitor saw of a training, or make a page of a report that was written as JSON.

    Of a training: warnings, losses, and how far each layer's statistics were off.
    """
    with one_line(traceback):
        from steadynorm.delivery import check_output, deliver, form_of
        from steadynorm.report.written import read_recorded

        form = form_of(None, output)
        if output is not None:
            check_output(output, (str(run),))
        if form not in (Form.TEXT, Form.HTML):
            raise UnusableInputError(
                f"{output}: this command writes text or a page; expected --output FILE.html or .txt"
            )
        deliver(read_recorded(run), form, output)


app.command()(cli_mending.repair)
app.command()(cli_mending.convert)
app.command()(cli_drawing.graph)


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="A check, as SN101.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="List all checks.")] = False,
) -> None:
    """Show the page of a check: what, why, how to see it, how to fix it, when to ignore it."""
    with one_line(False):
        from steadynorm.report.explanation import show_all, show_page

        if every:
            show_all()
        elif code is None:
            raise UnusableInputError("explain needs a code, as 'steadynorm explain SN101', or --all for a list of them")
        else:
            show_page(code)


@app.command()
def demo(traceback: Traceback = False) -> None:
    """Train a small network on handwritten digits, break it in classic ways, diagnose and repair it."""
    with one_line(traceback, "steadynorm demo", "demo"):
        from rich.console import Console

        status: int = import_module("steadynorm.torch.demo").run(Console())
    raise typer.Exit(status)


@contextmanager
def _to_the_end(alone: bool) -> Iterator[None]:
    """In a process that ends after this: without looking for memory to free, which would take a fifth of the time.

    Python itself looks once more at its end, at all but what is frozen.
    """
    if alone:
        gc.disable()
    try:
        yield
    finally:
        if alone:
            gc.freeze()


def _check_options(fix: bool, unsafe_fixes: bool, diff: bool, baseline: Path | None, new_baseline: Path | None) -> None:
    if fix and diff:
        raise UnusableInputError("--fix and --diff contradict each other; --diff only shows what --fix would change")
    if unsafe_fixes and not (fix or diff):
        raise UnusableInputError("--unsafe-fixes needs --fix, which makes them, or --diff, which shows them")
    if new_baseline is not None and (baseline is not None or fix or diff):
        raise UnusableInputError(
            "--write-baseline writes all findings; expected no --baseline, --fix or --diff with it"
        )


def _settings(
    select: list[str] | None, ignore: list[str] | None, fail_on: FailOn | None, exclude: list[str] | None = None
) -> Settings:
    """The project's settings, but for the options that were given."""
    from steadynorm.selection import codes
    from steadynorm.settings import settings_from

    settings = settings_from(Path())
    return replace(
        settings,
        select=settings.select if select is None else codes(select),
        ignore=settings.ignore if ignore is None else codes(ignore),
        fail_on=fail_on or settings.fail_on,
        exclude=settings.exclude if exclude is None else tuple(exclude),
    )
