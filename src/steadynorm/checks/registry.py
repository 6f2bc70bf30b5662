"""Which functions check what, what each needs, and running them all over one evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from steadynorm.checks.catalogue import CATALOGUE, entry
from steadynorm.evidence import Evidence
from steadynorm.finding import Certainty, Finding, Severity

if TYPE_CHECKING:
    from steadynorm.evidence import TrainSteps
    from steadynorm.experiments.records import Experiments
    from steadynorm.program import Program, Sighting

CheckFunction: TypeAlias = Callable[[Evidence], Iterator[Finding]]

_OF_SOURCE = (
    "source_statistics",
    "source_mode",
    "source_checkpoints",
    "source_sharing",
    "source_configuration",
    "source_fine_tuning",
    "source_sanity",
)
"""Those that a check of source code alone needs; the others would bring NumPy, which takes longer to import."""

FAMILIES = (
    "statistics",
    "mode",
    "checkpoints",
    "sharing",
    "configuration",
    "fine_tuning",
    "numbers",
    "stored_statistics",
    "stored_files",
    "stored_pairs",
    "graph_statistics",
    "graph_mode",
    "graph_sharing",
    "graph_configuration",
    "graph_loss",
    *_OF_SOURCE,
    "sanity_learning",
    "sanity_scale",
    "sanity_data",
)

_WHY_MISSING = {
    "calls": "no batch moments: it takes a live model and data",
    "steps": "no train_step was given",
    "evaluation": "the model was not run in inference",
    "gap": "no loss or metric was given",
    "source": "neither an AveragedModel nor a source_model was given",
    "graph": "no graph: it takes a MetaGraph, a SavedModel or another export",
    "stored": "no checkpoint",
    "program": "no source code: 'steadynorm check' reads it",
    "experiments": "no experiment was made: 'steadynorm sanity' does",
}

_WHY_NO_GRAPH_LIVE = "an export tells it (MetaGraph, SavedModel, ONNX, .pt2): 'steadynorm check' reads that"
"""Of a live model, whose network may well be known and drawn, for what is read off the operations of a graph."""

_WHY_MISSING_OF_SESSION = {
    "steps": "no train_op was given",
    "source": "it is about averaged weights, of which a graph tells nothing",
    "graph": "export the graph with tf.compat.v1.train.export_meta_graph: 'steadynorm check' reads it",
}
"""Where TensorFlow runs the graph, in place of those."""

_WHY_SOURCE = "source code does not tell: it takes a checkpoint, a graph or a live model"
"""Likewise where the evidence is source code."""

_BY_MODE = ("SN107", "SN201", "SN202", "SN203")
"""Checks of source that judge a model's mode without its layers."""

_WITHOUT_LAYERS = "the model has no normalization layers"

_WHY_EXPERIMENTS = "a sanity test does not look at it: 'steadynorm diagnose' does, or 'steadynorm check' in source code"
"""Where the evidence comes from experiments, the reason for what no experiment shows."""

_LIVE = ("calls", "steps", "evaluation", "gap", "source")
_WHY_FILES = "it takes a live model and data: 'steadynorm diagnose'"
"""Where the evidence comes from files, the one reason for whatever no file can tell."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One check function with the parts of the evidence that it needs, and whether it speaks about layers."""

    code: str
    needs: tuple[str, ...]
    function: CheckFunction
    layers: bool


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A check that could not be made, and why. No verdict is not a good verdict."""

    code: str
    reason: str


_REGISTERED: list[Registered] = []


def check(code: str, *needs: str, layers: bool = True) -> Callable[[CheckFunction], CheckFunction]:
    """Registers a function as (one of) the checks for `code`.

    Arguments:
        code: of the catalogue.
        needs: names of parts of `Evidence`.
        layers: whether it is about normalization layers, so that a model without them has nothing to check.
    """

    def register(function: CheckFunction) -> CheckFunction:
        _REGISTERED.append(Registered(entry(code).code, needs, function, layers))
        return function

    return register


def finding(
    code: str,
    layers: Iterable[str],
    message: str,
    remedy: str,
    *,
    evidence: Mapping[str, object],
    certainty: Certainty = Certainty.PROVEN,
    severity: Severity | None = None,
    settle: str | None = None,
) -> Finding:
    """A finding of `code` about `layers`, with the catalogue's severity unless another is given."""
    names = tuple(layers)
    return Finding(
        code=code,
        severity=severity or CATALOGUE[code].severity,
        certainty=certainty,
        location=", ".join(names) or "model",
        message=message,
        remedy=remedy,
        evidence=evidence,
        layers=names,
        settle=settle,
    )


def sighted(
    sighting: Sighting,
    message: str,
    remedy: str,
    *,
    severity: Severity | None = None,
) -> Finding:
    """A finding about something in the source; its evidence is what was seen, its location the place."""
    return Finding(
        code=sighting.code,
        severity=severity or CATALOGUE[sighting.code].severity,
        certainty=sighting.certainty,
        location=str(sighting.place),
        message=message,
        remedy=remedy,
        evidence={
            "subject": sighting.subject,
            "how": sighting.how,
            "related": [str(place) for place in sighting.related],
            **sighting.facts,
        },
        settle=sighting.settle,
        place=sighting.place,
    )


def _idle(steps: TrainSteps | None) -> bool:
    """Whether a train step ran to its end and trained nothing, so that nothing can be said about training."""
    return (
        steps is not None
        and not steps.parameters_moved
        and not steps.skipped_updates
        and not steps.failed_with_one_value
    )


def _missing(registered: Registered, evidence: Evidence) -> list[str]:
    """Why a check cannot be made; nothing if it can."""
    if evidence.experiments is not None:
        return _not_tried(registered, evidence.experiments)
    missing = [_WITHOUT_LAYERS] if registered.layers and not evidence.layers else []
    missing += [_why(part, evidence) for part in registered.needs if getattr(evidence, part) is None]
    if "steps" in registered.needs and not missing and _idle(evidence.steps):
        missing = ["the train step changed no parameter: it misses optimizer.step(), or steps another model's"]
    return missing


def _unseen(code: str, program: Program) -> list[str]:
    """Why a check of source has nothing to look at, though a model is trained or asked; nothing if it has."""
    if not program.unseen or program.normalizations or code in _BY_MODE or any(program.seen(code)):
        return []
    return [f"a model is built by its name at {program.unseen[0]}: its layers are not known"]


def _not_tried(registered: Registered, experiments: Experiments) -> list[str]:
    if registered.code in experiments.skipped:
        return [experiments.skipped[registered.code]]
    return [] if "experiments" in registered.needs else [_WHY_EXPERIMENTS]


def _why(part: str, evidence: Evidence) -> str:
    from_files = evidence.graph is not None or evidence.stored is not None
    if from_files:
        return _WHY_FILES if part in _LIVE else _WHY_MISSING[part]
    of_session = _WHY_MISSING_OF_SESSION if evidence.framework == "tensorflow" else {}
    if part == "graph" and evidence.calls is not None and part not in of_session:
        return _WHY_NO_GRAPH_LIVE
    return of_session.get(part) or _WHY_MISSING[part]


def _place_in_families(registered: Registered) -> int:
    """Which family comes first: a process may have loaded those of source before the others, or not."""
    return FAMILIES.index(registered.function.__module__.rpartition(".")[2])


def run(
    evidence: Evidence, select: Iterable[str] = (), ignore: Iterable[str] = ()
) -> tuple[list[Finding], list[NotAssessed]]:
    """Runs every check whose needs the evidence meets.

    Arguments:
        evidence: what was read.
        select: codes or prefixes (`SN1`) to run; all if empty.
        ignore: codes or prefixes to leave out.

    Returns:
        the findings and the checks that could not be made, both in catalogue order.
    """
    program = evidence.program if not evidence.layers else None
    for family in FAMILIES if program is None else _OF_SOURCE:
        import_module(f"steadynorm.checks.{family}")
    chosen, left_out = tuple(select) or ("SN",), tuple(ignore)
    asked = [code for code in CATALOGUE if code.startswith(chosen) and not code.startswith(left_out)]
    findings: list[Finding] = []
    reasons: dict[str, str] = {}
    assessed: set[str] = set()
    for registered in sorted(_REGISTERED, key=_place_in_families):
        if registered.code not in asked or (program is not None and "program" not in registered.needs):
            continue
        missing = _missing(registered, evidence) if program is None else _unseen(registered.code, program)
        if missing:
            reasons.setdefault(registered.code, missing[0])
            continue
        assessed.add(registered.code)
        findings.extend(registered.function(evidence))
    findings.sort(key=lambda found: asked.index(found.code))
    lacking = [code for code in asked if code not in assessed]
    return findings, [NotAssessed(code, reasons.get(code, _WHY_SOURCE)) for code in lacking]
