"""A run file as a page, or as a part of a report's page."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.report.html.page import write_page
from steadynorm.report.html.plots import NAMED_LINES, Plot, run_plots
from steadynorm.report.run import Loss, Run
from steadynorm.report.run_summary import CourseRow, course_rows, losses_said, run_looked_at, run_verdict

SHOWN_LOSSES = 24
"""Rows of the table of losses."""


def run_page(run: Run) -> str:
    """The page of a run file."""
    training = Training("training", run)
    return write_page("run.html", f"{run.model or 'Training'} – steadynorm", training.plots, training=training)


@dataclass(frozen=True)
class Training:
    """A run, as the templates show it.

    Arguments:
        id: what the ids of its elements begin with.
        run: the run.
    """

    id: str
    run: Run

    @property
    def verdict(self) -> str:
        """The whole run in one sentence."""
        return run_verdict(self.run)

    @property
    def looked_at(self) -> str:
        """What it rests on."""
        return run_looked_at(self.run)

    @property
    def layers(self) -> list[CourseRow]:
        """The layers, the furthest apart first."""
        return course_rows(self.run)

    @property
    def named(self) -> int:
        """How many layers have a line of their own."""
        return min(NAMED_LINES, len(self.run.layers))

    @property
    def losses_said(self) -> list[str]:
        """The losses in words."""
        return losses_said(self.run)

    @property
    def losses(self) -> list[Loss]:
        """Some of the losses, evenly over the run, the first and the last among them."""
        losses = self.run.losses
        if len(losses) <= SHOWN_LOSSES:
            return list(losses)
        last = len(losses) - 1
        return [losses[round(index * last / (SHOWN_LOSSES - 1))] for index in range(SHOWN_LOSSES)]

    @property
    def plots(self) -> list[Plot]:
        """What is plotted of it."""
        return run_plots(self.id, self.run, self.layers)
