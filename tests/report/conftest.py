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
from steadynorm.finding import Certainty, Effect, Finding, Severity
from steadynorm.norm.config import NormConfig
from steadynorm.report.model import Report

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
