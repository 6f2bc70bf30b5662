"""What fixes change in a notebook: shown by cell, and the same as what is read once they are made."""

from __future__ import annotations

import json
from pathlib import Path

import steadynorm
from steadynorm.fixing import difference
from steadynorm.source.editing.edits import fixed
from steadynorm.source.editing.rewritten import rewritten
from steadynorm.source.reading.files import read_source
from steadynorm.source_check import SourceTask, check_sources

CELLS = (
    "%matplotlib inline\nimport torch\nfrom torchvision.models import resnet18\n",
    "net = resnet18()\nnet.load_state_dict(torch.load('net.pt'))",
    "with torch.no_grad():\n    print(net(torch.load('x.pt')).argmax(1))",
    "print('done')",
)


def _written(path: Path) -> Path:
    cells = [
        {"cell_type": "markdown", "source": "# A look"},
        *({"cell_type": "code", "source": each} for each in CELLS),
    ]
    path.write_text(json.dumps({"cells": cells}, indent=1) + "\n", encoding="utf-8")
    return path


def test_difference_is_by_cell(tmp_path: Path) -> None:
    path = _written(tmp_path / "look.ipynb")
    result = steadynorm.check(path, progress=False)

    assert difference(result.reports, False) == (
        f"--- {path}:cell 4\n+++ {path}:cell 4\n@@ -1,2 +1,3 @@\n+net.eval()\n with torch.no_grad():\n"
        "     print(net(torch.load('x.pt')).argmax(1))\n"
    )


def test_notebook_with_edits_is_what_is_read_once_they_are_made(tmp_path: Path) -> None:
    path = _written(tmp_path / "look.ipynb")
    report = check_sources([str(path)], SourceTask(), {str(path)}).report
    assert report is not None
    done = fixed(report.sources, (each.fix for each in report.findings if each.fix is not None))
    after = rewritten(report.sources[str(path)], done.edits[str(path)])

    steadynorm.check(path, fix=True, progress=False)
    read = read_source(str(path))

    assert read is not None
    assert (after.text, after.cells) == (read.text, read.cells)
