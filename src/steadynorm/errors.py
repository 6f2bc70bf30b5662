"""What is raised when a subject cannot be used. The command line turns each into one line and an exit code."""

from __future__ import annotations


class UnusableInputError(ValueError):
    """The model, the data or a function of the subject cannot be used; the message says what, where and what to do."""


class NoNormalizationLayersError(UnusableInputError):
    """There is nothing to work on: the model has no normalization layer that applies."""
