"""What a check of files comes to: a report per model, what could not be read, and what was left aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steadynorm import exits
from steadynorm.finding import Finding, Severity
from steadynorm.report.model import Report


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was to be checked and could not be read.

    Arguments:
        path: the file or folder.
        reason: what is wrong with it, in one line that names it.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is not reported, since it is known.

    Arguments:
        suppressed: findings that comments in the source or the settings leave out.
        known: findings of the baseline.
        gone: findings of the baseline that did not come up again.
        needless: comments that leave out nothing though all checks were made, or name no check, each in one line.
    """

    suppressed: int = 0
    known: int = 0
    gone: int = 0
    needless: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """Everything that a check of files found out.

    Arguments:
        reports: one per model, in the order of the paths; then one of all source code, if there is any.
        unread: what could not be read.
        skipped: how many files of a searched folder were left aside, by why.
        hidden: what is not reported, since it is known.
        fixed: the findings that were fixed, and so are in no report any more.
    """

    reports: tuple[Report, ...] = ()
    unread: tuple[Unread, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    hidden: Hidden = Hidden()
    fixed: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all reports, in their order."""
        return tuple(found for report in self.reports for found in report.findings)

    def exit_status(self, fail_on: Severity | None = Severity.WARNING) -> int:
        """For scripts: 2 if something could not be read, whatever was found in the rest; else as of the reports.

        1 with findings at or over `fail_on` (`None` lets everything pass), 3 where no file has a normalization
        layer or anything else that could be assessed, and 0.
        """
        if self.unread:
            return exits.UNUSABLE
        statuses = {report.exit_status(fail_on) for report in self.reports} or {exits.NOTHING}
        order = (exits.FINDINGS, exits.CLEAN, exits.NOTHING)
        return next(status for status in order if status in statuses)

    def to_json(self, indent: int | None = 2) -> str:
        """The result as JSON, by the schema documented in docs/report-json.md."""
        from steadynorm.report.json import result_to_json

        return result_to_json(self, indent)

    def to_sarif(self, indent: int | None = 2) -> str:
        """The result as SARIF 2.1.0, for code scanning."""
        from steadynorm.report.sarif import to_sarif

        return to_sarif(self, indent)

    def to_html(self) -> str:
        """The result as an HTML page that is complete by itself.

        Raises:
            UnusableInputError: the extra `html` is not installed.
        """
        from steadynorm.report.pages import result_to_html

        return result_to_html(self)

    def __str__(self) -> str:
        """The result as plain text, 80 columns wide."""
        from steadynorm.report.files import as_text

        return as_text(self)

    def __rich__(self) -> object:
        """The result for a rich console."""
        from steadynorm.report.files import renderable

        return renderable(self)
