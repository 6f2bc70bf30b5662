"""Makes a model for inference in which other layers do the work of normalization layers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.quoting import said
from steadynorm.torch.copying import Copier, unwrap
from steadynorm.torch.execution import check_has_values, plain_execution
from steadynorm.torch.folding.affine import affine_of, follow, precede
from steadynorm.torch.folding.calls import Flow
from steadynorm.torch.folding.exported import exported
from steadynorm.torch.folding.kinds import takes
from steadynorm.torch.folding.observed import Observation
from steadynorm.torch.folding.plan import Pair, Planner
from steadynorm.torch.folding.result import Folding, Model
from steadynorm.torch.folding.symbolic import traced
from steadynorm.torch.layers import normalization_layers, unregistered_layers
from steadynorm.torch.originals import originals_kept
from steadynorm.torch.state import random_states_kept

TOLERANCE = 1e-5
ROUNDINGS = 16
"""Of a model in half precision, by how many units in the last place its outputs may differ."""


def fold(model: Model, example: Any, *, tolerance: float | None = None) -> Folding[Model]:
    """Merge batch normalization into the convolution or linear layer before or after it, for inference.

    The result is a copy of the model in inference mode, also of one that is in training mode: the same modules under
    the same names, with torch.nn.Identity where a layer was folded and a changed weight and bias (a new one, if there
    was none) in the layer that took it up. Wrappers (DistributedDataParallel, torch.compile) are left off.

    A layer is folded if nothing stands between it and its neighbour and nobody else reads what passes between them,
    in every call. Before a layer it is folded only where that is exact: not before padding with zeros. Where data go
    is found by torch.fx for every input; where a model's code asks for values, by torch.export for inputs like the
    example, and another branch of the code may then want a layer that is no longer there. Arguments without tensors
    count as fixed.

    Args:
        model: is not changed and not run, only copies of it are.
        example: a tensor; a tuple of positional or a dict of keyword arguments.
        tolerance: by how much the outputs for the example may differ, as a share of the greatest absolute value of
            each. By default 1e-5, and 16 units in the last place for a model that is in a coarser type than float32
            in any part. A layer with which they differ more is not folded.

    Returns:
        The new model, which layers were folded into what, and why the others were left.

    Raises:
        NoNormalizationLayersError: the model has no normalization layer with running statistics.
        UnusableInputError: the model cannot be copied, refuses the example, or cannot be followed.
    """
    original = unwrap(model)
    check_has_values(original)
    for name, each in [*original.named_parameters(), *original.named_buffers()]:
        if is_lazy(each):
            raise UnusableInputError(f"{name!r} of the model has no shape yet; run a batch first")
    with random_states_kept(), originals_kept(original), plain_execution():
        reference = _copied(original)
        norms = list(normalization_layers(reference))
        layers = [name for name, each in reference.named_modules() if takes(each)]
        seen = Observation(reference, example, [*norms, *layers])
        flow, followed = _followed(reference, example, seen)
        pairs, left = Planner(reference, flow, seen.axes).plan(norms)
        left |= {name: "it stands in no attribute of a module" for name, _ in unregistered_layers(reference)}
        left |= {each.name: "it is called as a function" for each in flow.calls if each.is_norm_function}
        if not pairs and not left:
            raise NoNormalizationLayersError(
                f"the model ({type(original).__name__}) has no normalization layer with running statistics: nothing "
                "to fold"
            )
        if tolerance is None:
            tolerance = _rounding([*original.parameters(), *seen.outputs])
        pairs, apart = _within(tolerance, reference, example, seen, pairs)
        folded: Any = _folded(reference, pairs)
        difference = _difference(folded, example, seen)
    return Folding(folded, {each.norm: each.layers for each in pairs}, apart | left, difference, followed)


def _followed(reference: nn.Module, example: Any, seen: Observation) -> tuple[Flow, str]:
    """The flow of the model, and for what it holds."""
    said_by: list[str] = []
    for follower, scope in ((traced, "symbolically"), (exported, "for inputs like the example")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are about the tools, which the user does not see
                flow = follower(Copier(reference).model, example)
        except Exception as error:
            said_by.append(said(error))
            continue
        if seen.agrees(flow):
            return flow, scope
        said_by.append("its layers are called in another order than in a run")
    raise UnusableInputError(
        f"neither torch.fx nor torch.export can follow the model ({type(reference).__name__}): {said_by[-1]}; fold "
        "those of its parts that they can follow"
    )


def _within(
    tolerance: float, reference: nn.Module, example: Any, seen: Observation, pairs: list[Pair]
) -> tuple[list[Pair], dict[str, str]]:
    """The pairs that may be folded together, and why not the others."""
    if not pairs or _objection(tolerance, reference, example, seen, pairs) is None:
        return pairs, {}
    kept: list[Pair] = []
    apart: dict[str, str] = {}
    for pair in pairs:
        objection = _objection(tolerance, reference, example, seen, [*kept, pair])
        if objection is None:
            kept.append(pair)
        else:
            apart[pair.norm] = f"with it in {' and '.join(map(repr, pair.layers))} {objection}"
    return kept, apart


def _objection(
    tolerance: float, reference: nn.Module, example: Any, seen: Observation, pairs: list[Pair]
) -> str | None:
    try:
        difference = _difference(_folded(reference, pairs), example, seen)
    except UnusableInputError as error:  # the model's code looks at the layer
        return str(error)
    return None if difference <= tolerance else f"the outputs differ by {difference:.1e} of their scale"


def _difference(model: nn.Module, example: Any, seen: Observation) -> float:
    return seen.distance(Observation(model, example, []).outputs)


def _folded(reference: nn.Module, pairs: Iterable[Pair]) -> nn.Module:
    model = _copied(reference)
    for pair in pairs:
        norm: Any = model.get_submodule(pair.norm)
        for layer in pair.layers:
            (follow if pair.after else precede)(model.get_submodule(layer), affine_of(norm))
        for holder in model.modules():
            for name, each in holder._modules.items():
                if each is norm:
                    holder._modules[name] = nn.Identity().eval()
    return model


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model).eval()
    except Exception as error:
        raise UnusableInputError(
            f"the model ({type(model).__name__}) cannot be copied, and the original is never changed: {said(error)}. "
            "Give the class a __deepcopy__, or move what cannot be copied out of the module"
        ) from error


def _rounding(tensors: list[Tensor]) -> float:
    coarsest = max((torch.finfo(each.dtype).eps for each in tensors if each.is_floating_point()), default=0.0)
    return max(TOLERANCE, ROUNDINGS * coarsest if coarsest > torch.finfo(torch.float32).eps else 0.0)
