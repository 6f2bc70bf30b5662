"""Where a report goes, and in which form."""

from __future__ import annotations

import os
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable
from pathlib import Path

from steadynorm.errors import UnusableInputError
from steadynorm.options import Form
from steadynorm.report.model import Report
from steadynorm.report.result import CheckResult
from steadynorm.report.run import Run
from steadynorm.report.words import printable
from steadynorm.writing import check_folder, write_text


def check_output(output: Path, inputs: Iterable[str | None]) -> None:
    """Refuses to write a report where it would cost something that is not a report, before the work is done.

    Arguments:
        output: where the report is to go.
        inputs: what the report is about.

    Raises:
        UnusableInputError: it is one of the inputs, a model or another file that is not text, or cannot be written to.
    """
    check_folder(output)
    for path in inputs:
        if path and (Path(path) == output or _are_one(path, output)):
            raise UnusableInputError(f"cannot write the report to {output}: it is what is read; expected another name")
    if output.exists() and not _is_text(output):
        raise UnusableInputError(
            f"cannot write the report to {output}: a model or another file that is not text stands there; expected "
            "another name"
        )


def _are_one(path: str, output: Path) -> bool:
    try:
        return os.path.samefile(path, output)
    except (OSError, ValueError):
        return False


def _is_text(path: Path) -> bool:
    """Whether a file is text, and neither the index of a model's files nor TensorFlow's note of a run's checkpoints."""
    from steadynorm.artifacts.formats import recognise
    from steadynorm.artifacts.search import STATE
    from steadynorm.artifacts.source import open_source

    if path.name == STATE:
        return False
    try:
        with open_source(str(path)) as source:
            start = source.head(1 << 16)
            getincrementaldecoder("utf-8")().decode(start)
            return b"\0" not in start and recognise(source) is None
    except UnicodeDecodeError:
        return False


_BY_ENDING = {".html": Form.HTML, ".htm": Form.HTML, ".json": Form.JSON, ".sarif": Form.SARIF}


def form_of(form: Form | None, output: Path | None, default: Form = Form.TEXT) -> Form:
    """The form of a report: the one that is asked for, or else what the ending of the file's name says.

    Arguments:
        form: what is asked for.
        output: where the report is to go.
        default: the form of any other file, and of stdout.

    Raises:
        UnusableInputError: it is HTML, and that needs something that is not installed, or a file to go to.
    """
    by_name = default if output is None else _BY_ENDING.get(output.suffix.lower(), default)
    chosen = form or by_name
    if chosen is Form.HTML:
        from steadynorm.report.pages import require_html

        require_html(str(output) if output is not None else "an HTML report")
        if output is None and sys.stdout.isatty():
            raise UnusableInputError("an HTML report is nothing for a terminal: expected --output report.html")
    return chosen


def deliver(report: Report | CheckResult | Run, form: Form, output: Path | None, run: Run | None = None) -> None:
    """Writes a report to stdout, or to a file; then stderr says in one sentence what is in it.

    What could not be read stands in the report, and where nobody looks at that now, on stderr as well.

    Arguments:
        report: the report.
        form: as `form_of` chose it; of a run `TEXT` or `HTML`.
        output: the file, `None` for stdout.
        run: the training of the model, which a page of the report shows as well.

    Raises:
        UnusableInputError: the file cannot be written.
    """
    unread = report.unread if isinstance(report, CheckResult) else ()
    alone = isinstance(report, CheckResult) and not report.reports
    if output is not None:
        write_text(output, f"{_as(form, report, run)}\n")
        _say(f"{_verdict(report)} The report is in {output}.")
    elif not (unread and alone and form is Form.TEXT):
        _show(report, form, run)
    if output is not None or form is not Form.TEXT or alone:
        for each in unread:
            _say(f"steadynorm: {' '.join(each.reason.split())}")


def deliver_difference(result: CheckResult, unsafe: bool, output: Path | None) -> None:
    """Writes what fixes would change, for `patch` (notebooks by cell, to be read), and says what was found on stderr.

    Raises:
        UnusableInputError: the file cannot be written.
    """
    from steadynorm.fixing import difference

    text = difference(result.reports, unsafe)
    if output is not None:
        write_text(output, text)
    else:
        print(text, end="")
    _say(f"{_verdict(result)}{'' if text else ' No fix would change a file.'}")
    for each in result.unread:
        _say(f"steadynorm: {' '.join(each.reason.split())}")


def deliver_baseline(result: CheckResult, file: Path) -> int:
    """Writes the findings to a baseline, says so on stderr, and returns the exit code.

    Raises:
        UnusableInputError: the file cannot be written.
    """
    from steadynorm import exits
    from steadynorm.known import all_told
    from steadynorm.report.words import counted
    from steadynorm.source.baseline import write_baseline

    told = all_told(result.reports)
    write_baseline(file, told)
    _say(f"{counted(len(told), 'finding')} written to {file}.")
    for each in result.unread:
        _say(f"steadynorm: {' '.join(each.reason.split())}")
    return exits.UNUSABLE if result.unread else exits.CLEAN


def _show(report: Report | CheckResult | Run, form: Form, run: Run | None) -> None:
    if form is Form.TEXT:
        from rich.console import Console

        console = Console()
        if console.is_terminal:
            console.print(report)
            return
    if text := _as(form, report, run):
        print(text)


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr)


def _as(form: Form, report: Report | CheckResult | Run, run: Run | None) -> str:
    if form is Form.HTML:
        return report.to_html(run) if isinstance(report, Report) else report.to_html()
    if form is Form.TEXT or isinstance(report, Run):
        return str(report)
    if form is Form.JSON:
        return report.to_json()
    result = CheckResult((report,)) if isinstance(report, Report) else report
    if form is Form.SARIF:
        return result.to_sarif()
    from steadynorm.report.github import to_github

    return to_github(result)


def _verdict(report: Report | CheckResult | Run) -> str:
    from steadynorm.report.run_summary import run_verdict
    from steadynorm.report.summary import result_verdict, verdict

    if isinstance(report, Run):
        return run_verdict(report)
    return verdict(report) if isinstance(report, Report) else result_verdict(report)
