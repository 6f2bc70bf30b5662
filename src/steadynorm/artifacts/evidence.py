"""From what files hold to evidence: a checkpoint, the graph beside it, and what they are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.layers import Found, layers_of, of_graph_alone
from steadynorm.artifacts.matching import are_numbered_anew, in_order, matched, weights_moved
from steadynorm.artifacts.naming import OPTIMIZERS, named_layers
from steadynorm.artifacts.steps import steps_of
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evidence, Layer
from steadynorm.recorded import Stored

_SLOTS = ("Adam", "Momentum", "RMSProp", "Adagrad", "Adadelta", "Ftrl", "ExponentialMovingAverage")
"""What TensorFlow's optimizers and averages add to the names of the variables that they keep something about."""


def evidence_of(
    contents: Contents | None,
    *,
    graph: Contents | None = None,
    before: Contents | None = None,
    ranks: Mapping[str, Contents] | None = None,
) -> Evidence:
    """What files say about one model.

    Arguments:
        contents: a checkpoint, or a file that holds both graph and weights; `None` if there is only a graph.
        graph: the graph beside it, `None` without one.
        before: an earlier checkpoint to compare with.
        ranks: the checkpoints of the other ranks of the same run, by file.

    Raises:
        UnusableInputError: there is nothing to read, or an array of a layer cannot be read.
    """
    recorded = (graph.graph if graph is not None else None) or (contents.graph if contents is not None else None)
    if contents is None:
        if graph is None or recorded is None:
            raise UnusableInputError("neither a checkpoint nor a graph was given")
        if not graph.tensors:
            return Evidence(graph.framework, of_graph_alone(recorded, graph.framework), graph=recorded)
        contents = graph
    found = layers_of(contents, recorded)
    if not contents.tensors:
        layers = of_graph_alone(recorded, contents.framework) if recorded is not None else ()
        return Evidence(contents.framework, layers, graph=recorded)
    stored = _stored(contents, found, before, ranks or {})
    return Evidence(contents.framework, found.layers, graph=recorded, stored=stored)


def _stored(contents: Contents, found: Found, before: Contents | None, ranks: Mapping[str, Contents]) -> Stored:
    steps, steps_from = (None, None) if contents.facts.get("missing") else steps_of(contents)
    earlier: Mapping[str, Layer] | None = None
    moved: Mapping[str, float] = {}
    by_order = False
    if before is not None:
        theirs = layers_of(before).layers
        by_order = are_numbered_anew(found.layers, theirs)
        earlier = in_order(found.layers, theirs) if by_order else matched(found.layers, theirs)
        moved = weights_moved(_others(contents), _others(before), earlier)
    return Stored(
        format=contents.format,
        steps=steps,
        steps_from=steps_from,
        before=earlier,
        weights_moved=moved,
        ranks={path: {each.name: each for each in layers_of(other).layers} for path, other in ranks.items()},
        without_statistics=found.without_statistics,
        certainly=found.certainly,
        by_name=found.by_name,
        batch_only=found.batch_only,
        copies=found.copies,
        parameters_averaged=found.parameters_averaged,
        averaged=bool(contents.facts.get("averaged")) and not found.copies,
        doubled=_is_doubled(contents),
        values=not contents.facts.get("missing"),
        training=steps is not None or bool(contents.facts.get("param_groups")) or any(map(_is_slot, contents.tensors)),
        weight_types=_weight_types(contents, found.layers),
        slot_types=_slot_types(contents),
        by_order=by_order,
    )


def _weight_types(contents: Contents, layers: tuple[Layer, ...]) -> frozenset[str]:
    """Of gamma and beta alone, where the file has no other weights."""
    named, _ = named_layers(contents.tensors, contents.framework)
    own = (tensor for layer in named for role, tensor in layer.tensors.items() if role in ("gamma", "beta"))
    return frozenset(tensor.dtype for tensor in (*weights_of(contents), *own) if "float" in tensor.dtype)


def _slot_types(contents: Contents) -> frozenset[str]:
    noted = contents.facts.get("slots")
    slots = (each for each in contents.tensors.values() if each.shape and _is_slot(each.name))
    types = {each.dtype for each in slots if "float" in each.dtype}
    return frozenset(types | (set(noted) if isinstance(noted, frozenset) else set()))


def _others(contents: Contents) -> dict[str, Tensor]:
    """The tensors that belong to no normalization layer and to no optimizer."""
    return {tensor.name: tensor for tensor in weights_of(contents)}


def weights_of(contents: Contents) -> Iterator[Tensor]:
    """The tensors that belong to no normalization layer and to no optimizer."""
    complete, without = named_layers(contents.tensors, contents.framework)
    taken = {tensor.name for layer in (*complete, *without) for tensor in layer.tensors.values()}
    for tensor in contents.tensors.values():
        if tensor.shape and tensor.name not in taken and not _is_slot(tensor.name) and "float" in tensor.dtype:
            yield tensor


def _is_slot(name: str) -> bool:
    parts = name.replace(".", "/").split("/")
    return any(part.startswith(_SLOTS) or part in OPTIMIZERS for part in parts) or "optimizer" in parts[0]


def _is_doubled(contents: Contents) -> bool:
    shapes = Counter(tensor.shape for tensor in weights_of(contents))
    return bool(shapes) and all(count % 2 == 0 for count in shapes.values())
