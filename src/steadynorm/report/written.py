"""A report read from the JSON that was written of it, for other forms of the same report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.checks.distance import Distance
from steadynorm.checks.registry import NotAssessed
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import (
    REMEDIES,
    CallSite,
    Evaluation,
    Evidence,
    Gap,
    Layer,
    Mode,
    SampledMoments,
    Score,
    Split,
    Statistics,
    TrainSteps,
    Trial,
)
from steadynorm.experiments.records import (
    Calmed,
    Experiments,
    FirstPass,
    Learned,
    Outcome,
    Resemblance,
    Task,
    Term,
    Trend,
)
from steadynorm.finding import Certainty, Effect, Finding, Severity
from steadynorm.norm.config import NormConfig
from steadynorm.report.fields import DamagedError, Fields
from steadynorm.report.json import RESULT_SCHEMA, SCHEMA
from steadynorm.report.model import Report
from steadynorm.report.run import Run, read_run

_NONE = np.zeros(0)


@dataclass(frozen=True)
class WrittenReport(Report):
    """A report that was read from its JSON: what it says, without the arrays that it was made of.

    Arguments:
        made: the codes that were checked, by the version that wrote it.
    """

    made: tuple[str, ...] = ()

    @property
    def checked(self) -> tuple[str, ...]:
        """The codes that were checked: chosen and assessed."""
        return self.made


def read_recorded(path: str | Path) -> Report | Run:
    """Reads what a monitor or a diagnosis has written: a run file, or a report as JSON.

    Raises:
        UnusableInputError: it is neither, cannot be read or is damaged; or a report of files or source code.
    """
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise UnusableInputError(f"cannot read {path}: {error.strerror}") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a run file is many objects
        return read_run(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(schema, str) or not schema.startswith("steadynorm-"):
        return read_run(path)
    if schema == RESULT_SCHEMA or (schema == SCHEMA and (value.get("origin") or value.get("program"))):
        raise UnusableInputError(
            f"{path} is a report of files, which does not hold what a page shows of them; expected one of a live "
            "model: make the page from the files, steadynorm check PATH --output report.html"
        )
    if schema != SCHEMA:
        raise UnusableInputError(f"{path} has the schema {schema!r}; expected {SCHEMA}: another version wrote it")
    try:
        return _report(Fields(value))
    except (DamagedError, ValueError, OverflowError) as error:
        raise UnusableInputError(f"{path} is no report as --format json writes it: {error}") from error


def _report(given: Fields) -> WrittenReport:
    versions = given.part("versions")
    if versions is None:
        raise DamagedError("versions is missing")
    return WrittenReport(
        given.text("name"),
        _evidence(given, versions.text("framework")),
        tuple(_finding(each) for each in given.parts("findings")),
        tuple(NotAssessed(each.text("code"), each.text("reason")) for each in given.parts("not_assessed")),
        given.texts("select"),
        given.texts("ignore"),
        made=given.texts("checked"),
    )


def _evidence(given: Fields, framework: str) -> Evidence:
    layers = list(given.parts("layers"))
    distances = {each.text("name"): _distance(part) for each in layers if (part := each.part("distance"))}
    steps, evaluation, experiments = (given.part(key) for key in ("train_steps", "evaluation", "experiments"))
    return Evidence(
        framework=framework,
        layers=tuple(_layer(each) for each in layers),
        calls=tuple(site for each in layers for site in _sites(each)),
        steps=None if steps is None else _steps(steps),
        evaluation=None if evaluation is None else Evaluation(evaluation.flag("given"), (), ()),
        gap=_gap(given),
        trials=tuple(_trial(each) for each in given.parts("trials")),
        experiments=None if experiments is None else _experiments(experiments),
        left_out={each.text("layer"): each.text("reason") for each in given.parts("left_out")},
        distances=distances,
    )


def _finding(given: Fields) -> Finding:
    code, effect = given.text("code"), given.part("effect")
    if code not in CATALOGUE:
        raise DamagedError(f"this version knows no check {code}")
    return Finding(
        code,
        given.word("severity", Severity),
        given.word("certainty", Certainty),
        given.text("location"),
        given.text("message"),
        given.text("remedy"),
        given.anything("evidence"),
        given.texts("layers"),
        None if effect is None else _effect(effect),
        given.maybe_text("settle"),
    )


def _effect(given: Fields) -> Effect:
    numbers = given.number("before"), given.number("after"), given.maybe_number("share")
    return Effect(given.text("remedy"), given.text("measure"), *numbers)


def _layer(given: Fields) -> Layer:
    stored = given.part("statistics")
    return Layer(
        given.text("name"),
        given.text("kind"),
        given.whole("channels"),
        NormConfig(decay=given.maybe_number("decay"), epsilon=given.number("epsilon")),
        None if stored is None else Statistics(_NONE, _NONE, stored.maybe_whole("updates"), stored.text("dtype")),
    )


def _sites(given: Fields) -> Iterator[CallSite]:
    for site in given.parts("call_sites"):
        moments = {
            each.word("data", Split): SampledMoments(
                _NONE, _NONE, _NONE, _NONE, each.whole("batches"), each.whole("values")
            )
            for each in site.parts("moments")
        }
        yield CallSite(given.text("name"), site.whole("index"), moments)


def _distance(given: Fields) -> Distance:
    names = ("mean_shift", "log_variance_ratio", "mean_shift_error", "log_variance_ratio_error")
    return Distance(*map(given.number, names))


def _steps(given: Fields) -> TrainSteps:
    return TrainSteps(given.whole("steps"), given.whole("samples"), {}, given.flag("parameters_moved"))


def _gap(given: Fields) -> Gap | None:
    gap = given.part("gap")
    if gap is None:
        return None
    scores = {(row.word("mode", Mode), row.word("data", Split)): _score(row) for row in given.parts("four_way")}
    measure = gap.text("measure")
    if measure not in ("metric", "loss"):
        raise DamagedError("gap.measure is neither metric nor loss")
    is_higher, only = gap.flag("higher_is_better"), gap.flag("on_validation_only")
    return Gap(scores, measure, is_higher, gap.number("reference"), gap.number("size"), only)


def _score(given: Fields | None) -> Score:
    if given is None:
        raise DamagedError("a score is missing")
    errors = given.maybe_number("loss_error") or 0.0, given.maybe_number("metric_error") or 0.0
    return Score(given.maybe_number("loss"), given.maybe_number("metric"), *errors)


def _trial(given: Fields) -> Trial:
    remedy = given.text("remedy")
    if remedy not in REMEDIES:
        raise DamagedError(f"this version knows no remedy {remedy!r}")
    scores = _score(given.part("before")), _score(given.part("after"))
    return Trial(remedy, given.texts("layers"), *scores, given.maybe_number("share"))


def _experiments(given: Fields) -> Experiments:
    first, trend = given.part("first_pass"), given.part("trend")
    if first is None:
        raise DamagedError("experiments.first_pass is missing")
    terms = {
        each.text("name"): Term(each.number("value"), each.maybe_number("gradient")) for each in first.parts("terms")
    }
    return Experiments(
        FirstPass(first.flag("trained"), first.maybe_number("loss"), None, first.maybe_whole("classes"), terms),
        tuple(_learned(each) for each in given.parts("learned")),
        given.maybe_whole("bad_step"),
        tuple(_order(each) for each in given.parts("order")),
        None if trend is None else _trend(trend),
        tuple(_calmed(each) for each in given.parts("calmed")),
        seconds=given.number("seconds"),
    )


def _learned(given: Fields) -> Learned:
    return Learned(
        given.word("task", Task),
        given.text("by"),
        given.flag("own"),
        first=given.number("first"),
        last=given.number("last"),
        floor=given.number("floor"),
        useless=given.number("useless"),
        steps=given.whole("steps"),
        outcome=given.word("outcome", Outcome),
        moved=given.flag("moved"),
    )


def _order(given: Fields) -> Resemblance:
    numbers = given.number("neighbours"), given.number("shuffled"), given.number("error")
    return Resemblance(given.text("what"), *numbers, given.whole("samples"))


def _trend(given: Fields) -> Trend:
    return Trend(given.whole("steps"), *map(given.number, ("level", "jumps", "fall", "fall_error")))


def _calmed(given: Fields) -> Calmed:
    numbers = map(given.number, ("before", "after", "jumps_before", "jumps_after"))
    return Calmed(given.text("change"), given.flag("rate"), *numbers)
