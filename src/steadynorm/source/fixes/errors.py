"""What a fix raises that cannot be made. The finding is then reported without one."""

from __future__ import annotations


class NoFixError(Exception):
    """The text is not as the fix needs it; the message says why, for whoever writes the fix."""


class WithheldError(NoFixError):
    """The fix can be written and might break the program; the message is a sentence for whoever reads the finding."""
