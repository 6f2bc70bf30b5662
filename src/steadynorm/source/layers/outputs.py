"""SN503 and SN903 for layers that are objects: what a network ends in, and what its targets are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.layers.graph import LayerGraph
from steadynorm.source.layers.places import subject_of
from steadynorm.source.ranges import SYMMETRIC, UNIT, is_about, range_of, written
from steadynorm.source.symbolic.flow import inside
from steadynorm.source.symbolic.values import Expression, Item, Items, Known, Product, Value

_IN_A_NETWORK = frozenset({"convolution", "linear", "normalization", "dropout", "activation", "embedding", "model"})
_OUTPUTS = {"sigmoid": UNIT, "tanh": SYMMETRIC}
_OTHER = {"sigmoid": "tanh", "tanh": "sigmoid"}


def normalized_output(graph: LayerGraph, output: Value | None, framework: str, handed_over: bool) -> Iterator[Sighting]:
    """A trained network that ends in a normalization layer.

    Arguments:
        graph: the layers of the run.
        output: what the network gives.
        framework: whose program it is.
        handed_over: whether a framework's own loop takes it; otherwise it must go into a loss, and into no layer.
    """
    output = _first(output)
    if output is None or (not handed_over and not _goes_into_loss(graph, output)):
        return
    for step in graph.before(output):
        if step.kind in ("reshape", "softmax"):
            continue
        made = step.made
        if step.kind == "normalization" and made is not None and not _is_whitening(made.keywords):
            yield Sighting("SN503", framework, made.place, subject_of(made), "trained")
        return


def _first(output: Value | None) -> Value | None:
    """The predictions, of what a network gives together with its state."""
    return output.items[0] if isinstance(output, Items) and output.items else output


def _is_whitening(options: Mapping[str, Value]) -> bool:
    """Whether a layer has neither gamma nor beta: then it is there for its output's spread."""
    names = (("scale", "use_scale"), ("center", "use_bias"))
    return all(any(options.get(name) == Known(False) for name in pair) for pair in names)


def _goes_into_loss(graph: LayerGraph, output: Value) -> bool:
    kinds = {step.kind for step in graph.after(output)}
    return bool(kinds & {"loss", "arithmetic"}) and not kinds & _IN_A_NETWORK


def mismatched_range(
    graph: LayerGraph, output: Value | None, framework: str, target: Value | None = None, place: Place | None = None
) -> Iterator[Sighting]:
    """Targets that are not in the range of the activation at the output.

    Arguments:
        graph: the layers of the run.
        output: what the network gives.
        framework: whose program it is.
        target: what it is compared with, where a framework's own loop does that.
        place: where the loss is said, likewise.
    """
    output = _first(output)
    activation = _last_activation(graph, output)
    if output is None or activation is None:
        return
    pairs = [(target, place)] if place is not None else list(_compared(graph, output))
    for wanted, where in pairs:
        targets = range_of(wanted)
        if targets is None or where is None:
            continue
        other = _OTHER[activation]
        if is_about(targets, _OUTPUTS[other]):
            facts = {
                "activation": activation,
                "outputs": written(_OUTPUTS[activation]),
                "targets": written(_OUTPUTS[other]),
                "right": other,
            }
            yield Sighting("SN903", framework, where, activation, "range", facts=facts)
            return


def activated_twice(graph: LayerGraph, output: Value | None, framework: str) -> Iterator[Sighting]:
    """Losses that take the softmax or sigmoid of a network's output, which is one already.

    Arguments:
        graph: the layers of the run.
        output: what the network gives.
        framework: whose program it is.
    """
    output = _first(output)
    last = _last_probability(graph, output)
    if output is None or last is None:
        return
    for step in graph.readers(output):
        name = (step.call if step.made is None else step.made).name.rpartition(".")[2]
        own = next((each for each in ("softmax", "sigmoid") if name.startswith(each)), None)
        if step.kind == "loss" and (own == "softmax" or (own, last) == ("sigmoid", "sigmoid")):
            logits = step.call.argument(0, "logits")
            if logits is not None and _is_same(logits, output):
                facts = {"activation": last, "own": own}
                yield Sighting("SN903", framework, step.call.place, name, "twice", facts=facts)
                return


def _last_probability(graph: LayerGraph, output: Value | None) -> str | None:
    """The softmax or sigmoid that a network ends in; the logarithm of a softmax is its own softmax's again."""
    for step in graph.before(output):
        if step.kind == "reshape":
            continue
        if step.kind == "softmax":
            return None if step.call.name.endswith("log_softmax") else "softmax"
        return "sigmoid" if step.kind == "sigmoid" else None
    return None


def _last_activation(graph: LayerGraph, output: Value | None) -> str | None:
    for step in graph.before(output):
        if step.kind == "reshape":
            continue
        return step.kind if step.kind in _OUTPUTS else None
    return None


def _compared(graph: LayerGraph, output: Value) -> Iterator[tuple[Value, Place]]:
    """What a network's output is compared with, and where."""
    for step in graph.readers(output):
        call = step.call
        if step.kind == "loss":
            for value in (*call.arguments, *call.keywords.values()):
                if not _is_same(value, output):
                    yield value, call.place
        for value in inside(*call.arguments, *(() if call.receiver is None else (call.receiver,))):
            if isinstance(value, Expression) and value.operator == "Sub" and len(value.operands) == 2:
                left, right = value.operands
                if _is_same(left, output):
                    yield right, call.place
                elif _is_same(right, output):
                    yield left, call.place


def _is_same(value: Value, output: Value) -> bool:
    while isinstance(value, Item) and not isinstance(output, Item):
        value = value.of
    if isinstance(value, Product) and isinstance(output, Product):
        return value.call is output.call
    return value is output
