"""A live diagnosis, written once for every framework: measure, observe, try remedies, judge, rank."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from steadynorm.checks.catalogue import CATALOGUE
from steadynorm.checks.distance import mismatched, pooled
from steadynorm.checks.live_remedies import in_words_of
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
from steadynorm.finding import Effect, Finding
from steadynorm.live import Live, Override
from steadynorm.passes import Pass
from steadynorm.ranking import rank
from steadynorm.report.model import Report
from steadynorm.scoring import Yardstick
from steadynorm.stage import Stage, silent

ATTRIBUTED_LAYERS = 6
"""Remedies are tried on that many single layers, those with the largest distance."""

SMALL_BATCH = 2
"""Samples per batch for showing that a prediction depends on its batch."""


def diagnose(
    live: Live,
    yardstick: Yardstick,
    *,
    name: str,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage = silent,
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
    bare = Evidence(framework=live.framework, layers=layers, left_out=live.left_out())
    if not layers:
        return Report(name, bare)
    bench = _Bench(live, yardstick)
    stage("four-way table", 0, 5)
    evidence = bench.observe(replace(bare, source=live.source()))
    stage("train step", 1, 5)
    evidence = replace(evidence, steps=live.steps())
    stage("evaluation", 2, 5)
    evidence = replace(evidence, evaluation=live.evaluate() or bench.inference())
    stage("remedies", 3, 5)
    evidence = bench.try_remedies(evidence)
    stage("causes", 4, 5)
    findings, not_assessed = run(evidence, select, ignore)
    findings = rank([bench.with_effect(in_words_of(live.framework, found), evidence) for found in findings])
    return Report(name, evidence, tuple(findings), tuple(not_assessed), tuple(select), tuple(ignore))


class _Bench:
    """The measurements of one diagnosis, kept so that none is made twice."""

    def __init__(self, live: Live, yardstick: Yardstick) -> None:
        self.live, self.yardstick = live, yardstick
        self.splits = [Split.TRAIN, Split.VALIDATION] if live.has_validation else [Split.TRAIN]
        self.split = self.splits[-1]
        self.passes: dict[tuple[Mode, Split], Pass] = {}

    def observe(self, evidence: Evidence) -> Evidence:
        """The four-way table and the moments at every call site."""
        for split in self.splits:
            self.passes[Mode.POPULATION, split] = self.live.measure(split, Mode.POPULATION)
            self.passes[Mode.BATCH, split] = self.live.measure(split, Mode.BATCH, observe=True)
        inference, batch = self.passes[Mode.POPULATION, Split.TRAIN], self.passes[Mode.BATCH, Split.TRAIN]
        return replace(
            evidence,
            calls=tuple(self._call_sites()),
            samples=int(sorted(inference.weights)[len(inference.weights) // 2]),
            output_growth=_ratio(inference.largest_output, batch.largest_output),
        )

    def _call_sites(self) -> Iterator[CallSite]:
        chains = self.live.chains()
        dropped = (
            self.live.measure(Split.TRAIN, Mode.BATCH, observe=True, dropout=True).moments
            if self.live.has_dropout
            else {}
        )
        for site in self.passes[Mode.BATCH, Split.TRAIN].moments:
            observed = {split: self.passes[Mode.BATCH, split].moments.get(site) for split in self.splits}
            yield replace(
                chains.get(site) or CallSite(*site),
                moments={split: moments for split, moments in observed.items() if moments is not None},
                with_dropout=dropped.get(site),
            )

    def inference(self) -> Evaluation:
        """What the model itself does in inference mode, where no evaluation was given."""
        seen = self.passes[Mode.POPULATION, self.split]
        return Evaluation(given=False, batch_layers=seen.batch_layers, moved_layers=(), values=seen.values)

    def try_remedies(self, evidence: Evidence) -> Evidence:
        """The gap, and what each remedy does about it."""
        handed_over = self.passes[Mode.POPULATION, self.split]
        if self.yardstick.value(handed_over.score) is None:
            return evidence
        override = self._override(evidence, [layer.name for layer in evidence.layers])
        separate = self._separate_override(evidence)
        recalibrated, separated = self._inference(override), self._inference(separate)
        gap = self.yardstick.gap(
            {key: seen.score for key, seen in self.passes.items()},
            handed_over,
            [self.passes[Mode.BATCH, self.split], recalibrated or handed_over, separated or handed_over],
        )
        trials = []
        for remedy, changed, seen in (("recalibrate", override, recalibrated), ("separate", separate, separated)):
            if seen is not None:
                trials.append(self._trial(gap, remedy, changed, seen))
        trials += self._population(evidence)
        trials += self._inference_mode(evidence, recalibrated or handed_over)
        if gap.size > 0:
            trials += self._single_layers(evidence, gap)
        return replace(evidence, gap=gap, trials=tuple(trials))

    def with_effect(self, found: Finding, evidence: Evidence) -> Finding:
        """The finding with what its remedy did, trying it on just its layers where that was not done yet."""
        remedy = CATALOGUE[found.code].trial
        gap = evidence.gap
        if remedy is None or gap is None:
            return found
        trial = next((each for each in evidence.trials if each.remedy == remedy and each.layers == found.layers), None)
        if trial is None and remedy == "recalibrate":
            override = self._override(evidence, found.layers)
            seen = self._inference(override)
            trial = None if seen is None else self._trial(gap, remedy, override, seen)
        trial = trial or evidence.trial(remedy)
        if trial is None:
            return found
        before, after = self.yardstick.value(trial.before), self.yardstick.value(trial.after)
        if before is None or after is None:
            return found
        return replace(found, effect=Effect(trial.description, gap.measure, before, after, trial.share))

    def _inference(self, override: Override, samples_per_batch: int | None = None) -> Pass | None:
        """A pass in inference mode with other statistics; `None` where there are none to try."""
        if not override:
            return None
        return self.live.measure(self.split, Mode.POPULATION, override=override, samples_per_batch=samples_per_batch)

    def _trial(self, gap: Gap, remedy: str, override: Override, seen: Pass) -> Trial:
        before = gap.scores[Mode.POPULATION, self.split]
        names = tuple(dict.fromkeys(layer for layer, _ in override))
        return Trial(remedy, names, before, seen.score, self.yardstick.share(gap.size, before, seen.score))

    def _override(self, evidence: Evidence, names: Iterable[str]) -> Override:
        """Moments observed on the training data, the same at every call site of a layer."""
        override = {}
        for name in names:
            moments = pooled(evidence.sites(name))
            if moments is not None:
                for site in evidence.sites(name):
                    override[name, site.index] = (moments.mean, moments.variance)
        return override

    def _separate_override(self, evidence: Evidence) -> Override:
        """Moments observed on the training data, each call site's own, for layers that have several."""
        return {
            (site.layer, site.index): (site.moments[Split.TRAIN].mean, site.moments[Split.TRAIN].variance)
            for site in evidence.calls or ()
            if len(evidence.sites(site.layer)) > 1 and Split.TRAIN in site.moments
        }

    def _population(self, evidence: Evidence) -> Iterator[Trial]:
        """For layers without statistics: predictions in small batches, before and after they get some."""
        bare = [layer.name for layer in evidence.layers if layer.statistics is None and not layer.per_instance]
        after = self._inference(self._override(evidence, bare), SMALL_BATCH)
        if after is not None:
            before = self.live.measure(self.split, Mode.POPULATION, samples_per_batch=SMALL_BATCH).score
            share = self.yardstick.improvement(before, after.score, after.score)
            yield Trial("population", tuple(bare), before, after.score, share)

    def _inference_mode(self, evidence: Evidence, recalibrated: Pass) -> Iterator[Trial]:
        """For an evaluation in batch mode: the number that it returned against inference mode."""
        evaluation = evidence.evaluation
        if evaluation is None or evaluation.result is None or evaluation.inference_result is None:
            return
        after = self.passes[Mode.POPULATION, self.split].score
        if not self.yardstick.agrees(evaluation.inference_result, after):
            return  # it returns some other number than the metric (a loss, a percentage), which cannot be compared
        uses_metric = self.yardstick.measure == "metric"
        before = Score(metric=evaluation.result) if uses_metric else Score(loss=evaluation.result)
        best = max(after, recalibrated.score, key=self.yardstick.goodness)
        share = self.yardstick.improvement(before, after, best)
        yield Trial("inference-mode", evaluation.batch_layers, before, after, share)

    def _single_layers(self, evidence: Evidence, gap: Gap) -> Iterator[Trial]:
        worst = sorted(mismatched(evidence), key=lambda pair: -math.hypot(pair[1].shift, pair[1].log_ratio))
        for layer, _ in worst[:ATTRIBUTED_LAYERS] if len(worst) > 1 else []:
            override = self._override(evidence, [layer.name])
            seen = self._inference(override)
            if seen is not None:
                yield self._trial(gap, "recalibrate", override, seen)


def _ratio(inference: float, batch: float) -> float:
    if not math.isfinite(inference):
        return math.inf
    return inference / batch if batch > 0 else 1.0
