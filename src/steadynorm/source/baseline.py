"""The baseline of an old project: findings that are known, so that only new ones are reported.

A finding is told by its file, its code and the text of its line, not by the line's number, so that it survives edits of
other lines; one about a model's file by the layers. What stands in the same text several times is counted.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from steadynorm.errors import UnusableInputError
from steadynorm.writing import write_text

SCHEMA = "steadynorm-baseline/1"

Key: TypeAlias = tuple[str, str, str]
"""File, code and text of a finding."""


@dataclass(slots=True)
class Baseline:
    """The findings that are known.

    Arguments:
        folder: what the paths are relative to: where the file of the baseline lies, so that it moves with the project.
        known: how often each is known.
    """

    folder: str = ""
    known: Counter[Key] = field(default_factory=Counter)

    def hide(self, path: str, code: str, text: str) -> bool:
        """Whether a finding is known; each that is known hides one."""
        key = self.key(path, code, text)
        if not self.known[key]:
            return False
        self.known[key] -= 1
        return True

    def key(self, path: str, code: str, text: str) -> Key:
        """What a finding is told by."""
        if "://" not in path:
            path = os.path.relpath(path, self.folder or ".").replace(os.sep, "/")
        return path, code, " ".join(text.split())

    @property
    def gone(self) -> int:
        """How many known findings did not come up again."""
        return self.known.total()


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Reads a baseline.

    Raises:
        UnusableInputError: it cannot be read, or is none.
    """
    name = os.fspath(path)
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise UnusableInputError(f"{name}: has the schema {content['schema']!r}; expected {SCHEMA}")
        known = Counter(
            {(each["path"], each["code"], each["text"]): int(each["count"]) for each in content["findings"]}
        )
    except OSError as error:
        hint = ": --write-baseline makes one" if isinstance(error, FileNotFoundError) else ""
        raise UnusableInputError(f"{name}: cannot be read: {error.strerror}{hint}") from error
    except UnusableInputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnusableInputError(f"{name}: is no baseline; expected what --write-baseline writes") from error
    return Baseline(os.path.dirname(name), known)


def write_baseline(path: Path, findings: Iterable[tuple[str, str, str]]) -> None:
    """Writes a baseline, in an order in which versions of it differ by what is new and what is gone.

    Arguments:
        path: where to.
        findings: file, code and text of each.

    Raises:
        UnusableInputError: the file cannot be written.
    """
    empty = Baseline(os.path.dirname(path))
    counted = Counter(empty.key(*each) for each in findings)
    listed = [
        {"path": name, "code": code, "text": text, "count": count}
        for (name, code, text), count in sorted(counted.items())
    ]
    write_text(path, json.dumps({"schema": SCHEMA, "findings": listed}, indent=1, ensure_ascii=False) + "\n")
