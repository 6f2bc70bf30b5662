"""SN503 and SN903 in Keras: what trained models end in, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.program import Sighting
from steadynorm.source.keras.calls import KerasRun
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.layers.models import FUNCTIONAL
from steadynorm.source.layers.outputs import mismatched_range, normalized_output
from steadynorm.source.symbolic.trace import Call, Callback, Return
from steadynorm.source.symbolic.values import Instance, Item, Known, Product, Value


def look_at_outputs(keras: KerasRun, graph: LayerGraph) -> Iterator[Sighting]:
    """What models end in."""
    for each in keras.model_calls:
        if each.purpose == "training":
            yield from normalized_output(graph, each.call.result, "keras", handed_over=False)
            yield from mismatched_range(graph, each.call.result, "keras")
    for fit in keras.fits:
        if not keras.norms(fit.receiver):
            continue
        compiled = _compiled(keras, fit)
        for output in _outputs(keras, fit.receiver):
            yield from normalized_output(graph, output, "keras", handed_over=True)
            if compiled is not None:
                yield from mismatched_range(graph, output, "keras", _target(fit), compiled.place)


def _compiled(keras: KerasRun, fit: Call) -> Call | None:
    """The call of `compile` that a call of `fit` goes by."""
    found = None
    for call in keras.run.calls():
        if call.name == ".compile" and call.receiver is fit.receiver and call.index < fit.index:
            found = call
    return found


def _target(fit: Call) -> Value | None:
    given = fit.argument(1, "y")
    if given is not None:
        return given
    data = fit.argument(0, "x")
    return None if data is None else Item(data, Known(1))


def _outputs(keras: KerasRun, model: Value | None) -> Iterator[Value]:
    """What a model gives that Keras calls itself."""
    if isinstance(model, Product):
        if model.call.name in FUNCTIONAL:
            outputs = model.call.argument(1, "outputs")
            if outputs is not None:
                yield outputs
            return
        for call in keras.run.calls():
            if call.callee is model and call.result is not None:
                yield call.result
    elif isinstance(model, Instance):
        for event in keras.run.events:
            if not isinstance(event, Return) or event.frame.receiver is not model:
                continue
            by_keras = any(isinstance(block, Callback) and block.call is None for block in event.within)
            if by_keras and event.frame.function.name.rpartition(".")[2] == "call":
                yield event.value
