"""Reads a recorded loss: a CSV file, a TensorBoard event file, or a list."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path

from steadynorm.errors import UnusableInputError

_STEP_NAMES = ("step", "epoch", "iteration", "iter", "batch", "wall time", "time", "value")
_EVENT_FILES = "*tfevents*"


def read_losses(source: str | PathLike[str] | Iterable[float]) -> list[float]:
    """The values of a recorded training loss in their order.

    Arguments:
        source: numbers; a CSV file with a column whose name holds `loss`, or, as TensorBoard saves it, `Value`, or with
            one column of numbers; a TensorBoard event file, or a folder with one, with a scalar whose name holds
            `loss`. Of several the first is taken whose name does not speak of validation or test.

    Raises:
        UnusableInputError: there is no such file, or no loss in it.
        ModuleNotFoundError: an event file without the package tensorboard.
    """
    if not isinstance(source, str | PathLike):
        return [float(each) for each in source]
    path = Path(source)
    if path.is_dir():
        found = sorted(path.glob(_EVENT_FILES))
        if not found:
            raise UnusableInputError(f"{path} holds no TensorBoard event file; expected a CSV file or an event file")
        return _from_events(found)
    if not path.is_file():
        raise UnusableInputError(f"there is no file {path}")
    return _from_events([path]) if "tfevents" in path.name else _from_csv(path)


def _chosen(names: Sequence[str]) -> str | None:
    losses = [name for name in names if "loss" in name.lower()]
    training = [name for name in losses if not any(word in name.lower() for word in ("val", "test", "eval"))]
    return next(iter(training or losses), None)


def _from_csv(path: Path) -> list[float]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInputError(f"{path} is not a CSV file: {error}") from error
    if not rows:
        raise UnusableInputError(f"{path} is empty; expected a CSV file with a column of losses")
    header = None if _is_number(rows[0][-1]) else rows.pop(0)
    column = _column(header, len(rows[0]) if rows else 0)
    if column is None:
        raise UnusableInputError(
            f"{path} has the columns {', '.join(header or [])}; expected one whose name holds 'loss', or one of numbers"
        )
    return [float(row[column]) for row in rows if len(row) > column and _is_number(row[column])]


def _column(header: list[str] | None, width: int) -> int | None:
    if header is None:
        return width - 1  # a step and its loss, or the loss alone
    name = _chosen(header)
    if name is not None:
        return header.index(name)
    if "Value" in header:
        return header.index("Value")
    others = [index for index, each in enumerate(header) if each.strip().lower() not in _STEP_NAMES]
    return others[0] if len(others) == 1 else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_events(paths: Sequence[Path]) -> list[float]:
    accumulator = import_module("tensorboard.backend.event_processing.event_accumulator")
    tensors = import_module("tensorboard.util.tensor_util")
    found: dict[str, list[float]] = {}
    for path in paths:
        events = accumulator.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, []).extend(each.value for each in events.Scalars(tag))
        for tag in events.Tags()["tensors"]:
            values = [tensors.make_ndarray(each.tensor_proto) for each in events.Tensors(tag)]
            found.setdefault(tag, []).extend(
                float(each) for each in values if each.size == 1 and each.dtype.kind == "f"
            )
    name = _chosen([tag for tag, values in found.items() if values])
    if name is None:
        tags = ", ".join(found) or "none"
        raise UnusableInputError(f"{paths[0]} has no scalar whose name holds 'loss' (its scalars: {tags})")
    return found[name]
