"""A live diagnosis, written once for every framework: measure, observe, try remedies, judge, rank."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.checks.distance import mismatched
from steadynorm.checks.registry import run
from steadynorm.evidence import (
    CallSite,
    Evaluation,
    Evidence,
    Gap,
    Mode,
    Score,
    Split,
    Trial,
)
from steadynorm.finding import Certainty, Effect, Finding
from steadynorm.live import Live, Override, Pass
from steadynorm.report.model import Report
from steadynorm.scoring import Yardstick, score

ATTRIBUTED_LAYERS = 6
"""Remedies are tried on that many single layers, those with the largest distance."""

SMALL_BATCH = 2
"""Samples per batch for showing that a prediction depends on its batch."""

REMEDIES = {
    "recalibrate": "re-estimated statistics",
    "separate": "separate statistics per input",
    "inference-mode": "inference mode",
    "population": "population statistics",
}


class Stage(Protocol):
    """Progress: called with the name of what begins now."""

    def __call__(self, name: str) -> None:
        """Shows `name` as the current stage."""


def diagnose(
    live: Live,
    yardstick: Yardstick,
    *,
    name: str,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage = lambda name: None,
) -> Report:
    """Finds out why a model behaves differently in inference than in training.

    Arguments:
        live: the model and its data.
        yardstick: what the gap is measured by.
        name: how the report calls the model.
        select: codes or prefixes to check; all if empty.
        ignore: codes or prefixes to leave out.
        stage: is told what is being done.

    Returns:
        the report: causes in order of the share of the gap that each explains.
    """
    layers = live.layers()
    if not layers:
        return Report.nothing_to_check(name, live.framework)
    split = Split.VALIDATION if live.has_validation else Split.TRAIN
    bench = _Bench(live, yardstick, split)
    stage("four-way table")
    evidence = bench.observe(Evidence(framework=live.framework, layers=live.layers(), source=live.source()))
    stage("train step")
    evidence = replace(evidence, steps=live.steps())
    stage("evaluation")
    evidence = replace(evidence, evaluation=live.evaluate() or bench.inference())
    stage("remedies")
    evidence = bench.try_remedies(evidence)
    findings, not_assessed = run(evidence, select, ignore)
    findings = rank([bench.with_effect(found, evidence) for found in findings])
    return Report(name, evidence, tuple(findings), tuple(not_assessed))


def rank(findings: Sequence[Finding]) -> list[Finding]:
    """Causes first by the share of the gap that they explain, then by severity and certainty.

    Findings with the same share keep the order of the catalogue, in which causes stand before consequences.
    """
    return sorted(
        findings,
        key=lambda found: (
            -round(found.share, 2),
            -found.severity.rank,
            found.certainty is not Certainty.PROVEN,
        ),
    )


class _Bench:
    """The measurements of one diagnosis, kept so that none is made twice."""

    def __init__(self, live: Live, yardstick: Yardstick, split: Split) -> None:
        self.live, self.yardstick, self.split = live, yardstick, split
        self.passes: dict[tuple[Mode, Split], Pass] = {}

    def observe(self, evidence: Evidence) -> Evidence:
        """The four-way table and the moments at every call site."""
        splits = [Split.TRAIN] + ([Split.VALIDATION] if self.live.has_validation else [])
        for split in splits:
            self.passes[Mode.POPULATION, split] = self.live.measure(split, Mode.POPULATION)
            self.passes[Mode.BATCH, split] = self.live.measure(split, Mode.BATCH, observe=True)
        chains = self.live.chains()
        dropped = (
            self.live.measure(Split.TRAIN, Mode.BATCH, observe=True, dropout=True).moments
            if self.live.has_dropout
            else {}
        )
        calls = [
            replace(
                chains.get(site) or CallSite(*site),
                moments={
                    split: self.passes[Mode.BATCH, split].moments[site]
                    for split in splits
                    if site in self.passes[Mode.BATCH, split].moments
                },
                with_dropout=dropped.get(site),
            )
            for site in self.passes[Mode.BATCH, Split.TRAIN].moments
        ]
        train = self.passes[Mode.POPULATION, Split.TRAIN]
        batch = self.passes[Mode.BATCH, Split.TRAIN]
        growth = _ratio(train.largest_output, batch.largest_output)
        return replace(
            evidence,
            calls=tuple(calls),
            samples=int(sorted(train.weights)[len(train.weights) // 2]),
            output_growth=growth,
        )

    def inference(self) -> Evaluation:
        """What the model itself does in inference mode, where no evaluation was given."""
        seen = self.passes[Mode.POPULATION, self.split]
        return Evaluation(given=False, batch_layers=seen.batch_layers, moved_layers=(), values=seen.values)

    def try_remedies(self, evidence: Evidence) -> Evidence:
        """The gap, and what each remedy does about it."""
        scores = {key: score(each.losses, each.metrics, each.weights) for key, each in self.passes.items()}
        before = scores[Mode.POPULATION, self.split]
        if self.yardstick.value(before) is None:
            return evidence
        override = self._override(evidence, [layer.name for layer in evidence.layers])
        after = self._remedied(override) if override else None
        gap = self.yardstick.gap(scores, after, self.split)
        trials: list[Trial] = []
        if after is not None:
            trials.append(self._trial(gap, "recalibrate", override, before, after))
        evidence = replace(evidence, gap=gap)
        trials.extend(self._separate(evidence, gap, before))
        trials.extend(self._population(evidence))
        trials.extend(self._inference_mode(evidence, before, after))
        if gap.size > 0:
            trials.extend(self._single_layers(evidence, gap, before))
        return replace(evidence, trials=tuple(trials))

    def with_effect(self, found: Finding, evidence: Evidence) -> Finding:
        """The finding with what its remedy did, trying it on just its layers where that was not done yet."""
        remedy = CATALOGUE[found.code].trial
        gap = evidence.gap
        if remedy is None or gap is None:
            return found
        trial = next((each for each in evidence.trials if each.remedy == remedy and each.layers == found.layers), None)
        if trial is None and remedy == "recalibrate":
            before = gap.scores[Mode.POPULATION, self.split]
            override = self._override(evidence, found.layers)
            if override:
                trial = self._trial(gap, remedy, override, before, self._remedied(override))
        trial = trial or evidence.trial(remedy)
        if trial is None:
            return found
        before_value, after_value = self.yardstick.value(trial.before), self.yardstick.value(trial.after)
        if before_value is None or after_value is None:
            return found
        return replace(found, effect=Effect(REMEDIES[remedy], gap.measure, before_value, after_value, trial.share))

    def _remedied(self, override: Override, samples_per_batch: int | None = None) -> Score:
        seen = self.live.measure(self.split, Mode.POPULATION, override=override, samples_per_batch=samples_per_batch)
        return score(seen.losses, seen.metrics, seen.weights)

    def _trial(self, gap: Gap, remedy: str, override: Override, before: Score, after: Score) -> Trial:
        names = tuple(dict.fromkeys(layer for layer, _ in override))
        return Trial(remedy, names, before, after, self.yardstick.share(gap.size, before, after))

    def _override(self, evidence: Evidence, names: Iterable[str]) -> Override:
        """Moments observed on the training data, the same at every call site of a layer."""
        from steadynorm.checks.distance import pooled

        override = {}
        for name in names:
            moments = pooled(evidence.sites(name))
            if moments is not None:
                for site in evidence.sites(name):
                    override[name, site.index] = (moments.mean, moments.variance)
        return override

    def _separate(self, evidence: Evidence, gap: Gap, before: Score) -> Iterable[Trial]:
        shared = {layer.name for layer in evidence.layers if len(evidence.sites(layer.name)) > 1}
        if shared:
            override = {
                (site.layer, site.index): (site.moments[Split.TRAIN].mean, site.moments[Split.TRAIN].variance)
                for site in evidence.calls or ()
                if site.layer in shared and Split.TRAIN in site.moments
            }
            yield self._trial(gap, "separate", override, before, self._remedied(override))

    def _population(self, evidence: Evidence) -> Iterable[Trial]:
        """For layers without statistics: predictions in small batches, before and after they get some."""
        bare = [layer.name for layer in evidence.layers if layer.statistics is None and not layer.per_instance]
        override = self._override(evidence, bare)
        if override:
            seen = self.live.measure(self.split, Mode.POPULATION, samples_per_batch=SMALL_BATCH)
            before = score(seen.losses, seen.metrics, seen.weights)
            after = self._remedied(override, SMALL_BATCH)
            size = self.yardstick.goodness(after) - self.yardstick.goodness(before)
            yield Trial("population", tuple(bare), before, after, self.yardstick.share(size, before, after))

    def _inference_mode(self, evidence: Evidence, handed_over: Score, remedied: Score | None) -> Iterable[Trial]:
        """For an evaluation in batch mode: the number it returned against inference mode."""
        evaluation = evidence.evaluation
        if evaluation is None or evaluation.result is None or not evaluation.batch_layers:
            return
        before = (
            Score(metric=evaluation.result) if self.yardstick.measure == "metric" else Score(loss=evaluation.result)
        )
        candidates = [handed_over] + ([] if remedied is None else [remedied])
        best = max(map(self.yardstick.goodness, candidates))
        size = best - self.yardstick.goodness(before)
        share = self.yardstick.share(size, before, handed_over)
        yield Trial("inference-mode", evaluation.batch_layers, before, handed_over, share)

    def _single_layers(self, evidence: Evidence, gap: Gap, before: Score) -> Iterable[Trial]:
        worst = sorted(mismatched(evidence), key=lambda pair: -math.hypot(pair[1].shift, pair[1].log_ratio))
        if len(worst) < 2:
            return
        for layer, _ in worst[:ATTRIBUTED_LAYERS]:
            override = self._override(evidence, [layer.name])
            yield self._trial(gap, "recalibrate", override, before, self._remedied(override))


def _ratio(inference: float, batch: float) -> float:
    if not math.isfinite(inference):
        return math.inf
    return inference / batch if batch > 0 else 1.0


StageContext = Callable[[], AbstractContextManager[Stage]]
