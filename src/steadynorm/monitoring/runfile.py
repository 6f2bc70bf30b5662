"""The run file: what a monitor saw of a training, one JSON object per line, for `steadynorm report`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from steadynorm import __version__
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Array

_LONGEST_HEAD = 1 << 16


class RunFile:
    """Writes a run file, whose lines docs/run-file.md describes.

    Arguments:
        path: of the file; where it is a run file already, this training is added at its end.
        framework: of the model.
        model: its name.
        interval: steps between measurements.

    Raises:
        UnusableInputError: it cannot be written, or there is another kind of file.
        OSError: it cannot be written any more, in every method.
    """

    def __init__(self, path: str | Path, *, framework: str, model: str, interval: int) -> None:
        try:
            begins = _continuation(Path(path))
            with ExitStack() as opened:
                self._file = opened.enter_context(Path(path).open("a", encoding="utf-8", buffering=1))
                self._file.write(begins)
                self._write(steadynorm=__version__, kind="run", framework=framework, model=model, interval=interval)
                opened.pop_all()
        except OSError as error:
            raise UnusableInputError(f"cannot write to {path}: {error.strerror}") from error

    def statistics(self, step: int, layers: Mapping[str, Mapping[str, float | None]]) -> None:
        """Writes what was measured at a step, by layer and quantity."""
        rounded = {name: {key: _rounded(value) for key, value in measured.items()} for name, measured in layers.items()}
        self._write(step=step, kind="statistics", layers=rounded)

    def loss(self, step: int, train: float | None, validation: float | None) -> None:
        """Writes the losses that are known at a step."""
        given = {"train": train, "validation": validation}
        self._write(
            step=step, kind="loss", **{name: _rounded(each) for name, each in given.items() if each is not None}
        )

    def warning(self, step: int, code: str, message: str) -> None:
        """Writes what was warned of at a step."""
        self._write(step=step, kind="warning", code=code, message=message)

    def moving(self, step: int, name: str, mean: Array, variance: Array) -> None:
        """Leaves the statistics of single channels out; event files have them."""

    def flush(self) -> None:
        """Hands what was written over to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _write(self, **fields: object) -> None:
        self._file.write(json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n")


def _continuation(path: Path) -> str:
    """What has to stand before the next line: a training that was stopped may have left half a line.

    Raises:
        UnusableInputError: the file there is no run file.
    """
    if not path.exists() or path.stat().st_size == 0:
        return ""
    with path.open("rb") as file:
        if b'"kind":"run"' not in file.readline(_LONGEST_HEAD):
            raise UnusableInputError(
                f"{path} is there already and is no run file; give run= another name, or move the file away"
            )
        file.seek(-1, os.SEEK_END)
        return "" if file.read(1) == b"\n" else "\n"


def _rounded(value: float | None) -> float | None:
    """Six digits, and nothing for what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
