"""What a loss is the sum of, and the predictions that it compares with the targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from steadynorm.tensorflow.graph_copy.flow import downstream, upstream

_ADDING = ("Add", "AddV2", "AddN", "Identity")
_PROBABILITIES = ("Softmax", "Sigmoid")
_ARRANGING = ("Reshape", "Identity", "Squeeze", "ExpandDims")
_LOGARITHMS = ("Log", "Log1p", "Xlogy")


@dataclass(frozen=True, slots=True)
class LossPath:
    """How a loss is computed.

    Arguments:
        terms: what it is the sum of, without what is computed from no data, as weight decay is.
        predictions: tensors through which all that the loss learns of inputs and weights together comes; none if there
            are none such.
        free: the predictions; in place of probabilities whose logarithm is taken, what they are made of.
        reads_inputs: whether it, or one of its terms, compares the predictions with the inputs.
    """

    terms: tuple[Any, ...]
    predictions: tuple[Any, ...]
    free: tuple[Any, ...]
    reads_inputs: bool


def loss_path(
    loss: Any, output: Any | None, inputs: Sequence[Any], labels: Sequence[Any], variables: Sequence[Any]
) -> LossPath:
    """Follows a loss back.

    Arguments:
        loss: the tensor.
        output: the tensor that is said to be the prediction; where the loss is not computed from it alone, as for
            probabilities beside logits, the prediction is looked for before the first operation that knows targets.
        inputs: tensors that data come in by.
        labels: those of the targets.
        variables: trainable ones, as the tensors that they are read from.
    """
    whole = _terms(loss)
    fed = downstream([*inputs, *labels])
    terms = [each for each in whole if each.op in fed] or whole
    given = () if output is None else (output,)
    frontier = _frontier(terms, inputs, labels, variables)
    # The shape that logits have before they are arranged for the loss may be asked for as well.
    tried = (given, frontier, tuple(map(_before_arranging, frontier)))
    found = next((each for each in tried if _separates(each, terms, inputs, variables)), ())
    behind = upstream(terms, found) if found else []
    free = [
        each.op.inputs[0] if each.op.type in _PROBABILITIES and _takes_logarithm(behind) else each for each in found
    ]
    alone = [each for each in terms if _separates(found or given, [each], inputs, variables)]
    compared = upstream(alone, found or given)
    return LossPath(tuple(terms), tuple(found), tuple(free), _reads(compared, inputs))


def _terms(loss: Any) -> list[Any]:
    found: dict[str, Any] = {}
    waiting = [loss]
    while waiting:
        tensor = waiting.pop(0)
        parts = tensor.op.inputs if tensor.op.type in _ADDING else ()
        if parts and all(each.shape.rank == tensor.shape.rank is not None for each in parts):
            waiting = [*parts, *waiting]
        else:
            found[tensor.name] = tensor
    return list(found.values())


def _separates(
    predictions: Sequence[Any], terms: Sequence[Any], inputs: Sequence[Any], variables: Sequence[Any]
) -> bool:
    """Whether no term learns anything of weights and inputs together but by the predictions."""
    before = set(upstream(terms))
    if not predictions or any(each.op not in before for each in predictions):
        return False
    rests = [upstream([term], predictions) for term in terms]
    return not any(_reads(rest, inputs) and _reads(rest, variables) for rest in rests)


def _frontier(
    terms: Sequence[Any], inputs: Sequence[Any], labels: Sequence[Any], variables: Sequence[Any]
) -> tuple[Any, ...]:
    """The tensors that meet the targets, and are computed from inputs and weights; of several in a row the first."""
    knowing = downstream(labels)
    learned = downstream(inputs) & downstream(variables)
    found = {
        tensor.name: tensor
        for operation in upstream(terms)
        if operation in knowing
        for tensor in operation.inputs
        if tensor.op in learned and tensor.op not in knowing and tensor.dtype.is_floating
    }
    tensors = list(found.values())
    return tuple(
        each for each in tensors if not _depends(each, [other for other in tensors if other.op is not each.op])
    )


def _before_arranging(tensor: Any) -> Any:
    while tensor.op.type in _ARRANGING:
        tensor = tensor.op.inputs[0]
    return tensor


def _takes_logarithm(operations: Collection[Any]) -> bool:
    return any(each.type in _LOGARITHMS for each in operations)


def _reads(operations: Collection[Any], tensors: Sequence[Any]) -> bool:
    among = set(operations)
    return any(each in among for tensor in tensors for each in tensor.consumers())


def _depends(tensor: Any, others: Sequence[Any]) -> bool:
    before = set(upstream([tensor]))
    return any(each.op in before for each in others)
