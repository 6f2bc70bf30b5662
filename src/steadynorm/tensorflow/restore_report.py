"""What restoring a checkpoint into a graph's variables does and does not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from steadynorm.report.words import counted

Shape = tuple[int | None, ...]

_SHOWN = 10


class RestoreError(ValueError):
    """A checkpoint cannot be restored as was asked; `report` says what fits and what does not."""

    def __init__(self, message: str, report: RestoreReport | None = None) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What one restore comes to, by the names of the variables in the graph.

    Arguments:
        checkpoint: path of the checkpoint.
        restored: by variable, the name in the checkpoint that it is restored from.
        missing: by variable that the checkpoint lacks, the name that was looked for.
        left_over: names in the checkpoint that no variable is restored from.
        shape_differs: by variable, its shape and the one in the checkpoint.
        initial_statistics: moving statistics of the layers concerned that stay at their initial value.
        untrained_statistics: moving statistics that are restored, but were never updated before they were saved.
    """

    checkpoint: str
    restored: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    left_over: tuple[str, ...] = ()
    shape_differs: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)
    initial_statistics: tuple[str, ...] = ()
    untrained_statistics: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{counted(len(self.restored), 'variable')} restored from {self.checkpoint}"]
        lines += _listed("variable", "missing in the checkpoint", self.missing_lines())
        lines += _listed("variable", "of another shape", self.shape_lines())
        lines += _listed("moving statistic", "that would stay at the initial value", self.initial_statistics)
        lines += _listed("moving statistic", "never updated before the checkpoint was saved", self.untrained_statistics)
        lines += _listed("value", "left over in the checkpoint", self.left_over)
        return "\n".join(lines)

    def missing_lines(self) -> list[str]:
        """Each missing variable, with the name that was looked for and what in the checkpoint could be meant."""
        lines = []
        for variable, name in self.missing.items():
            line = variable if variable == name else f"{variable} (as {name})"
            alike = _alike(name, self.left_over)
            lines.append(f"{line}; the checkpoint has {alike}" if alike else line)
        return lines

    def shape_lines(self) -> list[str]:
        """Each variable of another shape, with both shapes."""
        return [
            f"{variable}: {_shape(own)} in the graph, {_shape(other)} in the checkpoint"
            for variable, (own, other) in self.shape_differs.items()
        ]


def _listed(noun: str, title: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    if not names:
        return []
    more = [f"  … and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return [f"{counted(len(names), noun)} {title}:", *(f"  {name}" for name in names[:_SHOWN]), *more]


def _alike(name: str, candidates: Iterable[str]) -> str | None:
    """The unused name with the longest common end, of at least two parts or all of either name."""
    wanted = name.split("/")[::-1]
    best, length = None, 0
    for candidate in candidates:
        own = candidate.split("/")[::-1]
        common = next(
            (at for at, (a, b) in enumerate(zip(wanted, own, strict=False)) if a != b), min(len(own), len(wanted))
        )
        if common > length and (common >= 2 or common in (len(own), len(wanted))):
            best, length = candidate, common
    return best


def _shape(shape: Shape) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"
