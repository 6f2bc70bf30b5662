"""How things look in a terminal."""

from steadynorm.finding import Severity

WIDEST = 100
"""Columns after which lines get too long to read."""

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}
