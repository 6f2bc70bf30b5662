"""The exit codes of every command, and of `Report.exit_status()` for scripts."""

CLEAN = 0
"""Nothing at or over the severity that was asked for."""

FINDINGS = 1
"""Findings at or over it."""

UNUSABLE = 2
"""Unusable input, of which some is enough where there is more, or a command that was used wrongly."""

NOTHING = 3
"""Nothing to check: no normalization layers, or nothing to make any of the chosen checks by."""
