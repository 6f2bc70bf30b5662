"""SN5 and SN7 in graphs: what stands around a layer, its axis, and the type of its statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from steadynorm.checks.numbers import LOW_PRECISION
from steadynorm.checks.registry import check, finding
from steadynorm.checks.wording import many
from steadynorm.evidence import Evidence, Mode, Operation
from steadynorm.finding import Finding
from steadynorm.recorded import Use


@check("SN501", "graph")
def bias_in_the_graph(evidence: Evidence) -> Iterator[Finding]:
    """The operation before has a bias, nothing stands between, and nobody else reads its result."""

    def producer(use: Use) -> str | None:
        before = use.before[0] if use.before else None
        return before.name if before is not None and before.bias and before.consumers == 1 else None

    # A layer that is built in inference mode and trained was meant to be trained like any other: SN202.
    found = _found(evidence, producer, population=True)
    if found:
        taken = {use.layer for use in evidence.graph.uses if use.mode is not Mode.POPULATION} if evidence.graph else ()
        cancels = "the mean subtraction cancels" if any(layer in taken for layer in found) else "beta repeats"
        yield finding(
            "SN501",
            found,
            f"{many(found, 'follow')} a convolution or linear layer with a bias, which {cancels} "
            f"(first: '{next(iter(found.values()))}')",
            "Build these with use_bias=False; beta does the same job.",
            evidence={"producers": found},
        )


@check("SN502", "graph")
def sigmoid_in_the_graph(evidence: Evidence) -> Iterator[Finding]:
    """A sigmoid or tanh reads the normalized output."""
    found = _found(evidence, lambda use: _next(use, ("sigmoid", "tanh")))
    if found:
        yield finding(
            "SN502",
            found,
            f"the output of {many(found)} goes straight into a sigmoid or tanh "
            f"('{next(iter(found.values()))}'): with deviation 1 it stays on the nearly linear part",
            "Normalize before the linear layer instead, use a rectifier, or accept it if it trains well.",
            evidence={"activations": found},
        )


@check("SN503", "graph")
def output_in_the_graph(evidence: Evidence) -> Iterator[Finding]:
    """The network's output is the normalized tensor."""
    graph = evidence.graph
    assert graph is not None
    affine = {layer.name for layer in graph.layers if layer.gamma is not None or layer.beta is not None}

    def output(use: Use) -> str | None:
        following = [each for each in use.after if each.kind not in ("reshape", "softmax")]
        ends = [each.kind for each in following] == ["output"] and use.layer in affine
        return following[0].name if ends else None

    found = _found(evidence, output)
    if found:
        yield finding(
            "SN503",
            found,
            f"the network's output is normalized ('{next(iter(found))}'): its scale is tied to the batch in training "
            "and to the statistics in inference",
            "Leave the last layer without normalization.",
            evidence={"readers": found},
        )


@check("SN504", "graph")
def wrong_axis(evidence: Evidence) -> Iterator[Finding]:
    """The axis that is kept is not that of the channels."""
    found = _found(evidence, lambda use: use.wrong_axis, untrained=True)
    if found:
        name, proof = next(iter(found.items()))
        yield finding(
            "SN504",
            found,
            f"{many(found, 'normalize')} along the wrong axis ('{name}': {proof}), so that moments are taken across "
            "channels and per position",
            "Pass the axis of the channels: axis=1 (data_format='NCHW', fused) for channels first, axis=-1 for "
            "channels last.",
            evidence={"proofs": found},
        )


@check("SN507", "graph")
def dropout_in_the_graph(evidence: Evidence) -> Iterator[Finding]:
    """Dropout stands before the layer, with no weights between."""

    def dropout(use: Use) -> str | None:
        return next((each.name for each in use.before if each.kind == "dropout"), None)

    found = _found(evidence, dropout)
    if found:
        yield finding(
            "SN507",
            found,
            f"dropout ('{next(iter(found.values()))}') stands right before {many(found)}: it raises the variance "
            "of their input in training, and inference, without dropout, is normalized by that",
            "Move the dropout behind the last normalization layer.",
            evidence={"dropout": found},
        )


@check("SN508", "graph")
def scale_missing(evidence: Evidence) -> Iterator[Finding]:
    """No gamma, and what follows depends on the scale."""
    graph = evidence.graph
    assert graph is not None
    unscaled = {layer.name for layer in graph.layers if layer.gamma is None and layer.beta is not None}

    def reader(use: Use) -> str | None:
        return _next(use, ("sigmoid", "tanh", "softmax", "output")) if use.layer in unscaled else None

    found = _found(evidence, reader)
    if found:
        yield finding(
            "SN508",
            found,
            f"{many(found, 'have')} no gamma (scale=False), and what reads them is not free of scale "
            f"('{next(iter(found.values()))}'): the deviation of its input is 1 for ever",
            "Pass scale=True; it may be left out only before a rectifier or a linear layer.",
            evidence={"readers": found},
        )


@check("SN704", "graph")
def low_precision_in_the_graph(evidence: Evidence) -> Iterator[Finding]:
    """Variables of half precision hold the statistics."""
    graph = evidence.graph
    assert graph is not None
    stored = {layer.name for layer in evidence.layers if layer.statistics is not None}
    found = {
        layer.name: layer.dtype
        for layer in graph.layers
        if layer.dtype in LOW_PRECISION and layer.mean is not None and layer.name not in stored
    }
    if found:
        dtype = next(iter(found.values()))
        step = LOW_PRECISION[dtype]
        yield finding(
            "SN704",
            found,
            f"the statistics of {many(found)} are kept in {dtype}: an update that changes the average by less "
            f"than {step:.2g} of its value is rounded away",
            "Keep the statistics in float32: the fused operation takes half precision input with float32 statistics, "
            "and layers take dtype= or a mixed precision policy.",
            evidence={"dtype": found, "rounding_step": step},
        )


def _found(
    evidence: Evidence, question: Callable[[Use], str | None], population: bool = False, untrained: bool = False
) -> dict[str, str]:
    """By layer: what a question finds at one of its uses that are trained and take batch moments, or at others too.

    Arguments:
        evidence: with a graph.
        question: what is asked of a use.
        population: whether uses that are trained in inference mode are asked as well.
        untrained: whether all are.
    """
    graph = evidence.graph
    assert graph is not None
    found: dict[str, str] = {}
    for use in graph.uses:
        if not untrained and (not use.trained or (use.mode is Mode.POPULATION and not population)):
            continue
        answer = question(use)
        if answer is not None:
            found.setdefault(use.layer, answer)
    return found


def _next(use: Use, kinds: tuple[str, ...]) -> str | None:
    following: list[Operation] = [each for each in use.after if each.kind != "reshape"]
    return following[0].name if following and following[0].kind in kinds else None
