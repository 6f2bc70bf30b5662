"""The findings in source code as a plugin of flake8, which hands over one file at a time.

What one file tells is all that can be found so: a layer that another file builds and a step that another file takes are
seen by `steadynorm check`, which reads a project as a whole. Comments of both kinds are heeded, `# noqa: SN501` by
flake8 and `# steadynorm: ignore[SN501]` here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import steadynorm
from steadynorm.source.reading.words import mentions


class Plugin:
    """A checker of flake8.

    Arguments:
        tree: the syntax tree; not used, since the file is read again only if it is about the subject.
        filename: what flake8 calls the file.
        lines: its lines, with their ends.
    """

    name = "steadynorm"
    version = steadynorm.__version__

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        self._filename = filename
        self._text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Line, column counted from 0, and text of each finding."""
        if not mentions(self._text.encode("utf-8", "replace")):
            return
        # Later than at the top: most files are not about the subject, and flake8 starts a process per processor.
        from steadynorm.source.reading.files import SourceFile
        from steadynorm.source_check import SourceTask, checked

        report = checked([SourceFile(self._filename, self._text)], SourceTask()).report
        for found in report.findings if report is not None else ():
            shown = report.shown(found.place) if report is not None else None
            if shown is not None:
                yield shown.line, shown.column - 1, f"{found.code} {found.message}", type(self)
