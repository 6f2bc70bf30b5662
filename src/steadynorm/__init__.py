"""Batch normalization that behaves the same in training and in serving.

The public interface on one page. Nothing below is imported before it is used: no framework, and not even NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from steadynorm.api import diagnose
    from steadynorm.checking import check
    from steadynorm.drawing.api import draw
    from steadynorm.drawing.drawn import Drawn
    from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
    from steadynorm.experiments.api import sanity
    from steadynorm.finding import Certainty, Effect, Finding, Severity
    from steadynorm.mending.convert import Conversion, convert
    from steadynorm.mending.debias import debias_statistics
    from steadynorm.mending.records import Mended
    from steadynorm.mending.reestimate import repair_checkpoint
    from steadynorm.mending.transfer import take_statistics
    from steadynorm.monitor import Monitor
    from steadynorm.monitoring.session import TrainingWarning
    from steadynorm.recalibration import Recalibration, recalibrate
    from steadynorm.repair import Repair, repair
    from steadynorm.report.model import Report
    from steadynorm.report.result import CheckResult, Unread
    from steadynorm.subject import Subject

_HOMES = {
    "diagnose": "api",
    "check": "checking",
    "draw": "drawing.api",
    "Drawn": "drawing.drawn",
    "NoNormalizationLayersError": "errors",
    "UnusableInputError": "errors",
    "sanity": "experiments.api",
    "Certainty": "finding",
    "Effect": "finding",
    "Finding": "finding",
    "Severity": "finding",
    "Conversion": "mending.convert",
    "convert": "mending.convert",
    "debias_statistics": "mending.debias",
    "Mended": "mending.records",
    "repair_checkpoint": "mending.reestimate",
    "take_statistics": "mending.transfer",
    "Monitor": "monitor",
    "TrainingWarning": "monitoring.session",
    "Recalibration": "recalibration",
    "recalibrate": "recalibration",
    "Repair": "repair",
    "repair": "repair",
    "Report": "report.model",
    "CheckResult": "report.result",
    "Unread": "report.result",
    "Subject": "subject",
}

__all__ = [
    "Certainty",
    "CheckResult",
    "Conversion",
    "Drawn",
    "Effect",
    "Finding",
    "Mended",
    "Monitor",
    "NoNormalizationLayersError",
    "Recalibration",
    "Repair",
    "Report",
    "Severity",
    "Subject",
    "TrainingWarning",
    "Unread",
    "UnusableInputError",
    "check",
    "convert",
    "debias_statistics",
    "diagnose",
    "draw",
    "recalibrate",
    "repair",
    "repair_checkpoint",
    "sanity",
    "take_statistics",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'steadynorm' has no attribute {name!r}")
    return getattr(import_module(f"steadynorm.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
