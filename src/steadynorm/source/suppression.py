"""Comments that say that a finding is known: `# steadynorm: ignore[SN501]`.

A comment that suppresses nothing is no finding: with `--select`, in another version, or where flake8 sees one file and
not the project, other findings come up, and a comment that is needed there would be called needless here. It is told of
instead, in a line of its own, when all checks were made; and a code that no check has is told of always.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.place import Place
from steadynorm.source.editing.nodes import blocks_of, first_line, standing_at
from steadynorm.source.reading.files import SourceFile

MARK = "steadynorm:"

_COMMENT = re.compile(r"#\s*steadynorm:\s*ignore(?:\[([^]]*)\])?(?![\w\[])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment that suppresses findings.

    Arguments:
        place: where it stands.
        codes: the codes or prefixes that it names; all are meant if there are none.
    """

    place: Place
    codes: tuple[str, ...]

    def names(self, code: str) -> bool:
        """Whether it is about a code."""
        return not self.codes or code.startswith(tuple(filter(None, self.codes)))

    @property
    def unknown(self) -> tuple[str, ...]:
        """What it names and no check's code begins with."""
        return tuple(each for each in self.codes if not each or not any(code.startswith(each) for code in CATALOGUE))


class Suppressions:
    """The comments of a file, and which of them were needed.

    Arguments:
        file: the file, which must be one that can be parsed.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._needed: set[int] = set()
        self.comments = {each.place.line: each for each in comments_in(file)}

    def hide(self, code: str, place: Place) -> bool:
        """Whether a comment says that a finding is known: in its first or last line, or those of its statement."""
        if not self.comments:
            return False
        for line in {place.line, place.end_line or place.line, *_lines_of_statement(self._file, place)}:
            comment = self.comments.get(line)
            if comment is not None and comment.names(code):
                self._needed.add(line)
                return True
        return False

    def needless(self) -> Iterator[Comment]:
        """The comments that have hidden nothing so far."""
        yield from (each for line, each in self.comments.items() if line not in self._needed)


def comments_in(file: SourceFile) -> Iterator[Comment]:
    """The comments of a file that suppress findings; what stands in a string is none."""
    if MARK not in file.text.lower():
        return
    reader = io.StringIO(file.text, newline=None).readline
    try:
        for token in tokenize.generate_tokens(reader):
            found = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
            if found:
                named = () if found[1] is None else tuple(part.strip().upper() for part in found[1].split(","))
                line, column = token.start
                yield Comment(Place(file.path, line, len(token.line[:column].encode("utf-8", "replace"))), named)
    except (tokenize.TokenError, SyntaxError):
        # What Python's parser takes and its tokenizer does not, as an odd indentation of comments at the end.
        return


def _lines_of_statement(file: SourceFile, place: Place) -> tuple[int, ...]:
    """The first and the last line of the statement that holds a place; of one with a body those of its head."""
    standing = standing_at(file, place)
    if standing is None:
        return ()
    statement: ast.stmt = standing.statement
    first, last = first_line(statement), statement.end_lineno or statement.lineno
    body = next(blocks_of(statement), None)
    if body is not None:
        last = max(statement.lineno, first_line(body[0]) - 1)
    return first, statement.lineno, last
