"""Messages name the other places of a notebook by cell and line."""

from __future__ import annotations

import pytest

from steadynorm.place import Place
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.reading.notebook import Cell
from steadynorm.source.tensorflow.sightings import near

_NOTEBOOK = SourceFile("a/net.ipynb", "x = 1\ny = 2\nz = 3\n", cells=(Cell(1, 1, 2, 0, 11), Cell(3, 3, 1, 12, 5)))


@pytest.mark.parametrize(
    ("place", "other", "name"),
    [
        (Place("a/net.ipynb", 1), Place("a/net.ipynb", 2), "line 2"),
        (Place("a/net.ipynb", 3), Place("a/net.ipynb", 2), "cell 1, line 2"),
        (Place("a/net.ipynb", 1), Place("a/net.ipynb", 3), "cell 3, line 1"),
        (Place("a/train.py", 1), Place("a/net.ipynb", 3), "net.ipynb, cell 3, line 1"),
        (Place("a/net.ipynb", 1), Place("a/train.py", 7), "train.py:7"),
        (Place("a/train.py", 1), Place("a/train.py", 7), "line 7"),
    ],
)
def test_other_places_are_named_by_cell_and_line(place: Place, other: Place, name: str) -> None:
    assert near(place, other, {_NOTEBOOK.path: _NOTEBOOK}) == name
