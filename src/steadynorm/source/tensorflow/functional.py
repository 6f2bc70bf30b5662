"""Functional models of Keras in a graph: their layers are built once, and each call of a model says their mode."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.source.layers.models import FUNCTIONAL
from steadynorm.source.symbolic.flow import calls_behind
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import Known, Value
from steadynorm.source.tensorflow.mode import Mode, Source, mode_of
from steadynorm.source.tensorflow.norms import Kind, Norm
from steadynorm.source.tensorflow.words import made_by


def tell_layers(run: Run, norms: list[Norm]) -> None:
    """Gives the layers of functional models that are not told their mode where they are built the one of the calls.

    Arguments:
        run: the run.
        norms: the layers.
    """
    untold = {norm.call.index: norm for norm in norms if norm.kind is Kind.KERAS and norm.given in (None, Known(None))}
    told: dict[int, list[tuple[Call, Value | None]]] = {}
    for model, call in _calls(run) if untold else ():
        for each in calls_behind(*model.arguments, *model.keywords.values()):
            if each.index in untold:
                told.setdefault(each.index, []).append((call, _given(call)))
    for index, modes in told.items():
        first, given = modes[0]
        if any(mode is not None for _, mode in modes):
            norm = untold[index]
            norm.told_by, norm.given = first, given
            norm.mode = mode_of(given, False) if len(modes) == 1 else Mode(Source.UNKNOWN)


def _calls(run: Run) -> Iterator[tuple[Call, Call]]:
    """The calls that made functional models, each with a call of the model."""
    for call in run.calls():
        made = made_by(call)
        if made is not None and made.name in FUNCTIONAL:
            yield made, call


def _given(call: Call) -> Value | None:
    mode = call.argument(1, "training")
    return None if mode == Known(None) else mode
