"""The choices that options of several commands have."""

from __future__ import annotations

from enum import StrEnum

from steadynorm.finding import Severity


class Form(StrEnum):
    """The forms of a report."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(StrEnum):
    """From which severity on findings make the exit code 1."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    NEVER = "never"

    @property
    def severity(self) -> Severity | None:
        """The severity; `None` lets everything pass."""
        return None if self is FailOn.NEVER else Severity(self.value)
