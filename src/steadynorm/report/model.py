"""The report of a diagnosis: findings, evidence, and what was not assessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steadynorm import exits
from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.checks.registry import NotAssessed
from steadynorm.evidence import Evidence
from steadynorm.finding import Finding, Severity
from steadynorm.place import Place, Shown

if TYPE_CHECKING:
    from steadynorm.report.run import Run
    from steadynorm.source.reading.files import SourceFile


@dataclass(frozen=True, slots=True)
class Origin:
    """The files that a report is about.

    Arguments:
        path: the file, folder or prefix that names the model.
        files: all that belong to it, `path` among them if it is a file.
        format: what they are, in words.
        code: functions that a file names and that loading it with pickle would run, as `posix.system`; none was run.
    """

    path: str
    files: tuple[str, ...]
    format: str
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything that a diagnosis of a model, a check of its files or a check of source code found out.

    A report is about one model; of source code it is about one project, all of whose files are read together, since a
    layer is built in one and trained by another. Its evidence then has a `program` and no layers.

    Arguments:
        name: the subject's name; of source code the file, or the folder that holds all of its files.
        evidence: the measurements.
        findings: causes in order of the share of the gap that each explains.
        not_assessed: checks that could not be made, and why.
        select: the codes or prefixes that the diagnosis was limited to; all if empty.
        ignore: the codes or prefixes that it left out.
        origin: the files that it is about, `None` for a live model.
        code: the file with the code that a live model was built by, where it is known.
        sources: the source files that its findings and their fixes are about, by their paths.
    """

    name: str
    evidence: Evidence
    findings: tuple[Finding, ...] = ()
    not_assessed: tuple[NotAssessed, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    origin: Origin | None = None
    code: str | None = None
    sources: Mapping[str, SourceFile] = field(default_factory=dict)

    @classmethod
    def nothing_to_check(cls, name: str, framework: str, origin: Origin | None = None) -> Report:
        """The report of a model without normalization layers."""
        return cls(name, Evidence(framework=framework, layers=()), origin=origin)

    @property
    def file(self) -> str | None:
        """What code scanning may point to: the model's file, or the code of a live one; `None` without either."""
        return self.code if self.origin is None else self.origin.path

    @property
    def is_source(self) -> bool:
        """Whether it is about source code."""
        return self.evidence.program is not None and not self.evidence.layers

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to check: nothing that normalizes, and nothing found in the rest."""
        program = self.evidence.program
        normalizes = self.evidence.layers or (program is not None and program.normalizations)
        return not (normalizes or self.findings or self.evidence.experiments)

    def shown(self, place: Place | None) -> Shown | None:
        """A place in source code as a reader counts; `None` without one."""
        source = None if place is None else self.sources.get(place.path)
        return None if source is None or place is None else source.shown(place)

    @property
    def checked(self) -> tuple[str, ...]:
        """The codes that were checked: chosen and assessed."""
        if self.is_empty:
            return ()
        missing = {each.code for each in self.not_assessed}
        chosen = self.select or ("SN",)
        return tuple(
            code
            for code in CATALOGUE
            if code.startswith(chosen) and not code.startswith(self.ignore) and code not in missing
        )

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of this severity and worse."""
        return tuple(found for found in self.findings if found.severity.rank >= severity.rank)

    def exit_status(self, fail_on: Severity | None = Severity.WARNING) -> int:
        """For scripts: 0 nothing at or over `fail_on` (`None` lets everything pass), 1 findings, 3 nothing to check.

        Nothing to check is a model without normalization layers, or one of which none of the chosen checks could be
        made. A gap that no finding explains fails, too, where all checks were made: something is wrong with the
        inference.
        """
        if not self.checked:
            return exits.NOTHING
        if fail_on is None:
            return exits.CLEAN
        gap, all_checks = self.evidence.gap, not self.select and not self.ignore
        unexplained = all_checks and gap is not None and gap.size > 0 and not any(each.share for each in self.findings)
        return exits.FINDINGS if unexplained or self.at_least(fail_on) else exits.CLEAN

    def to_json(self, indent: int | None = 2) -> str:
        """The report as JSON, by the schema documented in docs/report-json.md."""
        from steadynorm.report.json import to_json

        return to_json(self, indent)

    def to_html(self, run: Run | None = None) -> str:
        """The report as an HTML page that is complete by itself.

        Arguments:
            run: the training of the model, which is drawn with it: `read_run` of what a monitor wrote.

        Raises:
            UnusableInputError: the extra `html` is not installed.
        """
        from steadynorm.report.pages import report_to_html

        return report_to_html(self, run)

    def __str__(self) -> str:
        """The report as plain text, 80 columns wide."""
        from steadynorm.report.terminal import as_text

        return as_text(self)

    def __rich__(self) -> object:
        """The report for a rich console."""
        from steadynorm.report.terminal import renderable

        return renderable(self)
