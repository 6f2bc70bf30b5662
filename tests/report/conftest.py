"""Reports made by hand, for what no single diagnosis shows at once."""

from __future__ import annotations

import numpy as np
import pytest

from steadynorm.checks.registry import NotAssessed
from steadynorm.evidence import (
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
    Trial,
)
from steadynorm.experiments.records import (
    Activation,
    Calmed,
    Experiments,
    FirstPass,
    Learned,
    Outcome,
    Range,
    Resemblance,
    Task,
    Term,
    Trend,
    Weight,
)
from steadynorm.finding import Certainty, Effect, Finding, Severity
from steadynorm.fix import Edit, Fix
from steadynorm.norm.config import NormConfig
from steadynorm.place import Place
from steadynorm.program import Program
from steadynorm.recorded import Choice, Graph, Saver, Stored, TrainStep, Update, Use
from steadynorm.report.model import Origin, Report
from steadynorm.report.result import CheckResult, Unread
from steadynorm.source.reading.files import SourceFile
from steadynorm.source.reading.notebook import Cell

NAMES = tuple(f"backbone.stage{index // 2 + 1}.blocks[{index % 2}].bn" for index in range(14))


def _layer(name: str) -> Layer:
    return Layer(name, "BatchNorm2d", 2, NormConfig(decay=0.9), Statistics(np.zeros(2), np.ones(2), 66))


def _call(name: str, mean: float) -> CallSite:
    errors = np.full(2, 0.01)
    return CallSite(name, 0, {Split.TRAIN: SampledMoments(np.full(2, mean), np.ones(2), errors, errors, 20, 4096)})


@pytest.fixture
def long_report() -> Report:
    """Fourteen layers with long names, findings of every severity and certainty, and checks that were not made."""
    before, after = Score(2.05, 0.31, 0.01, 0.009), Score(0.17, 0.97, 0.01, 0.004)
    scores = {(mode, split): before if mode is Mode.POPULATION else after for mode in reversed(Mode) for split in Split}
    evidence = Evidence(
        framework="torch",
        layers=tuple(map(_layer, NAMES)),
        calls=tuple(_call(name, float(index)) for index, name in enumerate(NAMES)),
        evaluation=Evaluation(False, (), ()),
        gap=Gap(scores, "metric", True, 0.97, 0.66),
        trials=(
            Trial("recalibrate", NAMES, before, after, 1.0),
            Trial("recalibrate", NAMES[13:], before, Score(1.0, 0.781, 0.01, 0.01), 0.7136),
        ),
    )
    effect = Effect("re-estimated statistics", "metric", 0.31, 0.97, 1.0)
    findings = (
        Finding(
            "SN104",
            Severity.ERROR,
            Certainty.LIKELY,
            ", ".join(NAMES),
            "the statistics of 14 layers lag behind",
            "Use a decay of 0.9 to 0.99.",
            layers=NAMES,
            effect=effect,
            settle="pass the optimizer",
        ),
        Finding("SN505", Severity.WARNING, Certainty.PROVEN, NAMES[0], "few values", "Larger batches.", {}, NAMES[:1]),
        Finding("SN501", Severity.INFO, Certainty.PROVEN, "model", "[bold]a bias[/bold]", "bias=False", {}, ()),
    )
    skipped = (
        NotAssessed("SN101", "no train_step was given"),
        NotAssessed("SN305", "no source was given"),
        NotAssessed("SN102", "no train_step was given"),
    )
    return Report("digits", evidence, findings, skipped)


def _stored_layer(name: str, mean: float, updates: int | None = None) -> Layer:
    statistics = Statistics(np.full(2, mean), np.ones(2), updates)
    return Layer(name, "FusedBatchNormV3", 2, NormConfig(decay=0.9), statistics, assumed=frozenset({"decay"}))


@pytest.fixture
def file_report() -> Report:
    """A graph beside its checkpoint: one layer whose updates do not run, one that is fine, with all that files tell."""
    layers = (_stored_layer("net/fine/bn", 0.5), _stored_layer("net/broken/bn", 0.0))
    graph = Graph(
        uses=(
            Use("net/fine/bn", "net/fine/bn/Fused", None, Choice.FED, "training", Mode.POPULATION, True),
            Use("net/broken/bn", "net/broken/bn/Fused", Mode.BATCH, trained=True),
        ),
        updates=(
            Update("net/fine/bn", "mean", "net/fine/bn/Assign", 0.9, ("train",), True),
            Update("net/fine/bn", "variance", "net/fine/bn/Assign_1", None, ("train",), True),
            Update("net/broken/bn", "mean", "net/broken/bn/Assign", 0.9),
        ),
        train_steps=(TrainStep("train", ("net/fine/bn", "net/broken/bn"), ("w", "b")),),
        savers=(Saver("save/SaveV2", ("w", "b")),),
        ignored_switches=("is_training",),
    )
    stored = Stored(
        "TensorFlow checkpoint",
        1200,
        "global_step",
        {"net/fine/bn": _stored_layer("net/fine/bn", 0.25), "net/broken/bn": _stored_layer("net/broken/bn", 0.0)},
        {"w": 0.125},
        {"run/rank1.pt": {}},
        ("net/other/bn",),
        copies={"ema/net/fine/bn": "net/fine/bn"},
    )
    found = Finding(
        "SN101",
        Severity.ERROR,
        Certainty.LIKELY,
        "net/broken/bn",
        "train runs 0 of the 2 updates of 'net/broken/bn'",
        "Run them: tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)).",
        {"updates": 2, "lowest": np.float64("nan")},
        ("net/broken/bn",),
        settle="the checkpoint",
    )
    skipped = tuple(NotAssessed(code, "it takes a live model and data") for code in ("SN104", "SN105", "SN107"))
    origin = Origin("run/model.ckpt-1200", ("run/model.ckpt-1200.index", "run/model.ckpt-1200.meta"), "checkpoint")
    return Report(
        "run/model.ckpt-1200",
        Evidence("tensorflow", layers, graph=graph, stored=stored),
        (found,),
        skipped,
        (),
        (),
        origin,
    )


SOURCE = """\
import torch.nn as nn

net = nn.Sequential(
    nn.Conv2d(3, 64, 3),  # größer
    nn.BatchNorm2d(64),
)
"""


@pytest.fixture
def source_report() -> Report:
    """A project of two files and a notebook, with a finding in a file that can be fixed and one in a notebook."""
    file = SourceFile("net/größer.py", SOURCE)
    cell = Cell(4, 3, 2, 10, 30)
    book = SourceFile(
        "a, b.ipynb", "import x\n\nbatch = 2\nloader(batch, shuffle=False)\n", cells=(Cell(2, 1, 2, 0, 9), cell)
    )
    start = SOURCE.index("3),") + 1
    fix = Fix("leave out the bias", (Edit(file.path, start, start, ", bias=False"),), True)
    findings = (
        Finding(
            "SN906",
            Severity.WARNING,
            Certainty.LIKELY,
            "a, b.ipynb:cell 4:2",
            "the training data come in their order",
            "Shuffle them.",
            {"batch": 2},
            settle="the order in the file",
            place=Place(book.path, 4, 0, 4, 28),
        ),
        Finding(
            "SN501",
            Severity.INFO,
            Certainty.PROVEN,
            "net/größer.py:4",
            "Conv2d has a bias that the normalization after it cancels",
            "Pass bias=False.",
            place=Place(file.path, 4, 4, 4, 23),
            fix=fix,
        ),
    )
    program = Program((file.path, "net/b.py", book.path), (), 3, ("net/b.py: build",))
    return Report(
        ".",
        Evidence("torch", (), program=program),
        findings,
        (NotAssessed("SN104", "source code does not tell"),),
        origin=Origin(".", program.files, "source code"),
        sources={file.path: file, book.path: book},
    )


@pytest.fixture
def result(file_report: Report) -> CheckResult:
    """A model with a finding, one without layers, a file that could not be read, and what was left aside."""
    plain = Report.nothing_to_check("plain.pt", "torch", Origin("plain.pt", ("plain.pt",), "PyTorch checkpoint"))
    unread = Unread("no.pt", "no.pt: there is no such file")
    return CheckResult((file_report, plain), (unread,), {"of no format that is read": 3})


@pytest.fixture
def experiments_report() -> Report:
    """A sanity test in which everything was tried."""
    first = FirstPass(
        trained=False,
        loss=2.5,
        chance=2.302585,
        classes=10,
        terms={"class": Term(2.3, 1.5), "size": Term(0.2, None)},
        output_shape=(64, 10),
        target_shape=(64,),
        outputs=Range(-1200.0, 1100.0),
        targets=Range(0.0, 1.0),
        coupled=False,
        weights=(Weight("conv.weight", 9, 0.19, 0.02),),
        activations=(Activation("conv", "Conv2d", 0.6),),
        without_gradient=("old.weight",),
        not_called=("spare.weight",),
    )
    experiments = Experiments(
        first,
        learned=(Learned(Task.ONE_BATCH, "the train step", True, 2.5, 0.05, 0.001, 2.3, 48, Outcome.FITTED, True),),
        bad_step=0,
        order=(Resemblance("labels", 0.1, 0.1, 0.008, 1280),),
        trend=Trend(200, 0.5, 0.02, 0.1, 0.01),
        calmed=(Calmed("0.1 of the learning rate", True, 2.0, 1.0, 0.5, 0.1),),
        skipped={"SN901": "inputs, outputs and targets are not images of one shape"},
        seconds=12.0,
    )
    return Report("digits", Evidence("torch", (), experiments=experiments), select=("SN9",))
