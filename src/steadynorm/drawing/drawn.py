"""A model that can be drawn: its network, what was found in it, and the page or picture of both."""

from __future__ import annotations

from dataclasses import dataclass

from steadynorm.drawing.drawing import Drawing, drawing_of
from steadynorm.drawing.network import Network
from steadynorm.drawing.picture import picture, require_svg
from steadynorm.report.model import Report
from steadynorm.report.pages import require_html
from steadynorm.report.summary import verdict


@dataclass(frozen=True, slots=True)
class Drawn:
    """A model's network, with what was found in it.

    Arguments:
        network: what is drawn.
        report: what was found; layers are coloured by it.
    """

    network: Network
    report: Report

    @property
    def drawing(self) -> Drawing:
        """What is seen of the network, as plain values."""
        return drawing_of(self.network, self.report)

    @property
    def verdict(self) -> str:
        """What was found in the model, in one sentence."""
        return verdict(self.report)

    def to_html(self) -> str:
        """A page that is complete by itself; blocks open on click and by key.

        Raises:
            UnusableInputError: the extra `html` is not installed.
        """
        require_html("a drawing")
        from steadynorm.drawing.page import page

        return page(self.drawing, self.report)

    def to_svg(self) -> str:
        """A picture, with the blocks open in which there are normalization layers.

        Raises:
            UnusableInputError: the extra `svg` is not installed.
        """
        require_svg("a drawing")
        return picture(self.drawing, self.verdict)
