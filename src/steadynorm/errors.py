"""What is raised when a subject cannot be used. The command line turns each into one line and an exit code."""

from __future__ import annotations


class UnusableInputError(ValueError):
    """The model, the data or a function of the subject cannot be used; the message says what, where and what to do."""


class NoModelError(UnusableInputError):
    """A file or folder that is what it should be and holds no model that is read; no search fails because of one.

    Arguments:
        message: what it is, in one line that names it.
        aside: the same in a few words, under which a search counts it.
    """

    def __init__(self, message: str, aside: str) -> None:
        super().__init__(message)
        self.aside = aside


class NoNormalizationLayersError(UnusableInputError):
    """There is nothing to work on: the model has no normalization layer that applies."""
