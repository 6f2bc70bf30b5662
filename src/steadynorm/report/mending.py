"""What a mending or a conversion did, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from steadynorm.report.layout import as_lines, grid
from steadynorm.report.words import counted, measured, number, printable, printable_lines, shortened

if TYPE_CHECKING:
    from steadynorm.evidence import Array
    from steadynorm.mending.convert import Conversion
    from steadynorm.mending.records import Measured, Mended, NewStatistics

_NAME = 30
_NAME_OF_TWO = 18
_SHOWN = 60
_NOTICED = 1e-4
"""Rounding of the file's type from here on is said, in standard deviations or log variance."""


def mended_text(mended: Mended) -> str:
    """A table of layers with old and new statistics, the effect, what was left alone, and where it is."""
    return "\n".join(_mended_lines(mended))


def _mended_lines(mended: Mended) -> Iterator[str]:
    verb = ("gets" if len(mended.layers) == 1 else "get") if mended.files else "would get"
    layers = counted(len(mended.layers), "layer")
    yield printable(f"{mended.checkpoint} ({mended.format}): {layers} {verb} new statistics")
    yield ""
    yield printable_lines(as_lines(_table(mended)))
    if len(mended.layers) > _SHOWN:
        yield f"and {len(mended.layers) - _SHOWN} more"
    yield "(root mean squares over channels; the shift in standard deviations)"
    yield ""
    if mended.measured is not None:
        yield from _measured_lines(mended.measured)
    yield from _rounding(mended.layers)
    yield from (printable(note) for note in mended.notes)
    yield _written(mended)


def _table(mended: Mended) -> Table:
    taken = any(layer.taken_from for layer in mended.layers)
    table = grid("layer", *(["from"] if taken else []), "mean", "variance", "shift", "log ratio", right=1 + taken)
    for layer in mended.layers[:_SHOWN]:
        row = [shortened(printable(layer.layer), _NAME_OF_TWO if taken else _NAME)]
        if taken:
            row.append(shortened(printable(layer.taken_from or ""), _NAME_OF_TWO))
        table.add_row(
            *row,
            _change(layer.old_mean, layer.mean),
            _change(layer.old_variance, layer.variance),
            _moved(layer.mean_shift),
            _moved(layer.log_variance_ratio),
        )
    return table


def _change(old: Array | None, new: Array) -> str:
    """Root mean squares over the channels."""
    return f"{'none' if old is None else _short(old)} → {_short(new)}"


def _short(values: Array) -> str:
    return f"{float(np.sqrt(np.mean(np.square(values)))):.3g}" if values.size else "–"


def _moved(distance: float | None) -> str:
    return "–" if distance is None else number(distance)


def _measured_lines(found: Measured) -> Iterator[str]:
    before, after = found.before, found.after
    if before.metric is None and before.loss is None:
        yield "no loss or metric was given, so the effect was not measured"
    elif found.measure == "metric":
        change = measured(before.metric, before.metric_error), measured(after.metric, after.metric_error)
        yield f"metric in inference {change[0]} before, {change[1]} after"
    else:
        change = measured(before.loss, before.loss_error), measured(after.loss, after.loss_error)
        yield f"loss in inference {change[0]} before, {change[1]} after"
    yield str(found.recalibration)
    if found.worse:
        yield "the model does worse now: its weights were trained with the old statistics; diagnose it first"


def _rounding(layers: tuple[NewStatistics, ...]) -> Iterator[str]:
    worst = max(layers, key=lambda layer: layer.rounding, default=None)
    if worst is not None and worst.rounding > _NOTICED:
        yield printable(
            f"the file keeps '{worst.layer}' in {worst.dtype}, which rounds its statistics by up to "
            f"{worst.rounding:.1g} standard deviations or log variance"
        )


def _written(found: Mended | Conversion) -> str:
    if not found.files:
        return printable(f"nothing was written; without --dry-run it would be {found.output}")
    return printable(f"wrote {found.output}")


def conversion_text(conversion: Conversion) -> str:
    """The new names, what does not fit, and where it is."""
    return "\n".join(_conversion_lines(conversion))


def _conversion_lines(found: Conversion) -> Iterator[str]:
    layers = counted(len(found.layers), "normalization layer")
    yield printable(f"{found.checkpoint} ({found.format}): {layers} as {found.target}")
    yield ""
    table = grid("layer", "becomes")
    for old, new in list(found.layers.items())[:_SHOWN]:
        table.add_row(shortened(printable(old), 38), shortened(printable(new), 38))
    yield printable_lines(as_lines(table))
    if len(found.layers) > _SHOWN:
        yield f"and {len(found.layers) - _SHOWN} more"
    yield ""
    yield from (printable(note) for note in found.notes)
    if found.left_out:
        shown = ", ".join(found.left_out[:3])
        more = f" and {len(found.left_out) - 3} more" if len(found.left_out) > 3 else ""
        yield printable(f"left out: {shown}{more}")
    yield _written(found)
