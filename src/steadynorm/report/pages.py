"""Reports as HTML pages: the way into the room that needs more than steadynorm brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steadynorm.extras import require

if TYPE_CHECKING:
    from steadynorm.report.model import Report
    from steadynorm.report.result import CheckResult
    from steadynorm.report.run import Run


def require_html(who: str = "an HTML report") -> None:
    """Makes sure that pages can be made.

    Raises:
        UnusableInputError: what they need is not installed; the message says how to install it.
    """
    require(("jinja2", "markdown_it", "plotly"), who, "html")


def report_to_html(report: Report, run: Run | None = None) -> str:
    """The page of a report, with its training where there is a run file of it."""
    require_html()
    from steadynorm.report.html.diagnosis import report_page

    return report_page(report, run)


def result_to_html(result: CheckResult) -> str:
    """The page of a check of files."""
    require_html()
    from steadynorm.report.html.diagnosis import result_page

    return result_page(result)


def run_to_html(run: Run) -> str:
    """The page of a run file."""
    require_html()
    from steadynorm.report.html.training import run_page

    return run_page(run)
